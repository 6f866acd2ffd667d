"""Exports: the record that data left the app. Search, look, take it along as CSV."""

from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import Response

from daytwo.access.roles import Role
from daytwo.core.records import DataClass
from daytwo.core.schedule import zone_of
from daytwo.ledger.exports import ExportFilter, Exports, Status
from daytwo.web.house import Here, House
from daytwo.web.routing import After, Who
from daytwo.web.ui.frame import area as made
from daytwo.web.ui.frame import show

area = made()
_MOST = 50
_LONGEST = 200


@area.get("/exports", Role.VIEWER, include_in_schema=False)
async def exports(
    request: Request, house: Here, who: Who, text: str = "", data_class: str = "", status: str = "", since: str = "",
    until: str = "", after: After = None,
) -> Response:  # fmt: skip
    """Exports, the newest first."""
    given = {"text": text[:_LONGEST], "data_class": data_class, "status": status, "since": since, "until": until}
    return await show(request, house, who, "exports", lambda: _page(house, given, after))


def _page(house: House, given: dict[str, str], after: str | None) -> dict[str, Any]:
    config = house.current()
    register = Exports(house.database, house.audit, config.app, config.environment, house.clock)
    zone = config.timezone
    wanted = ExportFilter(
        text=given["text"].strip() or None,
        data_class=DataClass(given["data_class"]) if given["data_class"] in set(DataClass) else None,
        status=Status(given["status"]) if given["status"] in set(Status) else None,
        since=_day(given["since"], zone, 0),
        until=_day(given["until"], zone, 1),
    )
    rows, following = register.page(wanted, _MOST, after)
    told = {key: one for key, one in given.items() if one}
    api = {key: one for key, one in told.items() if key not in ("since", "until")}
    for key in ("since", "until"):
        if (at := getattr(wanted, key)) is not None:
            api[key] = at.isoformat()
    return {
        "rows": rows, "next": following, "given": given, "query": urlencode(told),
        "csv": "?" + urlencode(api) if api else "",
        "classes": [one.value for one in DataClass], "statuses": [one.value for one in Status],
    }  # fmt: skip


def _day(text: str, zone: str, later: int) -> datetime | None:
    """The midnight at which a day of the app's zone begins, so many days later."""
    try:
        day = date.fromisoformat(text) + timedelta(days=later)
    except (ValueError, OverflowError):
        return None
    return datetime.combine(day, time(), zone_of(zone))


@area.get("/exports/{number}", Role.VIEWER, include_in_schema=False)
async def export(request: Request, number: int, house: Here, who: Who) -> Response:
    """One export, with its digest."""

    def make() -> dict[str, Any]:
        config = house.current()
        register = Exports(house.database, house.audit, config.app, config.environment, house.clock)
        return {"one": register.get(number)}

    return await show(request, house, who, "export", make)
