"""Checks that are asked from outside, besides their rhythm."""

from dataclasses import replace
from datetime import UTC, datetime

from daytwo.access.roles import Role
from daytwo.core.check import Around, Check, Observation, Timing
from daytwo.core.errors import BusyError, NotFoundError
from daytwo.watch.prober import Answer
from tests.web.conftest import World

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Named(Check):
    """A check that only has a name."""

    about = "nothing"

    async def probe(self, around: Around) -> Observation:
        raise NotImplementedError


async def ask(name: str) -> Answer:
    """A stand-in for the daemon's prober."""
    if name == "busy":
        raise BusyError("busy is being asked already")
    if name != "web":
        raise NotFoundError(f"there is no check {name}")
    return Answer(Named("web", "web", Timing()), Observation.failed("no answer", {"duration": 2.5}, {"a": "b"}), NOON)


def test_a_check_is_asked_now(world: World) -> None:
    world.app.state.house = replace(world.house, ask=ask)
    operator = world.bearer(Role.OPERATOR)
    answer = operator.post("/api/checks/web/run")
    assert (answer.status_code, answer.json()["data"]) == (
        200,
        {
            "name": "web", "service": "web", "verdict": "failed", "why": "no answer", "at": "2026-11-21T12:00:00Z",
            "numbers": {"duration": 2.5}, "facts": {"a": "b"},
        },
    )  # fmt: skip
    assert [operator.post(f"/api/checks/{name}/run").status_code for name in ("other", "busy")] == [404, 409]
    assert world.bearer(Role.VIEWER).post("/api/checks/web/run").status_code == 403
    told = world.bearer(Role.ADMIN).get("/api/audit?action=check.run").json()
    assert [one["subject"] for one in told["data"]] == ["web"], told


def test_a_daemon_that_does_not_watch_says_so(world: World) -> None:
    answer = world.bearer(Role.OPERATOR).post("/api/checks/web/run")
    assert (answer.status_code, answer.json()["error"]["message"]) == (409, "this daemon does not watch")
