"""How a machine is: processors, memory, disks, network, failed units."""

import time
from fnmatch import fnmatchcase

from daytwo.core.check import Measure, Observation, ProgramCheck, Timing, Unit
from daytwo.core.command import command
from daytwo.core.disk import Used, read_df
from daytwo.core.errors import SourceError
from daytwo.core.fileset.site import C
from daytwo.core.reading import ask, number, one_line
from daytwo.core.run import Run
from daytwo.core.target import Target
from daytwo.core.units import Duration
from daytwo.services.host import proc

READY = Timing(every=60, timeout=20)
_FIRST_LOOK = "0.5"
"""Seconds between two readings of the processors' time at the first look; later ones compare with the one before."""
_MARK = "=daytwo="
_MOST_DISKS = 50
_MOST_NAMES = 10

_ON_DISKS = "ext[234]|xfs|btrfs|zfs|f2fs|jfs|reiserfs|bcachefs|vfat|ntfs3?|exfat|ubifs"
# One that is to be written to and cannot be (`turned`) was made so by the kernel, for its errors: then the mount says
# `rw` still, and the file system `ro` (proc(5), mountinfo). One that a person mounts read-only says `ro` in both.
# A file system that is mounted several times (a bind mount, a subvolume) is looked at once, where its path is
# shortest. Network file systems are left out: `df` hangs when their server is gone, and they are another machine's.
_LOOK = rf"""
section() {{ echo "{_MARK} $1"; }}
[ "$1" = 0 ] || {{ section before; cat /proc/stat; sleep "$1"; }}
section stat; cat /proc/stat
section meminfo; cat /proc/meminfo
section loadavg; cat /proc/loadavg
section uptime; cat /proc/uptime
section boot; cat /proc/sys/kernel/random/boot_id
section vmstat; grep oom_kill /proc/vmstat
section diskstats; cat /proc/diskstats
section disks; for one in /sys/block/*/device; do one=${{one%/device}}; echo "${{one##*/}}"; done
section net; cat /proc/net/dev
section interfaces; for one in /sys/class/net/*/device; do one=${{one%/device}}; echo "${{one##*/}}"; done
section units
if command -v systemctl >/dev/null 2>&1 && [ -d /run/systemd/system ]; then
  systemctl list-units --state=failed --plain --no-legend --no-pager --full && echo told
fi
section turned
awk '{{
  split(substr($0, index($0, " - ") + 3), of, " ")
  if (of[1] ~ /^({_ON_DISKS})$/ && $6 ~ /^rw(,|$)/ && of[3] ~ /^ro(,|$)/ && !seen[$3]++) print $5
}}' /proc/self/mountinfo | while read -r one; do printf '%b\n' "$one"; done
set -f
IFS='
'
set -- $(awk '$3 ~ /^({_ON_DISKS})$/ ||
    ($3 ~ /^(overlay|fuseblk)$/ && $2 == "/") {{
  if ($4 ~ /^ro(,|$)/) next
  if (!($1 in at) || length($2) < length(at[$1])) at[$1] = $2
}} END {{ for (one in at) print at[one] }}' /proc/self/mounts | while read -r one; do printf '%b\n' "$one"; done)
section space; [ $# = 0 ] || df -Pk -- "$@"
section inodes; [ $# = 0 ] || df -Pi -- "$@"
true
"""


class HostCheck(ProgramCheck):
    """How a machine is. It fails only when it does not answer: what is too much, rules say."""

    about = "processors, memory, disks, network, failed units"
    measures: tuple[Measure, ...] = (
        Measure("duration", Unit.SECONDS, "until the answer was there"),
        Measure("cpu", Unit.RATIO, "time of all processors with work, since the last look"),
        Measure("iowait", Unit.RATIO, "time that they were idle and a process waited for a disk"),
        Measure("steal", Unit.RATIO, "time that was taken by the machine this virtual one is on"),
        Measure("load", Unit.RATIO, "processes that run or wait, for each processor, over a minute"),
        Measure("memory", Unit.RATIO, "memory in use (all but MemAvailable)"),
        Measure("memory_available", Unit.BYTES, "memory that programs may still take"),
        Measure("swap", Unit.RATIO, "swap in use"),
        Measure("disk", Unit.RATIO, "space in use of the fullest file system"),
        Measure("inodes", Unit.RATIO, "inodes in use of the file system with the fewest left"),
        Measure("disk_read", Unit.BYTES, "read from disks", total=True),
        Measure("disk_written", Unit.BYTES, "written to disks", total=True),
        Measure("received", Unit.BYTES, "received from the network", total=True),
        Measure("sent", Unit.BYTES, "sent to the network", total=True),
        Measure("oom_kills", Unit.COUNT, "processes killed for want of memory", total=True),
        Measure("uptime", Unit.SECONDS, "since it was started"),
        Measure("reboots", Unit.COUNT, "times that it was found to have been started anew", total=True),
        Measure("failed_units", Unit.COUNT, "units of systemd that have failed"),
        Measure("read_only", Unit.COUNT, "file systems that the kernel lets nobody write to any more"),
    )

    def __init__(self, name: str, service: str, timing: Timing, target: Target, ignore: tuple[str, ...]) -> None:
        super().__init__(name, service, timing)
        self._target = target
        self._ignore = ignore
        self._cpu: proc.Cpu | None = None
        self._boot = ""
        self._reboots = 0.0

    def recall(self, before: Observation) -> None:
        """Remember which start of the machine was seen, since a daemon on it does not outlive one."""
        self._boot = before.facts.get("boot", "")
        self._reboots = before.numbers.get("reboots", 0.0)

    def look(self, run: Run) -> Observation:
        """Look."""
        begun = time.monotonic()
        script = command("sh", "-c", _LOOK, "sh", "0" if self._cpu else _FIRST_LOOK, env=C, where=str(self._target))
        found = proc.sections(ask(self._target, script, run).text + "\n", _MARK)
        took = time.monotonic() - begun
        if not found.get("meminfo"):
            raise SourceError("there is no /proc to read", where=str(self._target), hint="Only Linux is understood")
        numbers = {"duration": took} | self._processors(found["stat"], found.get("before", ""))
        numbers |= proc.read_memory(found["meminfo"]) | proc.read_killed(found["vmstat"])
        numbers |= proc.read_disks(found["diskstats"], found["disks"].split())
        numbers |= proc.read_network(found["net"], found["interfaces"].split())
        if self._cpu:
            numbers |= proc.read_load(found["loadavg"], self._cpu.count)
        facts: dict[str, str] = {}
        self._started(found["uptime"], found["boot"].strip(), numbers, facts)
        self._full(found["space"], found["inodes"], numbers, facts)
        _failed(found["units"], numbers, facts)
        turned = [one for one in found["turned"].splitlines() if not self._ignored(one)]
        _named("read_only", turned, numbers, facts)
        return Observation.ok(numbers, facts)

    def _processors(self, text: str, earlier: str) -> dict[str, float]:
        now = proc.read_cpu(text)
        before, self._cpu = proc.read_cpu(earlier) or self._cpu, now
        return now.since(before) if now and before else {}

    def _started(self, uptime: str, boot: str, numbers: dict[str, float], facts: dict[str, str]) -> None:
        seconds = number(uptime.partition(" ")[0])
        if seconds is not None:
            numbers["uptime"] = seconds
        if not boot:
            return
        if self._boot and boot != self._boot:
            self._reboots += 1
            facts["rebooted"] = f"{Duration(round(seconds))} ago" if seconds else "just now"
        self._boot = facts["boot"] = one_line(boot)
        numbers["reboots"] = self._reboots

    def _full(self, space: str, inodes: str, numbers: dict[str, float], facts: dict[str, str]) -> None:
        """The fullest of each, and every one by its folder."""
        known = {one.name for one in self.measures}
        new: list[Measure] = []
        for what, text, unit in (("disk", space, "space"), ("inodes", inodes, "inodes")):
            used = self._read(text)
            if not used:
                continue
            worst = max(used, key=lambda one: one.share)
            numbers[what] = worst.share
            facts[f"fullest_{what}"] = one_line(worst.folder)
            for one in used[:_MOST_DISKS]:
                name = f"{what}:{one_line(one.folder, 100)}"
                numbers[name] = one.share
                if name not in known:
                    new.append(Measure(name, Unit.RATIO, f"{unit} in use of this file system"))
        self.measures = (*self.measures, *new)

    def _read(self, text: str) -> list[Used]:
        found = [used for line in text.split("\n") if (used := read_df(line))]
        return sorted((one for one in found if not self._ignored(one.folder)), key=lambda one: one.folder)

    def _ignored(self, folder: str) -> bool:
        return any(fnmatchcase(folder, pattern) for pattern in self._ignore)


def _failed(text: str, numbers: dict[str, float], facts: dict[str, str]) -> None:
    *lines, last = text.rstrip("\n").split("\n")
    if last != "told":
        return
    _named("failed_units", [line.split()[0] for line in lines if line.strip()], numbers, facts)


def _named(what: str, names: list[str], numbers: dict[str, float], facts: dict[str, str]) -> None:
    """How many there are, and which."""
    numbers[what] = len(names)
    if names:
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        facts[what] = one_line(", ".join(names[:_MOST_NAMES]) + more)
