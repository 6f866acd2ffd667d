"""Times, lengths and numbers as people read them on a page."""

from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup, escape

from daytwo.core.check import Unit
from daytwo.core.schedule import zone_of
from daytwo.core.shown import share, shown
from daytwo.core.units import Size

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_CODE = Markup("<code>{}</code>")
_MARKS = {"": Markup(""), "data-ago": Markup(" data-ago"), "data-lasts": Markup(" data-lasts")}


@dataclass(frozen=True)
class Times:
    """Times as seen from now, by the clocks of the app's zone.

    Args:
        now: the time now.
        zone: IANA zone of the app.
    """

    now: datetime
    zone: str

    def ago(self, at: datetime | None) -> Markup:
        """How long ago, or how soon, something is: `3 min ago`, `in 2 h`. The page's script keeps it true."""
        if at is None:
            return Markup("never")
        away = (self.now - at).total_seconds()
        said = f"{length(away)} ago" if away >= 0 else f"in {length(-away)}"
        return self._element(at, "just now" if abs(away) < 1 else said, "data-ago")

    def lasts(self, since: datetime) -> Markup:
        """For how long something has been so: `3 min`."""
        return self._element(since, length(max(0.0, (self.now - since).total_seconds())), "data-lasts")

    def at(self, at: datetime | None) -> Markup:
        """A time of the wall clock: `21 Nov, 10:14`; the year where it is another one."""
        if at is None:
            return Markup("never")
        wall = at.astimezone(zone_of(self.zone))
        same = wall.year == self.now.astimezone(zone_of(self.zone)).year
        return self._element(at, wall.strftime("%-d %b, %H:%M" if same else "%-d %b %Y, %H:%M"), "")

    def between(self, begin: datetime, end: datetime | None) -> str:
        """How long something took, or has taken until now."""
        return length(((end or self.now) - begin).total_seconds())

    def full(self, at: datetime) -> str:
        """A time to the second, with its zone."""
        return at.astimezone(zone_of(self.zone)).strftime("%-d %B %Y, %H:%M:%S %Z")

    def _element(self, at: datetime, said: str, mark: str) -> Markup:
        iso = at.isoformat(timespec="seconds")
        return Markup('<time datetime="{}" title="{}"{}>{}</time>').format(iso, self.full(at), _MARKS[mark], said)


def length(seconds: float) -> str:
    """A length of time, no finer than matters: `45 s`, `12 min`, `3 h 5 min`, `4 d`."""
    whole = round(seconds)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms" if seconds > 0 else "0 s"
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < _DAY:
        hours, minutes = divmod(whole // _MINUTE, 60)
        return f"{hours} h {minutes} min" if minutes and hours < 6 else f"{hours} h"
    days, hours = divmod(whole // _HOUR, 24)
    return f"{days} d {hours} h" if hours and days < 3 else f"{days} d"


def size(value: float | None) -> str:
    """Bytes: `8.19 MB`."""
    return "-" if value is None else Size(value).human


def number(value: float | None, unit: str) -> str:
    """A number in its unit."""
    if value is None:
        return "-"
    known = next((one for one in Unit if one.value == unit), None)
    return shown(value, known)


def count(value: int, noun: str, plural: str = "") -> str:
    """A number of things: `1 check`, `3 checks`."""
    return f"{value:,} {noun if value == 1 else plural or noun + 's'}"


def sentence(text: str) -> Markup:
    """What was said, beginning as a sentence does; what stands between backquotes is code."""
    pieces = (text[:1].upper() + text[1:]).split("`")
    if len(pieces) % 2 == 0:
        return escape("`".join(pieces))
    said = (escape(one) if index % 2 == 0 else _CODE.format(one) for index, one in enumerate(pieces))
    return Markup("").join(said)


__all__ = ["Times", "count", "length", "number", "sentence", "share", "size"]
