"""What is watched: checks, their numbers, alerts, uptime and performance."""

from typing import Annotated

from fastapi import Path, Query

from daytwo.access.roles import Role
from daytwo.watch.reports import Every, PerformanceData, ReportData, UptimeData
from daytwo.watch.views import (
    AlertData,
    AnswerData,
    ChartData,
    CheckData,
    CheckHistory,
    SeriesData,
    Status,
)
from daytwo.web.envelope import Data
from daytwo.web.house import Here
from daytwo.web.routing import Area, Day, Who

area = Area("watch", "/api")
Name = Annotated[str, Path(max_length=130, description="the check's name")]
SeriesName = Annotated[str, Path(max_length=200, description="the series' name")]
Pattern = Annotated[str, Query(max_length=200, description="a name, or a pattern such as `db.*`")]
Since = Annotated[str, Query(max_length=20, description="how far back, such as `24h` or `30d`")]
Period = Annotated[Every, Query(description="how long it is")]
DayOfIt = Annotated[
    Day | None, Query(description="any day of it, in the app's zone; the last one that is over when absent")
]
Points = Annotated[int, Query(ge=0, le=2000, description="how many points the chart has at most")]


@area.get("/checks", Role.VIEWER)
def checks(house: Here) -> Data[list[CheckData]]:
    """Every check as it stands."""
    return Data(data=house.views.checks())


@area.get("/checks/{name}", Role.VIEWER)
def check(name: Name, house: Here, since: Since = "24h") -> Data[CheckHistory]:
    """A check, and how it stood before."""
    return Data(data=house.views.check(name, since))


@area.post("/checks/{name}/run", Role.OPERATOR)
async def run(name: Name, house: Here, who: Who) -> Data[AnswerData]:
    """Ask a check now, besides its rhythm, and wait for its answer; it is recorded as any other."""
    answer = await house.ask(name)
    await house.act(who, "check.run", name)
    return Data(data=AnswerData.of(answer))


@area.get("/uptime", Role.VIEWER)
def uptimes(house: Here) -> Data[dict[str, dict[str, UptimeData]]]:
    """Uptime of every check over 24 hours, 7, 30 and 90 days."""
    return Data(data=house.views.uptimes())


@area.get("/series", Role.VIEWER)
def series(house: Here, pattern: Pattern = "*") -> Data[list[SeriesData]]:
    """Series and their newest numbers."""
    return Data(data=house.views.series(pattern))


@area.get("/series/{name}", Role.VIEWER)
def chart(name: SeriesName, house: Here, since: Since = "24h", points: Points = 300) -> Data[ChartData]:
    """The numbers of a series over a time: summed up whole, and as a chart."""
    return Data(data=house.views.chart(name, since, points))


@area.get("/monitoring/alerts", Role.VIEWER)
def alerts(house: Here, status: Status = "active") -> Data[list[AlertData]]:
    """Alerts: those that are firing, or with `all` also those that wait to be."""
    return Data(data=house.views.alerts(status))


@area.get("/monitoring/metrics", Role.VIEWER)
def metrics(house: Here) -> Data[dict[str, float]]:
    """The newest number of every series, by name."""
    return Data(data={one.name: one.value for one in house.views.series("*") if one.value is not None})


@area.get("/monitoring/performance", Role.VIEWER)
def performance(house: Here, since: Since = "24h") -> Data[PerformanceData]:
    """How fast and how reliably everything answered, with a score."""
    return Data(data=house.views.performance(since))


@area.get("/monitoring/report", Role.VIEWER)
def report(house: Here, period: Period = "daily", date: DayOfIt = None) -> Data[ReportData]:
    """How a day, a week or a month was: the slowest, the most failing, what changed, alerts, objectives."""
    return Data(data=house.views.report(period, date))
