"""Lengths of time, lists and times of the day in words, as messages and timelines say them."""

from collections.abc import Iterable
from datetime import timedelta


def lasting(length: timedelta) -> str:
    """A length of time: `40 s`, `12 min`, `3 h 5 min`, `2 d 4 h`."""
    seconds = round(length.total_seconds())
    if seconds < 60:
        return f"{max(0, seconds)} s"
    minutes = seconds // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def listed(words: Iterable[str]) -> str:
    """Words as a list in a sentence: `a, b and c`."""
    found = list(words)
    return " and ".join([", ".join(found[:-1]), found[-1]]) if len(found) > 1 else "".join(found)
