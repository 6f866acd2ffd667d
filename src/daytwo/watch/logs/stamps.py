"""The time that a line says it was written at.

What visitors write is in lines, too: a time in it must not pass for the line's own, or whoever guesses passwords as the
user `2020-01-01T00:00:00Z` would never be too many at once. So only the first time of a line counts, and only where
programs put theirs: before anything that is said, in a field of JSON that is called so, or in an access log before the
request, which begins with the first quote.
"""

import re
from datetime import datetime, tzinfo

_ISO = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,6})\d*)?\s?(Z|UTC|[+-]\d\d:?\d\d)?(?!\d)")
_ACCESS = r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d{4})"
_ACCESS_LINE = re.compile(rf'(?:\[|[^"]*\[(?=[^]"]*\] ")){_ACCESS}\]')
_ACCESS_TIME = re.compile(_ACCESS)
_KEYS = r"@?timestamp|time|ts|t|date|datetime|asctime|time_iso8601|time_local|msec|StartUTC|\$date"
_JSON = re.compile(rf'"(?:{_KEYS})":\s?(?:"([^"\\]{{19,40}})"|"?(\d{{10}})(\.\d{{1,6}})?\d*"?[,}}])')
_CLOCK = re.compile(r"\d:\d\d")
# `time="`, `level=info ts=`, `[INFO] `, `I, [`, `<30>1 `, `INFO: `, `org.app.Main - `, `web_1  | `
_BEFORE = re.compile(
    r"(?:(?:[\w.@-]{1,60}=\S{0,100}|[\[(<][^\s\])>]{0,60}[\])>]\d?|[^\w\s]{1,3}|(?=\S{1,60}[./_\d-])[A-Za-z_][\w$./-]{1,80}|"
    r"(?i:trace|debug|info|notice|warn|warning|err|error|crit|critical|alert|fatal|severe|[a-z])[,:]?)\s{1,8}){0,12}"
    rf"(?:(?:{_KEYS}|at)=)?[^\w\s]{{0,3}}"
)
_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"
_NEAR = 256
"""Characters at the beginning within which a stamp is looked for."""


def stamp_of(text: str, zone: tzinfo | None = None) -> int | None:
    """When a line was written by its own stamp, in milliseconds since 1970; None where it does not tell.

    Args:
        text: the line.
        zone: of stamps that tell none; without it, such a stamp tells nothing: a guess that is wrong would put the line
            hours away from where it belongs.
    """
    try:
        moment = _of_json(text) if text[:1] == "{" else _of_line(text)
        if isinstance(moment, datetime) and moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone) if zone else None
        if moment is None:
            return None
        return round((moment.timestamp() if isinstance(moment, datetime) else moment) * 1000)
    except (ValueError, OverflowError):
        return None


def _of_json(text: str) -> datetime | float | None:
    found = _JSON.search(text, 0, _NEAR)
    if found is None:
        return None
    written, seconds, fraction = found.groups()
    if seconds:
        return float(seconds + (fraction or ""))
    if iso := _ISO.match(written):
        return _iso(iso)
    access = _ACCESS_TIME.match(written)
    return _access(access) if access else None


def _of_line(text: str) -> datetime | None:
    if access := _ACCESS_LINE.match(text, 0, _NEAR):
        return _access(access)
    found = _ISO.search(text, 0, _NEAR)
    if found is None:
        return None
    before = text[: found.start()]
    if before and (_CLOCK.search(before) or not _BEFORE.fullmatch(before)):
        return None
    return _iso(found)


def _iso(found: re.Match[str]) -> datetime:
    day, time, fraction, offset = found.groups()
    return datetime.fromisoformat(f"{day}T{time}.{(fraction or '0').ljust(6, '0')}{_offset(offset)}")


def _access(found: re.Match[str]) -> datetime:
    date, month, year, time, offset = found.groups()
    return datetime.fromisoformat(f"{year}-{_MONTHS.index(month) // 3 + 1:02}-{date}T{time}{_offset(offset)}")


def _offset(text: str | None) -> str:
    return "+00:00" if text in ("Z", "UTC") else text or ""


__all__ = ["stamp_of"]
