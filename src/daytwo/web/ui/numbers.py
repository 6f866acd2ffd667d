"""Numbers: every series that is kept, those that an app hands in first, and a chart of each."""

from typing import Any
from urllib.parse import quote

from fastapi import Request
from starlette.responses import Response

from daytwo.access.roles import Role
from daytwo.core.errors import NotFoundError
from daytwo.watch.traffic.pushed import SOURCE
from daytwo.watch.views import ChartData, SeriesData, length
from daytwo.web.house import Here, House
from daytwo.web.routing import Who
from daytwo.web.ui.charts import chart
from daytwo.web.ui.checks import SPANS
from daytwo.web.ui.frame import area as made
from daytwo.web.ui.frame import show
from daytwo.web.ui.marks import marks, shown
from daytwo.web.ui.words import number

area = made()
MOST = 100
"""Series on a page."""


@area.get("/numbers", Role.VIEWER, include_in_schema=False)
async def numbers(request: Request, house: Here, who: Who, q: str = "", page: int = 1) -> Response:
    """Every series with its newest number; what the app hands in itself comes first."""
    return await show(request, house, who, "numbers", lambda: _all(house, q[:100], max(1, page)), "numbers config")


def _all(house: House, wanted: str, page: int) -> dict[str, Any]:
    everything = house.views.series("*")
    found = sorted((one for one in everything if wanted.lower() in one.name.lower()), key=_own_first)
    return {
        "rows": found[(page - 1) * MOST : page * MOST], "q": wanted, "total": len(everything), "found": len(found),
        "page": page, "pages": -(-len(found) // MOST) or 1, "path_of": path_of,
        "value": lambda one: number(one.value, one.unit),
    }  # fmt: skip


def _own_first(one: SeriesData) -> tuple[bool, str]:
    return not one.name.startswith(f"{SOURCE}."), one.name


def path_of(series: str) -> str:
    """Where a series is shown."""
    return f"/numbers/{quote(series, safe='')}"


@area.get("/numbers/{name}", Role.VIEWER, include_in_schema=False)
async def one_series(request: Request, name: str, house: Here, who: Who, since: str = "24h") -> Response:
    """One series over a time, with thresholds and marks."""
    span = since if since in SPANS else "24h"
    return await show(request, house, who, "number", lambda: _one(house, name, span), "numbers config")


def _one(house: House, name: str, since: str) -> dict[str, Any]:
    config, now = house.current(), house.clock()
    # A name is no pattern here: with `*` in it, others would match.
    one = next((each for each in house.views.series(name) if each.name == name), None)
    if one is None:
        raise NotFoundError(f"there is no series {name}", hint="All of them are at /numbers")
    with house.database.read() as connection:
        marked = marks(connection, (config.app, config.environment), now - length(since), now)
    return {
        "chart": chart(one, config.rules, name), "figures": list(_figures(house.views.chart(name, since, 0))),
        "since": since, "spans": SPANS, "marks": shown(marked), "at": one.at,
    }  # fmt: skip


def _figures(whole: ChartData) -> list[tuple[str, str]]:
    """A window in a few numbers, each with what it is called."""
    if whole.total:
        return [("Grew by", number(whole.rise, whole.unit))]
    if whole.counts:
        return [("How many", f"{whole.count:,}")]
    known = (("Mean", whole.mean), ("Least", whole.min), ("Median", whole.p50), ("95 %", whole.p95),
             ("99 %", whole.p99), ("Most", whole.max))  # fmt: skip
    return [(name, number(value, whole.unit)) for name, value in known]
