"""What is mounted where, as `/proc/PID/mountinfo` tells it. See proc(5)."""

import re
from dataclasses import dataclass
from os import fsdecode


@dataclass(frozen=True)
class Mount:
    """One line of mountinfo.

    Args:
        device: `major:minor` of the file system.
        root: which folder of the file system is mounted.
        point: where.
    """

    device: str
    root: str
    point: str


def parse(text: bytes) -> list[Mount]:
    """Read the lines of mountinfo; what is no such line is passed over."""
    found = []
    for line in text.splitlines():
        fields = line.split(b" ")
        if len(fields) >= 6 and b":" in fields[2]:
            found.append(Mount(fields[2].decode(), _plain(fields[3]), _plain(fields[4])))
    return found


def _plain(field: bytes) -> str:
    return fsdecode(re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), field))


def mounts_below(path: str, ours: list[Mount]) -> list[str]:
    """Where something is mounted below a folder, sorted."""
    return sorted({mount.point for mount in ours if mount.point.startswith(path.rstrip("/") + "/")})


def can_be_renamed(path: str, ours: list[Mount], all_of_them: list[Mount]) -> bool:
    """Whether a folder can be replaced by renaming it without anyone keeping the old one.

    Args:
        path: absolute, without symbolic links.
        ours: the mounts that our commands see.
        all_of_them: the mounts that any process sees.
    """
    if path == "/" or any(mount.point == path for mount in ours) or mounts_below(path, ours):
        return False
    holder = max(
        (mount for mount in ours if _below(path, mount.point)), key=lambda mount: len(mount.point), default=None
    )
    if holder is None:
        return True
    inside = (holder.root.rstrip("/") + "/" + path[len(holder.point) :].strip("/")).rstrip("/")
    return not any(mount.device == holder.device and _below(mount.root, inside) for mount in all_of_them)


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
