"""Times as access logs write them."""

import re
from datetime import datetime, timedelta, timezone
from functools import lru_cache

from daytwo.watch.traffic.request import amount

_MONTHS = {
    "Jan": 1, "Feb": 2, "Mar": 3, "Apr": 4, "May": 5, "Jun": 6, "Jul": 7, "Aug": 8, "Sep": 9, "Oct": 10, "Nov": 11,
    "Dec": 12,
}  # fmt: skip
"""As they are written whatever the locale is."""
_COMMON = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)")
_LONGEST = 40
_MILLI, _NANO = 1e11, 1e16
"""From here on, a time is meant in milliseconds, or nanoseconds: as seconds it would lie past the year 5000."""


@lru_cache(maxsize=1024)
def common(text: str) -> float | None:
    """A time of the Common Log Format, `21/Nov/2026:14:25:57 +0100`; None when it is none. In seconds since 1970."""
    match = _COMMON.fullmatch(text)
    if match is None or match[2] not in _MONTHS:
        return None
    day, _, year, hour, minute, second, sign, hours, minutes = match.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    try:
        zone = timezone(-offset if sign == "-" else offset)
        at = datetime(int(year), _MONTHS[match[2]], int(day), int(hour), int(minute), min(int(second), 59), tzinfo=zone)
    except ValueError:
        return None
    return at.timestamp()


@lru_cache(maxsize=1024)
def written(text: str) -> float | None:
    """A time in ISO 8601 with its zone, in the Common Log Format, or as seconds since 1970; None when it is none."""
    if len(text) > _LONGEST:
        return None
    number = amount(text)
    if number is not None:
        return since_1970(number)
    try:
        at = datetime.fromisoformat(text.replace("/", "-", 2) if text[4:5] == "/" else text)
    except ValueError:
        return common(text)
    return at.timestamp() if at.tzinfo else None


def since_1970(number: float) -> float:
    """Seconds since 1970, also from milliseconds or nanoseconds."""
    if number >= _NANO:
        return number / 1e9
    return number / 1e3 if number >= _MILLI else number


def moment(value: object) -> float | None:
    """A time however it is written, in seconds since 1970; None when it is none."""
    if isinstance(value, str):
        return written(value)
    number = amount(value)
    return None if number is None else since_1970(number)


__all__ = ["common", "moment", "since_1970", "written"]
