"""The audit trail: who did what, hash-chained; and whether it is whole."""

import json
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import Response

from daytwo.access.roles import Role
from daytwo.ledger.audit import Filter
from daytwo.web.house import Here, House
from daytwo.web.routing import After, Who
from daytwo.web.ui.frame import area as made
from daytwo.web.ui.frame import show

area = made()
_MOST = 50
_LONGEST = 200


@area.get("/audit", Role.ADMIN, include_in_schema=False)
async def audit(
    request: Request, house: Here, who: Who, actor: str = "", action: str = "", subject: str = "", after: After = None
) -> Response:
    """Events, the newest first."""
    given = {"actor": actor[:_LONGEST], "action": action[:_LONGEST], "subject": subject[:_LONGEST]}
    return await show(request, house, who, "audit", lambda: _page(house, given, after))


def _page(house: House, given: dict[str, str], after: str | None) -> dict[str, Any]:
    told = {key: one.strip() for key, one in given.items() if one.strip()}
    rows, following = house.audit.page(Filter(told.get("actor"), told.get("action"), told.get("subject")), _MOST, after)
    return {
        "rows": rows, "next": following, "given": given, "query": urlencode(told), "heads": list(house.audit.heads()),
        "detail": lambda one: json.dumps(dict(one.detail), ensure_ascii=False, default=str) if one.detail else "",
    }  # fmt: skip


@area.get("/audit/verify", Role.ADMIN, include_in_schema=False)
async def verify(request: Request, house: Here, who: Who) -> Response:
    """Look through the whole trail for whatever is not as it was recorded."""

    def make() -> dict[str, Any]:
        return {"verdict": house.audit.verify([])}

    return await show(request, house, who, "audit_verify", make)
