"""Logs: which are followed, and what was found in them."""

from typing import Annotated

from fastapi import Path

from daytwo.access.roles import Role
from daytwo.watch.logs.views import LogData, PatternData, PatternDetail
from daytwo.web.envelope import Data
from daytwo.web.house import Here
from daytwo.web.routing import Area

area = Area("logs", "/api/logs")
Name = Annotated[str, Path(max_length=63, description="the pattern's name")]


@area.get("", Role.VIEWER)
def logs(house: Here) -> Data[list[LogData]]:
    """The logs that are followed, and whether each can be read."""
    return Data(data=house.logs.logs())


@area.get("/patterns", Role.VIEWER)
def patterns(house: Here) -> Data[list[PatternData]]:
    """What is looked for in logs, and how often it was found."""
    return Data(data=house.logs.patterns())


@area.get("/patterns/{name}", Role.OPERATOR)
def pattern(name: Name, house: Here) -> Data[PatternDetail]:
    """A pattern, with the newest lines that it matched."""
    return Data(data=house.logs.pattern(name))
