"""On-call: who has which turn, calendars, taking over: `/api/oncall`."""

from typing import Annotated

from fastapi import Path, Query
from starlette.responses import Response

from daytwo.access.roles import Role
from daytwo.respond.oncall import OnCall, RotaData, Take
from daytwo.web.envelope import Data
from daytwo.web.house import Here
from daytwo.web.routing import Area, Moment, Who

area = Area("oncall", "/api/oncall")
Rota = Annotated[str, Path(max_length=63, description="the rota's name")]
At = Annotated[Moment | None, Query(description="at this time instead of now")]
Begin = Annotated[Moment | None, Query(description="from when on; from now when absent")]
Days = Annotated[int, Query(ge=1, le=92, description="for how many days")]
_ICS = {200: {"content": {"text/calendar": {}}, "description": "The last week, and two months ahead."}}


@area.get("", Role.VIEWER)
def on_call(house: Here, at: At = None) -> Data[tuple[OnCall, ...]]:
    """Who is on call in each rota."""
    return Data(data=house.roster.now(at))


@area.get("/{rota}.ics", Role.VIEWER, response_class=Response, responses=_ICS)
def feed(rota: Rota, house: Here) -> Response:
    """A rota as an iCalendar feed."""
    return Response(house.roster.calendar(rota), media_type="text/calendar; charset=utf-8")


@area.get("/{rota}", Role.VIEWER)
def one_rota(rota: Rota, house: Here, begin: Begin = None, days: Days = 7) -> Data[RotaData]:
    """A rota, and who has which turn; times without anybody are told, too."""
    return Data(data=house.roster.rota(rota, begin, days))


@area.post("/{rota}/takeovers", Role.OPERATOR, status_code=201)
def take_over(rota: Rota, body: Take, who: Who, house: Here) -> Data[OnCall]:
    """Have somebody take over for a time; answers who is on call when it begins."""
    return Data(data=house.writer.run(lambda connection: house.roster.take(connection, rota, body, who)))
