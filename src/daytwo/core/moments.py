"""Times and days that come from outside: in ISO 8601. A bare number is none; pydantic would count it from 1970."""

import re

_NUMBER = re.compile(r"[-+.\d]+(e[-+]?\d+)?", re.IGNORECASE)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def only_moment(value: object) -> object:
    """Let through what pydantic may read as a time.

    Raises:
        ValueError: it is a number.
    """
    if isinstance(value, int | float) or (isinstance(value, str) and _NUMBER.fullmatch(value.strip())):
        raise ValueError("write it like 2026-11-21T03:00:00Z")
    return value


def only_day(value: object) -> object:
    """Let through what pydantic may read as a day.

    Raises:
        ValueError: it is a text of another form.
    """
    if isinstance(value, str) and not _DAY.fullmatch(value):
        raise ValueError("write it like 2026-11-21")
    return value
