"""Whatever is sent to a route, it answers as its schema says, and never fails by itself (schemathesis)."""

from collections.abc import Iterator

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, settings
from schemathesis import checks
from schemathesis.specs.openapi import checks as openapi_checks
from starlette.types import ASGIApp, Receive, Scope, Send

from daytwo.access.roles import Role
from daytwo.web.routes import AREAS
from tests.web.conftest import world_in

UNSTARTED = (
    "/api/snapshots",
    "/api/prunes/plan",
    "/api/keys",
    "/api/doctor",
    "/api/restores/plan",
    "/api/runs/{run}/events",
)
"""Routes that wait for a child process or for ever: tests/real/serve asks them of a real daemon."""
CHECKS = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_headers_conformance,
    openapi_checks.response_schema_conformance,
    openapi_checks.negative_data_rejection,
]


def _schema() -> schemathesis.BaseSchema:
    described = FastAPI(routes=[route for area in AREAS for route in area.router.routes]).openapi()
    described["paths"] = {
        path: one
        for path, one in described["paths"].items()
        if not path.startswith(UNSTARTED) and path.startswith("/api/")
    }
    return schemathesis.openapi.from_dict(described)


class _Door:
    """What the schema belongs to, before there is an application."""

    app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)


SCHEMA, DOOR = _schema(), _Door()
SCHEMA.app = DOOR
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An administrator's."""
    with world_in(tmp_path_factory.mktemp("schema")) as world:
        DOOR.app = world.app
        yield world.stage.token("schema", Role.ADMIN)


@SCHEMA.parametrize()
@settings(
    derandomize=True,  # the same questions each time: what is new is found by asking more, not by chance
    max_examples=20,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_the_schema_says(case: schemathesis.Case, token: str) -> None:
    response = case.call(headers={"Authorization": f"Bearer {token}"})
    if response.status_code == 413:  # refused before any route sees it, so no route documents it
        assert response.json()["error"]["code"] == "too_large"
        return
    case.validate_response(response, checks=CHECKS)
