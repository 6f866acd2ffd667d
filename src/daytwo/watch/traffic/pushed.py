"""Numbers that an app hands in by itself: the series `app.NAME`."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Literal

import sqlalchemy as sa
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from daytwo.core.check import Unit
from daytwo.core.errors import RefusedError, UsageError
from daytwo.watch.numbers import Numbers, Point

SOURCE = "app"
MOST = 500
"""Numbers of one request."""
MOST_SERIES = 1000
"""Series that apps may have in all."""
_AHEAD = timedelta(minutes=2)


def _only_text(value: object) -> object:
    if not isinstance(value, str | datetime):
        raise ValueError("write it like 2026-11-21T03:00:00Z")
    return value


def _number(value: object) -> object:
    """A number as JSON has it: no digits in quotes, no `true`, and none that is larger than any."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("write a number")
    return value


class Pushed(BaseModel):
    """One number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,119}$", description="what it is called; its series is `app.NAME`"
    )
    value: Annotated[float, BeforeValidator(_number, json_schema_input_type=float)] = Field(
        allow_inf_nan=False, ge=-1e300, le=1e300, description="in base units"
    )
    unit: Literal["", "count", "s", "B", "ratio", "/s"] = Field(
        default="count", description="what it counts: `s`, `B`, `ratio` (of one), `/s`, or just how many"
    )
    kind: Literal["gauge", "counter"] = Field(
        default="gauge", description="`counter`: it only grows until it begins anew, and its increase is what counts"
    )
    at: Annotated[AwareDatetime | None, BeforeValidator(lambda one: one if one is None else _only_text(one))] = Field(
        default=None, description="when it was taken, in ISO 8601 with its zone; now when absent"
    )


class Batch(BaseModel):
    """Numbers that belong together: all of them are stored, or none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metrics: Annotated[tuple[Pushed, ...], Field(min_length=1, max_length=MOST)]


class Stored(BaseModel):
    """What came of it."""

    stored: int = Field(description="how many numbers; one with the same name and time replaces the one before")


def points(batch: Batch, now: datetime, kept: timedelta) -> list[Point]:
    """The samples of a batch.

    Args:
        batch: what was handed in.
        now: the time.
        kept: how long samples are kept.

    Raises:
        UsageError: one is dated ahead or too far back, or two are the same.
    """
    found: dict[tuple[str, int], Point] = {}
    for number, one in enumerate(batch.metrics):
        at, where = one.at or now, f"metrics.{number}"
        if at > now + _AHEAD:
            raise UsageError(
                "its time is ahead of the daemon's clock", where=where, hint="Set the clocks, or omit `at`"
            )
        if at < now - kept:
            raise UsageError("its time is longer ago than samples are kept", where=where, hint="See `watch.keep.raw`")
        point = Point(
            f"{SOURCE}.{one.name}", Unit.COUNT if one.unit in ("", "count") else Unit(one.unit), one.kind == "counter",
            round(at.timestamp() * 1000), one.value,
        )  # fmt: skip
        if found.setdefault((point.name, point.at), point) is not point:
            raise UsageError(f"{one.name} is there twice with the same time", where=where, hint="Give each its `at`")
    return list(found.values())


def store(connection: sa.Connection, numbers: Numbers, samples: Iterable[Point], now: datetime) -> int:
    """Store samples of an app.

    Args:
        connection: where to write.
        numbers: where numbers are.
        samples: see `points`.
        now: the time.

    Returns:
        How many were stored.

    Raises:
        RefusedError: there would be too many series.
    """
    given = list(samples)
    there = set(numbers.names(connection, f"{SOURCE}.*"))
    new = {one.name for one in given} - there
    if len(there) + len(new) > MOST_SERIES and new:
        raise RefusedError(
            f"apps have {len(there)} series, and this would be {len(new)} more than {MOST_SERIES - len(there)} allowed",
            hint="A name that has an id or a date in it makes a series each: leave that out",
        )
    return numbers.add(connection, given, now)


__all__ = ["MOST", "MOST_SERIES", "Batch", "Pushed", "Stored", "points", "store"]
