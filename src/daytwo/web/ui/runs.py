"""Runs: what was done, what is being done, and how far it is."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import Request
from starlette.responses import Response

from daytwo.access.roles import Role
from daytwo.core.errors import UsageError
from daytwo.ledger.runs import Outcome, RunRow
from daytwo.web.house import Here, House
from daytwo.web.routing import After, Who
from daytwo.web.ui.frame import area as made
from daytwo.web.ui.frame import show, to

area = made()
MOST = 50
KINDS = ("backup", "restore", "verify", "prune")


@dataclass(frozen=True)
class Part:
    """How far a part of a run is.

    Args:
        name: the part's.
        done: bytes that are done.
        whole: of how many; None where that is not known.
        note: what else is said of it.
    """

    name: str
    done: int
    whole: int | None
    note: str


@area.get("/runs", Role.VIEWER, include_in_schema=False)
async def runs(
    request: Request, house: Here, who: Who, kind: str = "", outcome: str = "", after: After = None
) -> Response:
    """The runs, the newest first."""
    return await show(request, house, who, "runs", lambda: _runs(house, kind, outcome, after), "runs")


def _runs(house: House, kind: str, outcome: str, after: str | None) -> dict[str, Any]:
    wanted = Outcome(outcome) if outcome in set(Outcome) else None
    rows = house.desk.runs.latest(kind if kind in KINDS else None, None, MOST + 1, wanted, _place(after))
    last = rows[MOST - 1] if len(rows) > MOST else None
    return {
        "rows": rows[:MOST], "kind": kind, "outcome": outcome, "kinds": KINDS,
        "outcomes": [one.value for one in Outcome],
        "next": f"{last.begun.isoformat()}~{last.id}" if last else None,
    }  # fmt: skip


@area.get("/runs/{run}", Role.VIEWER, include_in_schema=False)
async def one(request: Request, run: str, house: Here, who: Who) -> Response:
    """One run: how far it is, or how it ended."""
    return await show(request, house, who, "run", lambda: _one(house, run), "runs")


def _one(house: House, run: str) -> dict[str, Any]:
    row = house.desk.row(run)
    progress = house.desk.hub.progress(row.id) or (row.progress if row.outcome.open else {})
    return {
        "run": row, "open": row.outcome.open, "parts": [_part(name, one) for name, one in progress.items()],
        "detail": json.dumps(dict(row.detail), indent=2, ensure_ascii=False, default=str) if row.detail else "",
        "asked": _request(row),
    }  # fmt: skip


def _place(after: str | None) -> tuple[datetime, str] | None:
    """A place in the list, as `next` of the page before gave it."""
    at, _, id = (after or "").partition("~")
    try:
        found = datetime.fromisoformat(at) if at else None
    except ValueError:
        found = None
    return (found, id) if found is not None and found.tzinfo is not None else None


def _part(name: str, said: Any) -> Part:
    known = said if isinstance(said, dict) else {}
    whole = known.get("total")
    return Part(name, int(known.get("done") or 0), int(whole) if whole else None, str(known.get("state") or ""))


def _request(row: RunRow) -> dict[str, str]:
    """What was ordered, in words."""
    try:
        found = json.loads(row.request) if row.request else {}
    except ValueError:
        return {}
    return {key: str(one) for key, one in found.items() if one not in (None, [], {}, "", False) and key != "kind"}


@area.post("/runs/{run}/cancel", Role.OPERATOR, include_in_schema=False)
async def cancel(run: str, house: Here, who: Who) -> Response:
    """Stop a run; nothing half-done is left."""
    if len(run) > 40:
        raise UsageError("there is no such run")
    await house.desk.cancel(who, run)
    return to(f"/runs/{run}")
