"""A shop with a past, as each role sees it."""

from datetime import UTC, datetime

import pytest

from daytwo.access.roles import Role
from tests.web.client import TestClient
from tests.web.conftest import Build, World
from tests.web.ui.staging import CONFIG, fill

HTML = {"Accept": "text/html"}


@pytest.fixture
def shop(build: Build) -> World:
    """A shop in which one check fails."""
    made = build(config=CONFIG)
    made.clock.now = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    fill(made, minutes=30)
    return made


def browser(world: World, role: Role = Role.ADMIN) -> TestClient:
    """Somebody who has logged in, and sends forms with the token that pages give them."""
    client = world.person(role)
    client.headers.update(HTML)
    return client
