"""Real traffic, as access logs tell of it: `/api/traffic`."""

from typing import Annotated

from fastapi import Path, Query

from daytwo.access.roles import Role
from daytwo.watch.traffic.views import LogTraffic, RoutedTraffic
from daytwo.web.envelope import Data
from daytwo.web.house import Here
from daytwo.web.routing import Area

area = Area("traffic", "/api/traffic")
Name = Annotated[str, Path(max_length=63, description="the log's name")]
Since = Annotated[str, Query(max_length=20, description="how far back, such as `1h` or `7d`")]


@area.get("", Role.VIEWER)
def traffic(house: Here, since: Since = "1h") -> Data[list[LogTraffic]]:
    """Requests of every access log: how many, how fast, how many failed; the worst first."""
    return Data(data=house.traffic.logs(since))


@area.get("/{name}", Role.VIEWER)
def traffic_of_log(name: Name, house: Here, since: Since = "1h") -> Data[RoutedTraffic]:
    """Requests of an access log by route, the worst first."""
    return Data(data=house.traffic.log(name, since))
