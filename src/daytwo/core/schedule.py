"""When things happen: cron expressions in wall time, right on both daylight-saving days.

The behaviour is that of Debian's cron, by way of `cronsim`: a job at a fixed time that the clock skips in spring
happens at the first minute that exists; one whose time comes twice in autumn happens once; jobs of every hour or more
often follow real time. Everything here is a pure function of the expression, a zone and a time.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

_WORDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * sun",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_EXAMPLE = "0 3 * * *"
_FIELDS = 5
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


def zone_of(name: str) -> ZoneInfo:
    """The IANA zone of this name.

    Raises:
        ValueError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"'{name}' is not a time zone; write it like Europe/Berlin or UTC") from None


class Cron(str):
    """A cron expression of five fields, with an optional time zone behind: `0 3 * * *`, `0 4 * * sun#1 UTC`.

    The fields are minute, hour, day of the month, month, day of the week; `sun#1` is the first Sunday of the month,
    `L` the last day. `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly` are understood too.
    """

    __slots__ = ("expression", "zone")

    expression: str
    """The five fields."""
    zone: str | None
    """The time zone written behind them, if one is."""

    def __new__(cls, text: str) -> Self:
        """Read the written form.

        Raises:
            ValueError: it is not written like that, or never happens.
        """
        words = str(text).split()
        if words and words[0].lower() in _WORDS:
            words = [*_WORDS[words[0].lower()].split(), *words[1:]]
        zone = words.pop() if len(words) == _FIELDS + 1 and _looks_like_zone(words[-1]) else None
        if len(words) != _FIELDS:
            raise ValueError(f"'{text}' has not five fields (minute hour day month weekday); write it like {_EXAMPLE}")
        if zone is not None:
            zone_of(zone)
        expression = " ".join(words)
        try:
            happens = any(True for _ in CronSim(expression, datetime(2000, 1, 1)))
        except CronSimError as error:
            raise ValueError(f"'{text}': {str(error).lower()}; write it like {_EXAMPLE}") from None
        if not happens:
            raise ValueError(f"'{text}' never happens")
        self = super().__new__(cls, str(text).strip())
        self.expression, self.zone = expression, zone
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (str(self),))

    @classmethod
    def _validate(cls, value: Any) -> Self:
        if isinstance(value, cls):
            return value
        if not isinstance(value, str):
            raise ValueError(f"write it in quotes, like '{_EXAMPLE}'")
        return cls(value)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        fields = r"[-*/,0-9A-Za-z#]+"
        pattern = rf"^\s*((({fields})\s+){{4}}{fields}|@[A-Za-z]+)(\s+[A-Z][-+/A-Za-z0-9_]*)?\s*$"
        return {"type": "string", "pattern": pattern, "examples": [_EXAMPLE, "0 4 * * sun#1 UTC"]}


def _looks_like_zone(word: str) -> bool:
    return word[:1].isalpha() and ("/" in word or word[:3].upper() not in _WEEKDAYS)


def occurrences(cron: Cron, zone: str, after: datetime, until: datetime) -> Iterator[datetime]:
    """All occurrences in a span of time.

    Args:
        cron: the expression; its own zone goes before `zone`.
        zone: IANA name of the zone whose wall clock counts.
        after: aware; an occurrence at exactly this time is left out.
        until: aware; an occurrence at exactly this time is included.

    Returns:
        Aware times in UTC (two times of one zone cannot be compared in its repeated hour), rising.
    """
    for at in _upwards(cron, zone, after):
        if at > until:
            return
        yield at


def next(cron: Cron, zone: str, now: datetime) -> datetime:
    """The first occurrence after `now` (aware), in UTC.

    Raises:
        ValueError: there is none within fifty years.
    """
    for at in _upwards(cron, zone, now):
        return at
    raise ValueError(f"'{cron}' does not happen again")


def previous(cron: Cron, zone: str, now: datetime) -> datetime | None:
    """The last occurrence up to and including `now` (aware), in UTC; None where there is none in fifty years.

    It is one that `occurrences` gives. cronsim's own way back is only used to know how far to go: it leaves out the
    jobs that the spring change moves.
    """
    now = now.astimezone(UTC)
    later = (now + timedelta(seconds=1)).astimezone(zone_of(cron.zone or zone))
    for candidate in CronSim(cron.expression, later, reverse=True):
        last = None
        for last in occurrences(cron, zone, candidate.astimezone(UTC) - timedelta(seconds=1), now):  # noqa: B007
            pass
        if last is not None:
            return last
    return None


def _upwards(cron: Cron, zone: str, after: datetime) -> Iterator[datetime]:
    """Occurrences after a time. In an hour that comes twice cronsim begins with the first: those are passed over."""
    last = after.astimezone(UTC)
    for found in CronSim(cron.expression, last.astimezone(zone_of(cron.zone or zone))):
        at = found.astimezone(UTC)
        if at > last:
            last = at
            yield at
