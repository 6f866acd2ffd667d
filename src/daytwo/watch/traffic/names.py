"""The names of the series of access logs: `traffic.LOG.NUMBER`, and `traffic.LOG.ROUTE.NUMBER`."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import sqlalchemy as sa

from daytwo.watch.numbers import Numbers

SOURCE = "traffic"


def series_of(log: str) -> str:
    """What the series of a log begin with. A `.` in its name would look like a route, so it is a `-` there."""
    return f"{SOURCE}.{log.replace('.', '-')}"


def log_of(series: str) -> str:
    """The log that a series is of; empty when it is of none."""
    parts = series.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == SOURCE else ""


def logs_in(names: Iterable[str]) -> list[str]:
    """The logs that have series, sorted."""
    return sorted({found for name in names if (found := log_of(name))})


def routes_of(names: Iterable[str], log: str) -> list[str]:
    """The routes of a log that have series, sorted."""
    parts = (name.removeprefix(f"{series_of(log)}.").split(".") for name in names)
    return sorted({one[0] for one in parts if len(one) == 2 and one[1] == "requests"})


def routes_in(numbers: Numbers, connection: sa.Connection, log: str, now: datetime, within: timedelta) -> list[str]:
    """The routes of a log that somebody has asked for lately, those of the newest requests first.

    Args:
        numbers: where they are.
        connection: to read them with.
        log: its name.
        now: the time.
        within: how lately, counted back from the newest request.
    """
    name = series_of(log)
    last = {
        route: found.at
        for route in routes_of(numbers.names(connection, f"{name}.*.requests"), log)
        if (found := numbers.last(connection, f"{name}.{route}.requests", now)) is not None
    }
    newest = max(last.values(), default=now)
    return sorted(
        (one for one, at in last.items() if newest - at <= within), key=lambda one: (-last[one].timestamp(), one)
    )


__all__ = ["SOURCE", "log_of", "logs_in", "routes_in", "routes_of", "series_of"]
