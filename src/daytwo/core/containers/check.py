"""The check of a container: its state, its health, how often it was started again, what it uses."""

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime

from daytwo.core.check import Around, Check, Measure, Observation, Timing, Unit
from daytwo.core.containers.history import Earlier, Tally
from daytwo.core.containers.listing import Container, Wanted
from daytwo.core.containers.usage import Usage
from daytwo.core.containers.view import Seen, View
from daytwo.core.containers.words import complaint
from daytwo.core.errors import DaytwoError
from daytwo.core.reading import one_line
from daytwo.core.service import AnyService
from daytwo.core.target import Target

TIMING = Timing(every=30, timeout=10, failures=2)
"""What is usual: a look costs next to nothing. Two in a row, so that a restart as part of a deployment is no alert."""
_FIRST = 0.25
"""Seconds over which the CPU is measured when there was no look before."""
_MEASURES = (
    Measure("restarts", Unit.COUNT, "starts under this name but the first, however they came", total=True),
    Measure("oom_kills", Unit.COUNT, "times it ran out of memory", total=True),
    Measure("uptime", Unit.SECONDS, "since its last start"),
    Measure("cpu", Unit.RATIO, "of one core, on average since the last look"),
    Measure("cpu_limit", Unit.RATIO, "of the cores it may use; only with a limit"),
    Measure("memory", Unit.BYTES, "in use, without page cache that can be taken back"),
    Measure("memory_limit", Unit.RATIO, "of its limit, or else of the machine's memory"),
    Measure("network_received", Unit.BYTES, "over its network since its start", total=True),
    Measure("network_sent", Unit.BYTES, "over its network since its start", total=True),
    Measure("disk_read", Unit.BYTES, "from block devices since its start", total=True),
    Measure("disk_written", Unit.BYTES, "to block devices since its start", total=True),
    Measure("pids", Unit.COUNT, "processes and threads"),
    Measure("log_size", Unit.BYTES, "of its log files, where they can be seen"),
)


class ContainerCheck(Check):
    """Asks how a container is.

    Args:
        name: the check's name.
        service: the service's name.
        timing: when it is asked.
        wanted: which container.
        host: where its engine is reached.
    """

    about = "state, health, restarts, CPU, memory and log size of a container"
    measures = _MEASURES

    def __init__(self, name: str, service: str, timing: Timing, wanted: Wanted, host: Target) -> None:
        super().__init__(name, service, timing)
        self.wanted = wanted
        self.host = host
        self._before: tuple[str, int, Usage] | None = None
        self._earlier: Earlier | None = None
        self._tallies: dict[str, Tally] = {}

    def recall(self, before: Observation) -> None:
        """Go on counting: what happened while nobody watched is told by the container."""
        self._earlier = _earlier(before)

    async def probe(self, around: Around) -> Observation:
        """Look at the container. Whatever is wrong with the engine says nothing of it."""
        end = time.monotonic() + around.remaining() * 0.9
        view = View.of(self.host, around.shared, around.work)
        try:
            seen = await view.seen(end)
        except TimeoutError:
            return Observation.inconclusive(f"the container engine of {self.host} does not answer in time")
        except DaytwoError as error:
            return Observation.inconclusive(str(error))
        found = self.wanted.among(seen.containers)
        if not found:
            return Observation.failed(self._missing(seen))
        # Of several of a Compose service, and while one takes the place of another: those that have not ended, and of
        # these one that something is wrong with.
        one = min(found, key=lambda container: (not _lives(container), not complaint(container), container.name))
        self._tallies |= {each.name: view.tally(each, self._earlier) for each in found}
        observed = await self._observed(one, seen, view, end)
        if len(found) == 1:
            return observed
        several = f"{sum(other.runs for other in found)} of {len(found)} run"
        return replace(observed, facts={**observed.facts, "containers": several})

    async def _observed(self, one: Container, seen: Seen, view: View, end: float) -> Observation:
        tally = self._tallies[one.name]
        # Of all that there ever were: a total that is now of one and now of another would seem to grow.
        numbers = {
            "restarts": float(sum(each.restarts for each in self._tallies.values())),
            "oom_kills": float(sum(each.oom_kills for each in self._tallies.values())),
        }
        facts = _facts(one, seen, tally.exit_code)
        if one.runs:
            numbers["uptime"] = max(0.0, time.time() - one.started / 1e9)
            try:
                numbers |= await self._used(one, view, end)
            except (DaytwoError, TimeoutError) as error:
                facts["figures"] = one_line(f"not known: {error or 'no answer in time'}")
        why = complaint(one)
        return Observation.failed(why, numbers, facts) if why else Observation.ok(numbers, facts)

    async def _used(self, one: Container, view: View, end: float) -> dict[str, float]:
        before = self._before[2] if self._before and self._before[:2] == (one.id, one.started) else None
        used = await view.usage(one, end)
        if before is None and used is not None and used.cpu is None and used.cpu_seconds is not None:
            before = used
            await asyncio.sleep(min(_FIRST, max(0.0, end - time.monotonic()) / 4))
            used = await view.usage(one, end, newer_than=before.at)
        if used is None:
            return {}
        self._before = (one.id, one.started, used)
        return _numbers(one, used, used.cores_since(before))

    def _missing(self, seen: Seen) -> str:
        near = self.wanted.nearest(seen.containers)
        there = "" if self.host.is_local else f" on {self.host}"
        what = f"container {self.wanted}{there}"
        return f"there is no {what}; the nearest name is {one_line(near)}" if near else f"there is no {what}"


def container_check_of(service: AnyService) -> ContainerCheck | None:
    """The check that a service gets for free as it is in a container; None where it is in none."""
    name = service.settings.container
    if not name:
        return None
    timing = service.timing(TIMING)
    return ContainerCheck(f"{service.name}.container", service.name, timing, Wanted(name), service.target.host)


def _lives(one: Container) -> bool:
    return one.runs or one.status == "restarting"


def _numbers(one: Container, used: Usage, cores: float | None) -> dict[str, float]:
    limited = one.cores_limit if cores is not None else 0
    share = used.memory / used.memory_most if used.memory is not None and used.memory_most else None
    found = {
        "cpu": cores,
        "cpu_limit": cores / limited if cores is not None and limited else None,
        "memory": used.memory,
        "memory_limit": share,
        "network_received": used.received,
        "network_sent": used.sent,
        "disk_read": used.disk_read,
        "disk_written": used.disk_written,
        "pids": used.pids,
        "log_size": used.log,
    }
    return {name: value for name, value in found.items() if value is not None}


def _facts(one: Container, seen: Seen, last_exit: int | None) -> dict[str, str]:
    exit_code = one.exit_code if not one.runs and one.finished else last_exit
    facts = {
        "state": one.status,
        "health": one.health.status,
        "image": one.image,
        "digest": seen.digests.get(one.image_id, ""),
        "image_id": one.image_id,
        "container": one.name,
        "id": one.id[:12],
        "exit_code": "" if exit_code is None else str(exit_code),
        "started": datetime.fromtimestamp(one.started // 1_000_000_000, UTC).isoformat() if one.started else "",
        "restart_count": str(one.restarts),
    }
    return {name: one_line(value) for name, value in facts.items() if value}


def _earlier(before: Observation) -> Earlier | None:
    """What an observation tells of a container; None where there was none."""
    facts, numbers = before.facts, before.numbers
    try:
        return Earlier(
            name=facts["container"],
            id=facts["id"],
            started=int(datetime.fromisoformat(facts["started"]).timestamp()),
            policy=int(facts["restart_count"]),
            restarts=int(numbers["restarts"]),
            oom_kills=int(numbers["oom_kills"]),
        )
    except (KeyError, ValueError):
        return None
