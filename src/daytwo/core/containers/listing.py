"""All containers of an engine, as `docker inspect` tells of them."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from daytwo.core.command import command
from daytwo.core.errors import CommandError
from daytwo.core.explain import explain
from daytwo.core.reading import ask
from daytwo.core.run import Run
from daytwo.core.target import Target

_AT_ONCE = 100
"""Containers asked about in one go: so many fit into a command line, over SSH too."""
_MOST = 32 << 20
"""Bytes of one answer; a container takes 2 to 25 kB, most of them the words of its health probes."""
_TEMPLATE = (
    '{"id":{{json .Id}},"name":{{json .Name}},"state":{{json .State}},"restarts":{{json .RestartCount}},'
    '"image":{{json .Config.Image}},"image_id":{{json .Image}},"labels":{{json .Config.Labels}},'
    '"log":{{json .LogPath}},"host":{{json .HostConfig}}}'
)
_ID = re.compile("[0-9a-f]{12,64}")
_LABEL = "com.docker.compose."


@dataclass(frozen=True, slots=True)
class Health:
    """What the engine's own probes of a container say.

    Args:
        status: `healthy`, `unhealthy`, `starting`, or empty where there are none.
        streak: how many failed in a row.
        code: the exit code of the last one.
        said: its output.
    """

    status: str = ""
    streak: int = 0
    code: int = 0
    said: str = ""


@dataclass(frozen=True, slots=True)
class Container:
    """A container at one moment.

    Args:
        id: 64 hexadecimal digits.
        name: its name, without the slash that the engine shows.
        status: `created`, `running`, `paused`, `restarting`, `removing`, `exited` or `dead`.
        pid: its first process as the engine's machine counts; 0 where none runs.
        exit_code: of its last end.
        error: why the engine could not start it.
        oom_killed: its last end was for want of memory.
        started: its last start, in nanoseconds since 1970; 0 where it never was.
        finished: its last end, likewise.
        health: what the engine's probes say.
        restarts: by its restart policy since it was made.
        image: as it was asked for.
        image_id: the image's own id.
        project: the Compose project, or empty.
        service: the Compose service, or empty.
        log: the file its output is written to, or empty.
        host_network: it has no network of its own.
        memory_limit: bytes, or 0.
        cores_limit: cores, or 0.
    """

    id: str
    name: str
    status: str
    pid: int = 0
    exit_code: int = 0
    error: str = ""
    oom_killed: bool = False
    started: int = 0
    finished: int = 0
    health: Health = Health()
    restarts: int = 0
    image: str = ""
    image_id: str = ""
    project: str = ""
    service: str = ""
    log: str = ""
    host_network: bool = False
    memory_limit: int = 0
    cores_limit: float = 0.0

    @property
    def runs(self) -> bool:
        """Whether it has processes, be they frozen."""
        return self.pid > 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which container is meant: by its name or id, or by its Compose project and service.

    Args:
        name: the container's name, its id, or at least 12 digits of that.
        project: the Compose project.
        service: the Compose service.
    """

    name: str = ""
    project: str = ""
    service: str = ""

    def __str__(self) -> str:
        return self.name or f"of service {self.service} in the Compose project {self.project}"

    def among(self, containers: Sequence[Container]) -> list[Container]:
        """Those that are meant; several where a Compose service has several."""
        if not self.name:
            return [one for one in containers if (one.project, one.service) == (self.project, self.service)]
        named = [one for one in containers if one.name == self.name]
        return named or [one for one in containers if len(self.name) >= 12 and one.id.startswith(self.name)]

    def nearest(self, containers: Sequence[Container]) -> str:
        """The name that is nearest to the one that is not there, or empty."""
        if self.name:
            near = get_close_matches(self.name, [one.name for one in containers], 1)
        else:
            services = [one.service for one in containers if one.service and one.project == self.project]
            near = get_close_matches(self.service, services, 1)
        return near[0] if near else ""


def listing(host: Target, run: Run) -> tuple[Container, ...]:
    """All containers, running or not.

    Args:
        host: where the engine is reached.
        run: the run it belongs to.

    Raises:
        UnreachableError, CommandError, MissingToolError: the engine cannot be asked.
    """
    ids = ask(host, command("docker", "ps", "--all", "--quiet", where=str(host)), run).text.split()
    if not all(_ID.fullmatch(id) for id in ids):
        raise CommandError("`docker ps` says something that is not understood", where=str(host))
    found: list[Container] = []
    for first in range(0, len(ids), _AT_ONCE):
        inner = command(
            "docker", "inspect", "--type", "container", "--format", _TEMPLATE, ids[first : first + _AT_ONCE],
            where=str(host), ok=(0, 1),
        )  # fmt: skip
        answer = ask(host, inner, run, most=_MOST)
        # One that has gone since it was listed ends the command with 1, and the others are told all the same.
        if answer.code and not _only_gone(answer.stderr):
            raise explain(inner, "docker", answer.code, answer.stderr)
        found += parse(answer.text)
    return tuple(found)


def digests(host: Target, images: Sequence[str], run: Run) -> Mapping[str, str]:
    """The digests by which images were pulled, by their ids; empty for one that was built here or is gone.

    Raises:
        UnreachableError, CommandError, MissingToolError: the engine cannot be asked.
    """
    if not images:
        return {}
    template = "{{.Id}} {{json .RepoDigests}}"
    inner = command("docker", "image", "inspect", "--format", template, images, where=str(host), ok=(0, 1))
    found = dict.fromkeys(images, "")
    for line in ask(host, inner, run).text.splitlines():
        id, _, pulled = line.partition(" ")
        names = json.loads(pulled or "null") or []
        found[id] = str(names[0]).rpartition("@")[2] if names else ""
    return found


def parse(text: str) -> list[Container]:
    """Read what `docker inspect` printed, a line each.

    Raises:
        CommandError: it is not what it should be.
    """
    try:
        return [_container(json.loads(line)) for line in text.splitlines() if line]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CommandError(f"`docker inspect` says something that is not understood: {error!r:.200}") from None


def _container(told: Mapping[str, Any]) -> Container:
    state, host, labels = told["state"], told["host"], told["labels"] or {}
    return Container(
        id=told["id"],
        name=told["name"].removeprefix("/"),
        status=state["Status"],
        pid=state["Pid"] or 0,
        exit_code=state["ExitCode"],
        error=state.get("Error") or "",
        oom_killed=bool(state.get("OOMKilled")),
        started=nanoseconds(state["StartedAt"]),
        finished=nanoseconds(state["FinishedAt"]),
        health=_health(state.get("Health") or {}),
        restarts=told["restarts"],
        image=told["image"],
        image_id=told["image_id"],
        project=labels.get(f"{_LABEL}project", ""),
        service=labels.get(f"{_LABEL}service", ""),
        log=told["log"] or "",
        host_network=host.get("NetworkMode") == "host",
        memory_limit=host.get("Memory") or 0,
        cores_limit=_cores(host),
    )


def _health(told: Mapping[str, Any]) -> Health:
    status = told.get("Status", "none")
    last = (told.get("Log") or [{}])[-1]
    if status == "none":
        return Health()
    return Health(status, told.get("FailingStreak", 0), last.get("ExitCode", 0), last.get("Output", ""))


def _cores(host: Mapping[str, Any]) -> float:
    """How many cores it may use: the smallest of `--cpus`, the quota of the scheduler and `--cpuset-cpus`."""
    quota, period = host.get("CpuQuota") or 0, host.get("CpuPeriod") or 100_000
    limits = [(host.get("NanoCpus") or 0) / 1e9, quota / period, float(_set(host.get("CpusetCpus") or ""))]
    return min((limit for limit in limits if limit > 0), default=0.0)


def _set(text: str) -> int:
    """How many cores a list such as `0-2,7` names."""
    count = 0
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        count += int(last or first) - int(first) + 1
    return count


def nanoseconds(stamp: str) -> int:
    """A time as the engine writes it, in nanoseconds since 1970; 0 for its year 1, which means never.

    Raises:
        ValueError: it is no time.
    """
    if stamp.startswith("0001-"):
        return 0
    whole, _, rest = stamp.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    zone = rest[len(digits) :] if rest else ""
    at = datetime.fromisoformat(f"{whole}{zone}")
    return int(at.timestamp()) * 1_000_000_000 + int(digits.ljust(9, "0")[:9] or 0)


def _only_gone(stderr: str) -> bool:
    lines = [line for line in stderr.splitlines() if line.strip()]
    return bool(lines) and all("no such" in line.lower() for line in lines)
