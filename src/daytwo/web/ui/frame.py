"""What stands around every page of the dashboard: the navigation, who is there, and what may be done."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from daytwo.access.roles import Principal, Role
from daytwo.web.house import House
from daytwo.web.identify import presence
from daytwo.web.pages import page
from daytwo.web.routing import Area
from daytwo.web.ui import words
from daytwo.web.ui.stamps import Stamper
from daytwo.web.ui.words import Times

AREA = "dashboard"
"""The part of the API that pages belong to, for tokens that are limited to some."""


@dataclass(frozen=True)
class Place:
    """A page of the navigation.

    Args:
        path: where it is.
        name: what it is called.
        icon: its drawing in icons.svg.
        role: who may see it.
    """

    path: str
    name: str
    icon: str
    role: Role = Role.VIEWER


NAVIGATION: tuple[tuple[str, tuple[Place, ...]], ...] = (
    (
        "",
        (
            Place("/", "Overview", "home"),
            Place("/alerts", "Alerts", "bell"),
            Place("/incidents", "Incidents", "flame"),
            Place("/oncall", "On-call", "phone"),
        ),
    ),
    (
        "Watch",
        (
            Place("/services", "Services", "pulse"),
            Place("/heartbeats", "Heartbeats", "heart"),
            Place("/numbers", "Numbers", "line"),
            Place("/traffic", "Traffic", "traffic"),
            Place("/logs", "Logs", "lines"),
            Place("/security", "Security", "shield"),
            Place("/reports", "Reports", "chart"),
        ),
    ),
    ("Protect", (Place("/backups", "Backups", "box"), Place("/runs", "Runs", "play"))),
    (
        "Records",
        (
            Place("/exports", "Exports", "out"),
            Place("/audit", "Audit", "book", Role.ADMIN),
            Place("/settings", "Settings", "gear"),
        ),
    ),
)
"""All pages, in groups."""
_BELONGS = {"/checks": "/services", "/snapshots": "/backups", "/restore": "/backups"}
"""Pages without a place of their own."""
DOCK = ("/", "/alerts", "/services", "/backups")
"""What a phone shows at the bottom; the rest is behind *More*."""


def area() -> Area:
    """The routes of one file of the dashboard."""
    return Area(AREA, "")


def stamper(request: Request) -> Stamper:
    """What tells that pages have changed; one for all."""
    found: Stamper | None = getattr(request.app.state, "stamper", None)
    if found is None:
        house: House = request.app.state.house
        config = house.current()
        found = Stamper(house.database, (config.app, config.environment), lambda: house.current().fingerprint)
        request.app.state.stamper = found
    return found


def times(house: House) -> Times:
    """Times as seen from now."""
    return Times(house.clock(), house.current().timezone)


async def show(
    request: Request,
    house: House,
    who: Principal,
    template: str,
    make: Callable[[], dict[str, Any]],
    topics: str = "",
    status: int = 200,
) -> Response:
    """A page of the dashboard.

    Args:
        request: what it answers.
        house: the house.
        who: who looks.
        template: its name in `templates/ui`, without the ending.
        make: reads what it shows; called in a thread.
        topics: what it is made from: it is shown anew when one of these changes.
        status: the HTTP status.
    """
    return await asyncio.to_thread(partial(_show, request, house, who, template, make, topics, status))


def _show(
    request: Request,
    house: House,
    who: Principal,
    template: str,
    make: Callable[[], dict[str, Any]],
    topics: str,
    status: int,
) -> Response:
    # Read before everything else: what changes meanwhile makes the page look again.
    stamps = stamper(request).read() if topics else {}
    here = presence(request)
    values: dict[str, Any] = {
        "groups": [(name, [one for one in places if who.role >= one.role]) for name, places in NAVIGATION],
        "dock": [one for _, places in NAVIGATION for one in places if one.path in DOCK],
        "path": request.url.path,
        "place": _place(request.url.path),
        "user": who.name,
        "role": who.role.word,
        "csrf": here.csrf if here else "",
        "may_operate": who.role >= Role.OPERATOR,
        "may_admin": who.role >= Role.ADMIN,
        "topics": topics,
        "stamps": {name: stamps[name] for name in topics.split() if name in stamps},
        "times": times(house),
        "words": words,
    }
    return page(request, f"ui/{template}", status, **{**values, **make()})


def _place(path: str) -> str:
    """The page of the navigation that a page belongs to."""
    first = "/" + path.split("/")[1]
    return _BELONGS.get(first, first)


def to(path: str) -> Response:
    """Go on to a page, after something was done."""
    return RedirectResponse(path, 303)
