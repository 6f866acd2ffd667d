"""What is seen from outside the checks: logs and their patterns, real traffic, security events."""

import asyncio
from typing import Any

from fastapi import Request
from starlette.responses import Response

from daytwo.access.roles import Role
from daytwo.respond.actions.blocks import BlockDesk
from daytwo.watch.logs.views import PatternData
from daytwo.watch.security.event import EventFilter
from daytwo.watch.views import length
from daytwo.web.house import Here
from daytwo.web.routing import After, Who
from daytwo.web.ui.frame import area as made
from daytwo.web.ui.frame import show, to
from daytwo.web.ui.marks import marks, shown

area = made()
SPANS = ("1h", "24h", "7d")
_MOST = 50


def _most_first(one: PatternData) -> tuple[int, str]:
    return -one.day, one.name


@area.get("/logs", Role.VIEWER, include_in_schema=False)
async def logs(request: Request, house: Here, who: Who) -> Response:
    """Which logs are followed, and what was found in them."""
    return await show(
        request, house, who, "logs",
        lambda: {"logs": house.logs.logs(), "patterns": sorted(house.logs.patterns(), key=_most_first)},
        "config alerts",
    )  # fmt: skip


@area.get("/logs/{name}", Role.OPERATOR, include_in_schema=False)
async def pattern(request: Request, name: str, house: Here, who: Who) -> Response:
    """A pattern, with the newest lines that it matched."""
    return await show(request, house, who, "pattern", lambda: {"one": house.logs.pattern(name)})


@area.get("/traffic", Role.VIEWER, include_in_schema=False)
async def traffic(request: Request, house: Here, who: Who, since: str = "1h") -> Response:
    """Requests of every access log and its routes, the worst first."""
    span = since if since in SPANS else "1h"

    def make() -> dict[str, Any]:
        found = [house.traffic.log(one.name, span) for one in house.traffic.logs(span)]
        now = house.clock()
        with house.database.read() as connection:
            marked = marks(connection, (house.current().app, house.current().environment), now - length(span), now)
        return {"logs": found, "since": span, "spans": SPANS, "most": _MOST, "marks": shown(marked)}

    return await show(request, house, who, "traffic", make)


@area.get("/security", Role.VIEWER, include_in_schema=False)
async def security(request: Request, house: Here, who: Who, since: str = "24h", after: After = None) -> Response:
    """Limits that were crossed, and the events behind them."""
    span = since if since in SPANS else "24h"

    def make() -> dict[str, Any]:
        events, following = house.security.events(EventFilter(), _MOST, after)
        with house.database.read() as connection:
            blocks = BlockDesk(house.current, house.audit).active(connection)
        return {
            "report": house.security.report(span), "blocks": blocks,
            "events": events, "next": following, "since": span, "spans": SPANS,
        }  # fmt: skip

    return await show(request, house, who, "security", make)


@area.post("/security/blocks/{number}/end", Role.OPERATOR, include_in_schema=False)
async def let_in(number: int, house: Here, who: Who) -> Response:
    """Let an address in again before its time is over."""
    desk, now = BlockDesk(house.current, house.audit), house.clock()
    await asyncio.wrap_future(house.writer.submit(lambda connection: desk.remove(connection, str(number), who, now)))
    house.wake()
    return to("/security")
