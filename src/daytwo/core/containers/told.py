"""What `docker stats` tells of containers: for an engine whose control groups cannot be seen from here."""

import json
import re
from collections.abc import Mapping

from daytwo.core.command import command
from daytwo.core.containers.usage import Usage
from daytwo.core.reading import ask
from daytwo.core.run import Run
from daytwo.core.target import Target

_FACTORS = {
    **{"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15},
    **{"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50},
}
_AMOUNT = re.compile(r"([0-9.]+(?:e[+-]?[0-9]+)?)\s*([kKMGTP]i?)?B")


def told(host: Target, run: Run, now: float) -> Mapping[str, Usage]:
    """What each running container uses, by the first 12 digits of its id. Takes two seconds.

    Args:
        host: where the engine is reached.
        run: the run it belongs to.
        now: a monotonic clock.

    Raises:
        UnreachableError, CommandError, MissingToolError: the engine cannot be asked.
    """
    inner = command("docker", "stats", "--no-stream", "--format", "{{json .}}", where=str(host))
    return parse(ask(host, inner, run).text, now)


def parse(text: str, at: float) -> Mapping[str, Usage]:
    """Read what `docker stats` printed, a line each; a line that is not understood is left out."""
    found = {}
    for line in text.splitlines():
        try:
            words = json.loads(line)
            id, cpu, pids = words["ID"], words["CPUPerc"], words["PIDs"]
            memory, most = _two(words["MemUsage"])
            received, sent = _two(words["NetIO"])
            disk_read, disk_written = _two(words["BlockIO"])
        except (ValueError, KeyError, TypeError):
            continue
        found[str(id)[:12]] = Usage(
            at,
            cpu=_percent(str(cpu)),
            memory=memory,
            memory_most=most or None,
            received=received,
            sent=sent,
            disk_read=disk_read,
            disk_written=disk_written,
            pids=float(pids) if str(pids).isdigit() else None,
        )
    return found


def _percent(text: str) -> float | None:
    try:
        return float(text.removesuffix("%")) / 100
    except ValueError:
        return None


def _two(text: str) -> tuple[float | None, float | None]:
    """Two amounts as in `1.2MiB / 23.5GiB`; None for one that is `--`."""
    first, _, second = text.partition("/")
    return _amount(first), _amount(second)


def _amount(text: str) -> float | None:
    match = _AMOUNT.fullmatch(text.strip())
    return float(match[1]) * _FACTORS[match[2] or ""] if match else None
