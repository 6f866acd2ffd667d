"""Reports: how a day, a week or a month was."""

from datetime import date, timedelta
from typing import Any

from fastapi import Request
from starlette.responses import Response

from daytwo.access.roles import Role
from daytwo.core.schedule import zone_of
from daytwo.watch.reports.words import blocks
from daytwo.web.house import Here, House
from daytwo.web.routing import Who
from daytwo.web.ui.frame import area as made
from daytwo.web.ui.frame import show

area = made()
EVERY = ("daily", "weekly", "monthly")


@area.get("/reports", Role.VIEWER, include_in_schema=False)
async def reports(request: Request, house: Here, who: Who, period: str = "daily", day: str = "") -> Response:
    """A report, with the ones before and after it."""
    return await show(request, house, who, "report", lambda: _report(house, period, day))


def _report(house: House, period: str, day: str) -> dict[str, Any]:
    every = period if period in EVERY else "daily"
    try:
        wanted = date.fromisoformat(day) if day else None
    except ValueError:
        wanted = None
    found = house.views.report(every, wanted)  # type: ignore[arg-type]  # one of EVERY
    following = found.end.astimezone(zone_of(found.zone)).date()
    head, *rest = blocks(found)
    return {
        "report": found, "head": head, "blocks": rest, "period": every, "every": EVERY,
        "before": (found.first - timedelta(days=1)).isoformat(),
        "following": following.isoformat() if found.over else "",
    }  # fmt: skip
