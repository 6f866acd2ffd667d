"""On-call: who has which turn, and who comes then."""

from datetime import timedelta
from typing import Any

from fastapi import Request
from starlette.responses import Response

from daytwo.access.roles import Role
from daytwo.core.errors import UsageError
from daytwo.respond.oncall import Take
from daytwo.watch.views import length
from daytwo.web.house import Here
from daytwo.web.identify import form
from daytwo.web.routing import Who
from daytwo.web.ui.frame import area as made
from daytwo.web.ui.frame import show, to

area = made()
_DAYS = 14
LENGTHS = ("4h", "12h", "24h", "7d")


@area.get("/oncall", Role.VIEWER, include_in_schema=False)
async def oncall(request: Request, house: Here, who: Who) -> Response:
    """Who is on call in each rota, and for the next two weeks."""

    def make() -> dict[str, Any]:
        rotas = [house.roster.rota(one.rota, None, _DAYS) for one in house.roster.now(None)]
        return {"rotas": rotas, "people": list(house.current().people), "lengths": LENGTHS}

    return await show(request, house, who, "oncall", make, "config incidents")


@area.post("/oncall/{rota}/takeovers", Role.OPERATOR, include_in_schema=False)
async def take_over(request: Request, rota: str, house: Here, who: Who) -> Response:
    """Have somebody take over from now on, for a time."""
    given = await form(request)
    if given.get("person") not in house.current().people:
        raise UsageError("nobody was chosen who can take over", hint="Go back and choose a person")
    lasting: timedelta = length(given.get("for", "12h"))
    body = Take(person=given["person"], end=house.clock() + lasting)
    house.roster.rota(rota, None, 1)  # one that is not there is told before anything is written
    house.writer.run(lambda connection: house.roster.take(connection, rota, body, who))
    return to("/oncall")
