"""A rota as an iCalendar feed (RFC 5545), for the calendars that people have already. Pure functions."""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from daytwo.respond.oncall.turns import Shift

_LINE = 75
"""Octets of a line at most, without its end (RFC 5545, 3.1)."""


def calendar(app: str, environment: str, rota: str, shifts: Iterable[Shift], now: datetime) -> str:
    """The feed.

    Args:
        app: the app's name.
        environment: the environment's name.
        rota: the rota's name.
        shifts: what it shows.
        now: the time now, aware.

    Returns:
        Text whose lines end with CRLF and are folded at 75 octets; times are in UTC.
    """
    name = f"On-call {rota} ({app}, {environment})"
    lines = [
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//daytwo//on-call//EN", "CALSCALE:GREGORIAN", "METHOD:PUBLISH",
        f"X-WR-CALNAME:{_escaped(name)}", "REFRESH-INTERVAL;VALUE=DURATION:PT1H", "X-PUBLISHED-TTL:PT1H",
    ]  # fmt: skip
    for shift in shifts:
        lines += _event(f"{app}/{environment}/{rota}", rota, shift, now)
    lines.append("END:VCALENDAR")
    return "".join(f"{piece}\r\n" for line in lines for piece in _folded(line))


def _event(place: str, rota: str, shift: Shift, now: datetime) -> list[str]:
    # A shift is known by its end: the one that is going on is cut at its beginning, and must stay the same event.
    seed = f"{place}\0{shift.person}\0{shift.end.isoformat()}"
    taken = " (took over)" if shift.layer == 0 else ""
    return [
        "BEGIN:VEVENT",
        f"UID:{hashlib.sha256(seed.encode()).hexdigest()[:32]}@daytwo",
        f"DTSTAMP:{_utc(now)}",
        f"DTSTART:{_utc(shift.begin)}",
        f"DTEND:{_utc(shift.end)}",
        f"SUMMARY:{_escaped(f'{shift.person} is on call for {rota}{taken}')}",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
    ]


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _escaped(text: str) -> str:
    """A value of the type TEXT (RFC 5545, 3.3.11)."""
    for plain, escaped in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\r\n", "\\n"), ("\n", "\\n"), ("\r", "\\n")):
        text = text.replace(plain, escaped)
    return "".join(one for one in text if one == "\t" or one >= " ")


def _folded(line: str) -> Iterator[str]:
    """A line in pieces of at most 75 octets, never cut within a character; those after the first begin with a space."""
    piece, room = "", _LINE
    for character in line:
        size = len(character.encode())
        if size > room:
            yield piece
            piece, room = " ", _LINE - 1
        piece, room = piece + character, room - size
    yield piece
