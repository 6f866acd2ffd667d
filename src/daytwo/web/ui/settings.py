"""Settings: the configuration as it counts now, secrets masked, and how the parts of the daemon are."""

import asyncio
from typing import Any

from fastapi import Request
from starlette.responses import Response

from daytwo.access.roles import Role
from daytwo.config import show as shown
from daytwo.web.house import Here, House
from daytwo.web.routing import Who
from daytwo.web.ui.frame import area as made
from daytwo.web.ui.frame import show, to

area = made()


@area.get("/settings", Role.VIEWER, include_in_schema=False)
async def settings(request: Request, house: Here, who: Who) -> Response:
    """The configuration, and the daemon itself."""
    return await show(request, house, who, "settings", lambda: _settings(house, who.role), "config")


def _settings(house: House, role: Role) -> dict[str, Any]:
    from daytwo.web.routes.health import problems  # the routes import the pages

    config = house.current()
    door = house.door
    admin = role >= Role.ADMIN
    return {
        "config": config, "text": shown(config), "refused": house.refused(), "parts": house.pulse.beats(),
        "problems": problems(house), "state_at": str(house.database.url),
        "users": door.read(door.users.all) if admin else [],
        "tokens": door.read(door.tokens.all) if admin else [],
    }  # fmt: skip


@area.post("/settings/reload", Role.ADMIN, include_in_schema=False)
async def reload(house: Here, who: Who) -> Response:
    """Read the configuration file again; with a mistake in it, everything stays as it is."""
    await asyncio.to_thread(house.reload)
    await house.act(who, "config.reload", house.current().fingerprint)
    return to("/settings")
