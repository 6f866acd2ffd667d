"""The zone of this machine's wall clock, as an IANA name."""

import os
from pathlib import Path

from daytwo.core.schedule import zone_of

_ZONES = "/zoneinfo/"


def host_zone(root: Path = Path("/")) -> str:
    """The host's time zone: what `TZ`, `/etc/timezone` or the link `/etc/localtime` says, else UTC.

    Args:
        root: where `etc` is.
    """
    linked = os.path.realpath(root / "etc/localtime")
    for name in (
        os.environ.get("TZ", "").lstrip(":"),
        linked.partition(_ZONES)[2].removeprefix("posix/"),
        _first_line(root / "etc/timezone"),
    ):
        if name and _is_zone(name):
            return name
    return "UTC"


def _first_line(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace").strip().partition("\n")[0]
    except OSError:
        return ""


def _is_zone(name: str) -> bool:
    try:
        zone_of(name)
    except ValueError:
        return False
    return True
