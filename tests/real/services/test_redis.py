"""Redis for real: the contract, and what went wrong for others."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from daytwo.core.run import Run
from tests.contract.services import ServiceContract
from tests.real.services.redis_case import RedisCase, two_servers


@pytest.fixture(scope="module")
def servers() -> Iterator[RedisCase]:
    with ExitStack() as stack:
        yield two_servers(stack)


@pytest.fixture
def case(servers: RedisCase) -> Iterator[RedisCase]:
    yield servers
    for server in (servers.live, servers.beside):
        server.run("replicaof", "no", "one")
        server.run("flushall")
        server.run("function", "flush")
    for path in servers.live.data.glob("*before*"):
        path.unlink()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run("fedcba9876543210", tmp_path / "work", timeout=60)


class TestContract(ServiceContract):
    """What every kind must do."""
