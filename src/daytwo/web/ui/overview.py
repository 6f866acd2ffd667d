"""The first page: is anything wrong, are we protected, what is next."""

from typing import Any

from fastapi import Request
from starlette.responses import Response

from daytwo.access.roles import Role
from daytwo.web.house import Here, House
from daytwo.web.routing import Who
from daytwo.web.ui.frame import area as made
from daytwo.web.ui.frame import show, stamper
from daytwo.web.ui.standing import WRONG, Lookout, Standing

area = made()
TOPICS = "checks alerts incidents runs backups config"


@area.get("/", Role.VIEWER, include_in_schema=False)
async def overview(request: Request, house: Here, who: Who) -> Response:
    """How everything stands, at a glance."""

    def make() -> dict[str, Any]:
        found = standing(request, house)
        return {"standing": found, "troubles": found.troubles[:WRONG], "more": max(0, len(found.troubles) - WRONG)}

    return await show(request, house, who, "overview", make, TOPICS)


def standing(request: Request, house: House) -> Standing:
    """How everything stands, from the one look that all pages share."""
    lookout: Lookout | None = getattr(request.app.state, "lookout", None)
    if lookout is None:
        lookout = request.app.state.lookout = Lookout(house)
    return lookout.read(stamper(request).read())
