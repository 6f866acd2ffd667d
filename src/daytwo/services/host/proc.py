"""What Linux says of itself under `/proc`, taken apart. Formats: the kernel's documentation, `filesystems/proc.rst`."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from daytwo.core.reading import number

SECTOR = 512
"""Bytes that `/proc/diskstats` calls a sector, whatever the disk has (`admin-guide/iostats.rst`)."""


@dataclass(frozen=True)
class Cpu:
    """Time that the processors have spent, in ticks since the start.

    Args:
        busy: with work.
        idle: with nothing.
        waiting: idle with a process that waits for a disk.
        stolen: taken by the machine that this virtual one is on.
        count: how many processors there are.
    """

    busy: float
    idle: float
    waiting: float
    stolen: float
    count: int

    def since(self, before: "Cpu") -> dict[str, float]:
        """The shares of the time between two readings; empty where no time has passed, or the machine began anew."""
        parts = {
            "cpu": self.busy - before.busy,
            "iowait": self.waiting - before.waiting,
            "steal": self.stolen - before.stolen,
        }
        whole = sum(parts.values()) + self.idle - before.idle
        if whole <= 0 or self.idle < before.idle:
            return {}
        return {name: min(1.0, max(0.0, part / whole)) for name, part in parts.items()}


def read_cpu(text: str) -> Cpu | None:
    """`/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal (guests are in user and nice already)."""
    found = re.search(r"^cpu +(.*)$", text, re.MULTILINE)
    ticks = [float(one) for one in found[1].split()[:8]] if found else []
    if len(ticks) < 5:
        return None
    user, nice, system, idle, waiting, *rest = ticks
    irq, softirq, stolen = (*rest, 0, 0, 0)[:3]
    return Cpu(
        busy=user + nice + system + irq + softirq, idle=idle, waiting=waiting, stolen=stolen,
        count=len(re.findall(r"^cpu\d+ ", text, re.MULTILINE)) or 1,
    )  # fmt: skip


def read_memory(text: str) -> dict[str, float]:
    """`/proc/meminfo`. `MemAvailable` is what programs may still take; kernels before 3.14 have none."""
    kilobytes = {name: float(value) for name, value in re.findall(r"^(\w+):\s+(\d+)", text, re.MULTILINE)}
    whole, swap = kilobytes.get("MemTotal", 0), kilobytes.get("SwapTotal", 0)
    old = sum(kilobytes.get(name, 0) for name in ("MemFree", "Buffers", "Cached"))
    available = kilobytes.get("MemAvailable", old)
    found = {"memory": 1 - available / whole, "memory_available": available * 1024} if whole else {}
    return found | ({"swap": 1 - kilobytes.get("SwapFree", 0) / swap} if swap else {})


def read_load(text: str, processors: int) -> dict[str, float]:
    """`/proc/loadavg`: of the last minute, for each processor."""
    load = number(text.split(maxsplit=1)[0]) if text.strip() else None
    return {} if load is None else {"load": load / processors}


def read_disks(text: str, physical: Iterable[str]) -> dict[str, float]:
    """`/proc/diskstats`: bytes read and written by these disks."""
    wanted, read, written = set(physical), 0.0, 0.0
    seen = False
    for words in (line.split() for line in text.split("\n")):
        if len(words) >= 10 and words[2] in wanted:
            read, written, seen = read + float(words[5]) * SECTOR, written + float(words[9]) * SECTOR, True
    return {"disk_read": read, "disk_written": written} if seen else {}


def read_network(text: str, physical: Iterable[str]) -> dict[str, float]:
    """`/proc/net/dev`: bytes received and sent by these interfaces; by all but the inner one where none is physical."""
    lines = (line.partition(":") for line in text.split("\n") if ":" in line)
    words = {name.strip(): rest.split() for name, _, rest in lines}
    chosen = set(physical) & words.keys() or words.keys() - {"lo"}
    counted = [words[name] for name in chosen if len(words[name]) >= 9]
    if not counted:
        return {}
    return {"received": sum(float(one[0]) for one in counted), "sent": sum(float(one[8]) for one in counted)}


def read_killed(text: str) -> dict[str, float]:
    """`/proc/vmstat`: processes killed for want of memory."""
    found = re.search(r"^oom_kill (\d+)$", text, re.MULTILINE)
    return {"oom_kills": float(found[1])} if found else {}


def sections(text: str, mark: str) -> Mapping[str, str]:
    """What is between lines that begin with a mark and a name."""
    parts = re.split(rf"^{re.escape(mark)} (\w+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))
