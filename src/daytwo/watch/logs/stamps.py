"""The time that a line says it was written at."""

import re
from datetime import datetime, tzinfo

_ISO = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,6})\d*)?\s?(Z|UTC|[+-]\d\d:?\d\d)?(?!\d)")
_ACCESS = re.compile(r"\[(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d{4})\]")
_EPOCH = re.compile(r'"(?:ts|time)":\s?(\d{10})(\.\d{1,6})?\d*[,}]')
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
        if found := _ISO.search(text, 0, _NEAR):
            day, time, fraction, offset = found.groups()
            moment = datetime.fromisoformat(f"{day}T{time}.{(fraction or '0').ljust(6, '0')}{_offset(offset)}")
        elif found := _ACCESS.search(text, 0, _NEAR):
            date, month, year, time, offset = found.groups()
            moment = datetime.fromisoformat(f"{year}-{_MONTHS.index(month) // 3 + 1:02}-{date}T{time}{_offset(offset)}")
        elif found := _EPOCH.search(text, 0, _NEAR):
            return round(float(found[1] + (found[2] or "")) * 1000)
        else:
            return None
        if moment.tzinfo is None:
            if zone is None:
                return None
            moment = moment.replace(tzinfo=zone)
        return round(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _offset(text: str | None) -> str:
    return "+00:00" if text in ("Z", "UTC") else text or ""


__all__ = ["stamp_of"]
