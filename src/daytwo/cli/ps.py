"""`daytwo ps`: the app's containers in one table."""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from daytwo.cli.numbers import shown
from daytwo.cli.options import ConfigOption, JsonOption, make
from daytwo.cli.output import line, print_json, table, use_zone, when
from daytwo.core.check import Observation, Unit, Verdict
from daytwo.core.errors import DaytwoError, ExitCode, UsageError

if TYPE_CHECKING:
    from daytwo.config import Config
    from daytwo.core.containers import ContainerCheck

ps = make("The app's containers: state, health, restarts, CPU, memory.")
_DAY = "24h"
_NONE = "-"
_HEAD = ("SERVICE", "CONTAINER", "STATE", "HEALTH", "UP SINCE", "RESTARTS 24H", "CPU", "MEMORY", "LOG")


@dataclass(frozen=True)
class Row:
    """A container of the app; what is not known is None.

    Args:
        service: the service's name.
        container: the container's name, or how it is looked for where it is not there.
        verdict: `ok`, `failed` or `inconclusive`.
        why: in words, when it is not ok.
        state: as the engine calls it; `missing` where there is none, `unknown` where the engine does not answer.
        health: by the engine's own probes.
        up_since: its last start.
        restarts_24h: as the daemon counted them.
        cpu: of one core, a fraction.
        memory: bytes in use.
        memory_limit: bytes it may use: its limit, or what the machine has.
        log_size: bytes.
        image: as it was asked for.
        digest: of the image, where it was pulled.
    """

    service: str
    container: str
    verdict: str
    why: str
    state: str
    health: str | None
    up_since: datetime | None
    restarts_24h: int | None
    cpu: float | None
    memory: float | None
    memory_limit: float | None
    log_size: float | None
    image: str | None
    digest: str | None


@ps.command()
def run(config: ConfigOption = None, json: JsonOption = False) -> None:
    """The app's containers: state, health, restarts, CPU, memory. Ends with 1 when one is not as it should be.

    They are looked at now, for a moment; restarts are those that the daemon has counted.
    """
    from daytwo.config import load
    from daytwo.core.schedule import zone_of

    loaded = load(config)
    use_zone(zone_of(loaded.timezone))
    checks = _checks(loaded)
    if not checks:
        raise UsageError("no service is in a container", hint="Give a service its `container:`")
    restarts = _restarts(loaded, config, checks)
    now = datetime.now(UTC)
    rows = [
        row(check, seen, restarts.get(check.name), now)
        for check, seen in zip(checks, asyncio.run(_look(checks)), strict=True)
    ]
    if json:
        print_json([asdict(one) for one in rows])
    else:
        _show(rows)
    raise typer.Exit(ExitCode.FAILED if any(one.why for one in rows) else ExitCode.OK)


def row(check: "ContainerCheck", seen: Observation, restarts: int | None, now: datetime) -> Row:
    """What is shown of an observation."""
    numbers, facts = seen.numbers, seen.facts
    up, memory, share = numbers.get("uptime"), numbers.get("memory"), numbers.get("memory_limit")
    nothing = "unknown" if seen.verdict is Verdict.INCONCLUSIVE else "missing"
    return Row(
        service=check.service,
        container=facts.get("container", str(check.wanted)),
        verdict=seen.verdict.value,
        why=seen.why,
        state=facts.get("state", nothing),
        health=facts.get("health"),
        up_since=None if up is None else now - timedelta(seconds=round(up)),
        restarts_24h=restarts,
        cpu=numbers.get("cpu"),
        memory=memory,
        memory_limit=memory / share if memory is not None and share else None,
        log_size=numbers.get("log_size"),
        image=facts.get("image"),
        digest=facts.get("digest"),
    )


def _checks(config: "Config") -> "list[ContainerCheck]":
    """One of each service in a container, whether it is watched or not."""
    from daytwo.config.making import services_of
    from daytwo.core.containers import ContainerCheck
    from daytwo.watch.catalog import all_of

    services = services_of(config).values()
    return [check for service in services for check in all_of(service) if isinstance(check, ContainerCheck)]


async def _look(checks: "Sequence[ContainerCheck]") -> Sequence[Observation]:
    from daytwo.watch.asking import Asker
    from daytwo.watch.connectivity import Connectivity

    async with Asker(Connectivity(())) as asker:
        return await asyncio.gather(*(asker.ask(check) for check in checks))


def _restarts(config: "Config", path: Path | None, checks: "Iterable[ContainerCheck]") -> Mapping[str, int]:
    """Restarts in the last day by check, as far as they were counted; nothing where there is no state to read."""
    from daytwo.cli.books import opened_books
    from daytwo.store.url import StateUrl

    found = {}
    with contextlib.suppress(DaytwoError):
        url = StateUrl.of(config)
        if url.is_sqlite and not url.file.exists():
            return {}
        with opened_books(path) as books:
            known = {one.name for one in books.views.series("*.restarts")}
            for check in checks:
                if (series := f"{check.name}.restarts") in known:
                    found[check.name] = round(books.views.chart(series, _DAY, 0).rise)
    return found


def _show(rows: Sequence[Row]) -> None:
    table(_HEAD, [tuple(_cells(one)) for one in rows], right=frozenset({5, 6}))
    bad = [one for one in rows if one.why]
    if bad:
        line()
    for one in bad:
        line(f"{one.service}: {one.why}")


def _cells(one: Row) -> Iterator[str]:
    yield one.service
    yield one.container
    yield one.state
    yield one.health or _NONE
    yield when(one.up_since) if one.up_since else _NONE
    yield _NONE if one.restarts_24h is None else str(one.restarts_24h)
    yield _NONE if one.cpu is None else shown(one.cpu, Unit.RATIO)
    used = _NONE if one.memory is None else shown(one.memory, Unit.BYTES)
    yield f"{used} / {shown(one.memory_limit, Unit.BYTES)}" if one.memory_limit else used
    yield _NONE if one.log_size is None else shown(one.log_size, Unit.BYTES)
