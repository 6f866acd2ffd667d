"""What `df -P` says of file systems."""

import re
from dataclasses import dataclass

# Devices and folders may hold blanks; where a file system does not count inodes there is a dash.
_LINE = re.compile(r"(.+?)\s+(\d+|-)\s+(\d+|-)\s+(-?\d+|-)\s+(\d+%|-)\s+(/.*)")


@dataclass(frozen=True)
class Used:
    """How full a file system is, in blocks or inodes.

    Args:
        device: what it is on.
        folder: where it is mounted.
        used: how many are in use.
        free: how many those may take who are not root.
    """

    device: str
    folder: str
    used: int
    free: int

    @property
    def share(self) -> float:
        """The fraction in use, as `df` reckons: what is set aside for root is in neither number."""
        return self.used / whole if (whole := self.used + self.free) else 0.0


def read_df(line: str) -> Used | None:
    """A line of `df -Pk` (blocks of 1024 bytes) or `df -Pi` (inodes); None for its head, and where nothing is counted.

    Args:
        line: without its end.
    """
    found = _LINE.fullmatch(line)
    if found is None or "-" in found.groups()[1:4] or int(found[2]) == 0:
        return None
    return Used(found[1], found[6], int(found[3]), max(0, int(found[4])))
