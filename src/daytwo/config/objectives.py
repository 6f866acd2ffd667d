"""The settings of what is promised, and of when it is not: objectives, business hours, maintenance windows."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time
from fnmatch import fnmatchcase
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    WithJsonSchema,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from daytwo.config.types import Model, Name, Names, Span
from daytwo.core.schedule import Cron, zone_of
from daytwo.core.units import Percent
from daytwo.core.windows import Hours, Once, Recurring, Window, instant

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EXAMPLE = "mon-fri 09:00-17:00"
_CLOCK = re.compile(r"(?:([01]?[0-9]|2[0-3]):([0-5][0-9])|24:00)(?::00)?")
_SHORT = re.compile(r"\s*(?P<days>\S+)\s+(?P<begin>[0-9:]+)\s*-\s*(?P<end>[0-9:]+)\s*")


class _OneOrMany:
    """Says in the JSON Schema that one of something may be written without the list around it."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        many = handler(schema)
        return {"anyOf": [many["items"], many]}


def _clock(value: object) -> object:
    """A time of the day; 24:00 is the midnight at its end."""
    if isinstance(value, time):
        return value
    match = _CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("write it in quotes, like '09:00'")
    return time(int(match[1] or 0), int(match[2] or 0))


Clock = Annotated[time, BeforeValidator(_clock)]


def _days(value: object) -> object:
    """`mon-fri`, `sat`, `mon,wed`, or a list of those, as numbers; Monday is 0."""
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list | tuple):
        raise ValueError("write them like mon-fri, or as a list")
    found = [one if isinstance(one, int) else _range(str(one)) for one in value]
    return sorted({day for one in found for day in (one if isinstance(one, range | list) else [one])})


def _range(text: str) -> list[int]:
    first, dash, last = (one.strip().lower() for one in text.partition("-"))
    for one in (first, last) if dash else (first,):
        if one not in DAYS:
            raise ValueError(f"'{one}' is no day; there are {', '.join(DAYS)}")
    begin, end = DAYS.index(first), DAYS.index(last if dash else first)
    return [day % 7 for day in range(begin, end + 1 if end >= begin else end + 8)]


class Opening(Model):
    """Business hours, as the clock on the wall shows them: `mon-fri 09:00-17:00`, or a map."""

    days: Annotated[tuple[int, ...], BeforeValidator(_days)] = Field(
        default=tuple(range(5)), min_length=1, description="on which days they begin: `[mon-fri]`, `[mon, wed-fri]`"
    )
    from_: Clock = Field(alias="from", description="when they begin: `09:00`")
    to: Clock = Field(description="when they end: `17:00`; not later than `from` means on the day after")

    @model_validator(mode="before")
    @classmethod
    def _written_short(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if (match := _SHORT.fullmatch(value)) is None:
            raise ValueError(f"write it like '{_EXAMPLE}'")
        return {"days": match["days"], "from": match["begin"], "to": match["end"]}

    @model_serializer
    def _short(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return f"{','.join(_runs(self.days))} {self.from_:%H:%M}-{_end(self.to)}"

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        days: JsonSchemaValue = {"type": "string", "examples": ["mon-fri"]}
        clock: JsonSchemaValue = {"type": "string", "pattern": r"^\s*(([01]?[0-9]|2[0-3]):[0-5][0-9]|24:00)\s*$"}
        short = {"type": "string", "pattern": _SHORT.pattern.replace("?P<days>", "").replace("?P<begin>", "")
                 .replace("?P<end>", ""), "examples": [_EXAMPLE]}  # fmt: skip
        whole = {
            "type": "object", "additionalProperties": False, "required": ["from", "to"],
            "properties": {
                "days": {"anyOf": [days, {"type": "array", "items": days, "minItems": 1}]}, "from": clock, "to": clock
            },
        }  # fmt: skip
        return {"anyOf": [short, whole], "description": (cls.__doc__ or "").strip()}

    def hours(self, zone: str) -> Hours:
        """What it means by the clocks of a zone."""
        return Hours(self.from_, self.to, zone_of(zone), self.days)


def _runs(days: tuple[int, ...]) -> Iterator[str]:
    """Days in words, those in a row as one: `mon-fri`."""
    rest = list(days)
    while rest:
        length = next((n for n in range(len(rest), 1, -1) if rest[n - 1] - rest[0] == n - 1), 1)
        yield DAYS[rest[0]] if length == 1 else f"{DAYS[rest[0]]}-{DAYS[rest[length - 1]]}"
        del rest[:length]


def _end(at: time) -> str:
    return "24:00" if at == time() else f"{at:%H:%M}"


def _listed(value: object) -> object:
    return [value] if isinstance(value, str | Mapping | Opening) else value


def _a_share(value: Percent) -> Percent:
    if not 0 < value <= 1:
        raise ValueError("it must be more than 0% and at most 100%")
    return value


Share = Annotated[Percent, AfterValidator(_a_share)]


class Objective(Model):
    """What is promised of a check."""

    uptime: Share | None = Field(
        default=None,
        description="how much of the time it works: `99.9%`; maintenance and what nobody knows do not count",
    )
    hours: Annotated[tuple[Opening, ...], BeforeValidator(_listed), _OneOrMany] = Field(
        default=(),
        description=f"business hours: only these count for `uptime`, such as `{_EXAMPLE}`; always when absent",
    )
    p95: Span | None = Field(default=None, description="what 95 % of its answers take at most: `2s`")
    errors: Share | None = Field(
        default=None, description="how many of its requests fail at most: `5%`; of real traffic (`traffic.NAME`)"
    )

    @property
    def empty(self) -> bool:
        """Whether nothing is promised."""
        return self.uptime is None and self.p95 is None and self.errors is None


class Objectives(Objective):
    """What is promised of the app."""

    checks: Annotated[Names, _OneOrMany] = Field(
        default=(),
        description="of which checks, by name or pattern such as `web.*`; of the first check of each service, and of "
        "real traffic, when absent",
    )
    by: dict[Name, Objective] = Field(
        default={}, description="what is promised otherwise of single checks, by name; the rest is as above"
    )

    def of(self, check: str, service: str) -> Objective | None:
        """What is promised of a check; None when nothing is.

        Args:
            check: its name, or `traffic.NAME`.
            service: whom it asks; `traffic` for real traffic.
        """
        own = self.by.get(check)
        chosen = any(fnmatchcase(check, one) for one in self.checks) if self.checks else service in (check, "traffic")
        if own is None and not chosen:
            return None
        given = {name: getattr(own, name) for name in own.model_fields_set} if own is not None else {}
        usual: dict[str, Any] = {name: getattr(self, name) for name in Objective.model_fields}
        found = Objective.model_construct(**{**usual, **given})
        return None if found.empty else found


def _wall(value: object) -> object:
    if isinstance(value, datetime):
        return value
    try:
        if not isinstance(value, str) or not re.match(r"\d{4}-", value.strip()):
            raise ValueError
        return datetime.fromisoformat(value.strip())
    except ValueError:
        raise ValueError("write it in quotes, like '2026-12-01T22:00'; it is a time of the app's zone") from None


Moment = Annotated[
    datetime, BeforeValidator(_wall), WithJsonSchema({"type": "string", "examples": ["2026-12-01T22:00"]})
]
"""A time as a wall clock shows it, or with a zone of its own."""


class Maintenance(Model):
    """A time in which nothing is promised: one that comes again (`at`, `length`), or comes once (`from`, `to`)."""

    at: Cron | None = Field(default=None, description="when it begins: a cron expression, such as `0 2 * * sun#1`")
    length: Span | None = Field(default=None, description="how long it is, with `at`: `2h`")
    from_: Moment | None = Field(default=None, alias="from", description="when it begins, once: `2026-12-01T22:00`")
    to: Moment | None = Field(default=None, description="when it ends, with `from`")
    services: Annotated[Names, _OneOrMany] = Field(default=(), description="of which services; of all when absent")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.at is None) == (self.from_ is None):
            raise ValueError("give `at` and `length`, or `from` and `to`")
        if (self.at is None) != (self.length is None):
            raise ValueError("`at` and `length` go together: when it begins, and how long it is")
        if (self.from_ is None) != (self.to is None):
            raise ValueError("`from` and `to` go together")
        if self.from_ is not None and self.to is not None and instant(self.from_, UTC) >= instant(self.to, UTC):
            raise ValueError("`to` must be later than `from`")
        return self

    def window(self, zone: str) -> Window:
        """What it means by the clocks of a zone."""
        if self.at is not None and self.length is not None:
            return Recurring(self.at, self.length.delta, zone)
        assert self.from_ is not None and self.to is not None  # as validated
        wall = zone_of(zone)
        return Once(instant(self.from_, wall), instant(self.to, wall, last=True))


__all__ = ["Maintenance", "Objective", "Objectives", "Opening"]
