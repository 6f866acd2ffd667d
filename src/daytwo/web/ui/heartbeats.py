"""Heartbeats: jobs elsewhere that promised to report, and what they said."""

from typing import Any

from fastapi import Request
from starlette.responses import Response

from daytwo.access.roles import Role
from daytwo.serve.watchman import ping_url
from daytwo.web.house import Here, House
from daytwo.web.routing import Who
from daytwo.web.ui.frame import area as made
from daytwo.web.ui.frame import show

area = made()
_MOST = 60
"""Reports on a page."""


@area.get("/heartbeats", Role.VIEWER, include_in_schema=False)
async def heartbeats(request: Request, house: Here, who: Who) -> Response:
    """Every heartbeat, those that are silent first."""
    return await show(request, house, who, "heartbeats", lambda: _all(house), "heartbeats config")


def _all(house: House) -> dict[str, Any]:
    found = sorted(house.heartbeats.all(), key=lambda one: (one.missing is not None, one.state.good, one.name))
    return {"rows": found}


@area.get("/heartbeats/{name}", Role.VIEWER, include_in_schema=False)
async def heartbeat(request: Request, name: str, house: Here, who: Who) -> Response:
    """One heartbeat with its newest reports."""

    def make() -> dict[str, Any]:
        found = house.heartbeats.get(name)
        # Whoever knows the address can report, so that viewers are not told.
        url = ping_url(house.current().serve, found.ping) if who.role >= Role.OPERATOR else ""
        return {"one": found, "pings": house.heartbeats.pings(name, _MOST), "url": url}

    return await show(request, house, who, "heartbeat", make, "heartbeats config")
