"""What a container uses, by its control group (version 1 or 2) and the counters of its network."""

from collections.abc import Mapping
from dataclasses import dataclass

from daytwo.core.containers.listing import Container

_TOP = "/sys/fs/cgroup"
MEMINFO = "/proc/meminfo"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a container used when it was looked at; what cannot be known is None.

    Args:
        at: when, by a monotonic clock in seconds.
        cpu_seconds: of one core, since its start.
        cpu: cores at work now, where the engine tells that instead.
        memory: bytes without the page cache that can be taken back.
        memory_most: bytes it may use: its limit, or what the machine has.
        received: bytes over its network, without the loopback.
        sent: bytes over its network.
        disk_read: bytes from block devices.
        disk_written: bytes to block devices.
        pids: processes and threads.
        log: bytes of its log files.
    """

    at: float
    cpu_seconds: float | None = None
    cpu: float | None = None
    memory: float | None = None
    memory_most: float | None = None
    received: float | None = None
    sent: float | None = None
    disk_read: float | None = None
    disk_written: float | None = None
    pids: float | None = None
    log: float | None = None

    def cores_since(self, before: "Usage | None") -> float | None:
        """Cores at work on average since an earlier look; None where that cannot be told."""
        if self.cpu is not None:
            return self.cpu
        if before is None or self.cpu_seconds is None or before.cpu_seconds is None or self.at <= before.at:
            return None
        return max(0.0, self.cpu_seconds - before.cpu_seconds) / (self.at - before.at)


@dataclass(frozen=True, slots=True)
class Group:
    """Where the figures of a container are.

    Args:
        paths: files by what is in them: `cpu`, `memory`, `memory.stat`, `disk`, `pids`, `network`.
        version: of control groups, 1 or 2.
    """

    paths: Mapping[str, str]
    version: int


def membership(one: Container) -> str:
    """The file that says which control group a container is in."""
    return f"/proc/{one.pid}/cgroup"


def group_of(one: Container, told: str) -> Group | None:
    """Where its figures are; None where they cannot be seen from here.

    Args:
        one: a running container.
        told: what `membership` says. Where its process is not of this machine (an engine elsewhere, or daytwo itself
            in a container), there is none, or that of another process, which does not bear the container's id.
    """
    groups: dict[str, str] = {}
    for line in told.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        groups |= dict.fromkeys(controllers.split(","), path)
    network = {} if one.host_network else {"network": f"/proc/{one.pid}/net/dev"}
    if one.id in groups.get("memory", ""):
        files = {
            "cpu": ("cpuacct", "cpuacct.usage"),
            "memory": ("memory", "memory.usage_in_bytes"),
            "memory.stat": ("memory", "memory.stat"),
            "disk": ("blkio", "blkio.throttle.io_service_bytes_recursive"),
            "pids": ("pids", "pids.current"),
        }
        paths = {
            what: f"{_TOP}/{controller}{groups[controller]}/{file}"
            for what, (controller, file) in files.items()
            if controller in groups
        }
        return Group(paths | network, 1)
    if one.id in groups.get("", ""):
        files_2 = {
            "cpu": "cpu.stat",
            "memory": "memory.current",
            "memory.stat": "memory.stat",
            "disk": "io.stat",
            "pids": "pids.current",
        }
        return Group({what: f"{_TOP}{groups['']}/{file}" for what, file in files_2.items()} | network, 2)
    return None


def usage(one: Container, group: Group, texts: Mapping[str, str], log: float | None, at: float) -> Usage:
    """Read the figures.

    Args:
        one: the container.
        group: where its figures are.
        texts: what the files say, by path; one that cannot be read is missing.
        log: bytes of its log files, where they can be seen.
        at: when they were read, by a monotonic clock.
    """
    told = {what: texts[path] for what, path in group.paths.items() if path in texts}
    old = group.version == 1
    read, written = _disk_1(told.get("disk")) if old else _disk_2(told.get("disk"))
    received, sent = _network(told.get("network"))
    return Usage(
        at=at,
        cpu_seconds=_cpu(told.get("cpu"), old),
        memory=_memory(told.get("memory"), told.get("memory.stat"), old),
        memory_most=one.memory_limit or _total(texts.get(MEMINFO)),
        received=received,
        sent=sent,
        disk_read=read,
        disk_written=written,
        pids=_number(told.get("pids")),
        log=log,
    )


def _cpu(text: str | None, old: bool) -> float | None:
    nanoseconds = _number(text) if old else _scaled(_pairs(text).get("usage_usec"), 1000)
    return _scaled(nanoseconds, 1e-9)


def _memory(text: str | None, stat: str | None, old: bool) -> float | None:
    """Bytes without the page cache that nobody used lately, as `docker stats` counts (docker/cli, stats_helpers.go)."""
    used = _number(text)
    if used is None:
        return None
    cache = _pairs(stat).get("total_inactive_file" if old else "inactive_file", 0.0)
    return used - cache if cache < used else used


def _disk_1(text: str | None) -> tuple[float | None, float | None]:
    if text is None:
        return None, None
    words = [parts for line in text.splitlines() if len(parts := line.split()) == 3]
    sums = [sum((float(n) for _, act, n in words if act == what), 0.0) for what in ("Read", "Write")]
    return sums[0], sums[1]


def _disk_2(text: str | None) -> tuple[float | None, float | None]:
    if text is None:
        return None, None
    pairs = [word.partition("=") for word in text.split() if "=" in word]
    sums = [sum((float(value) for name, _, value in pairs if name == what), 0.0) for what in ("rbytes", "wbytes")]
    return sums[0], sums[1]


def _network(text: str | None) -> tuple[float | None, float | None]:
    """From proc_pid_net(5): after two lines of head, each interface with eight columns received and eight sent."""
    if text is None:
        return None, None
    received = sent = 0.0
    for line in text.splitlines()[2:]:
        name, _, rest = line.partition(":")
        columns = rest.split()
        if name.strip() != "lo" and len(columns) >= 9:
            received += float(columns[0])
            sent += float(columns[8])
    return received, sent


def _total(text: str | None) -> float | None:
    for line in (text or "").splitlines():
        if line.startswith("MemTotal:"):
            return float(line.split()[1]) * 1024
    return None


def _pairs(text: str | None) -> dict[str, float]:
    words = [line.split() for line in (text or "").splitlines()]
    return {line[0]: float(line[1]) for line in words if len(line) == 2}


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None


def _scaled(value: float | None, by: float) -> float | None:
    return None if value is None else value * by
