"""Fixtures for every test: the real parts (see `tests/parts/`), started when first asked for.

Each xdist worker has servers of its own, but all of them share one Docker daemon. Whoever uses a part of the session
leaves no state behind that another test could trip over: take a new database, bucket, folder or container.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daytwo.core import secrets
from daytwo.store import database
from tests.parts import docker as docker_part
from tests.parts import programs
from tests.parts.docker import DockerEngine
from tests.parts.mariadb import MariadbServer
from tests.parts.mariadb import mariadb as mariadb_server
from tests.parts.postgres import PostgresServer
from tests.parts.postgres import postgres15 as postgres15_server
from tests.parts.postgres import postgres18 as postgres18_server
from tests.parts.redis import RedisServer
from tests.parts.redis import redis as redis_server
from tests.parts.restic import Restic
from tests.parts.restic import restic as find_restic
from tests.parts.s3 import S3Server
from tests.parts.s3 import s3 as s3_server
from tests.parts.ssh import SshHost
from tests.parts.ssh import ssh_host as ssh_server
from tests.parts.state import copy_or_migrate

SESSION = pytest.StashKey[tuple[Path, int]]()
"""The session's folder, and the process that runs the session (not a worker)."""

REAL = (Path(__file__).parent / "real", Path(__file__).parent / "parts")

FIRST_DOCKER_SECONDS = 1200
"""The first test that asks for Docker may have to build the base image; its time counts as the test's."""


def pytest_configure(config: pytest.Config) -> None:
    """Agree on the session's folder."""
    programs.note()
    for number in (signal.SIGINT, signal.SIGQUIT):  # begun in the background, we ignore them; what tests start must not
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    given = getattr(config, "workerinput", {}).get("daytwo_session")
    config.stash[SESSION] = (Path(given[0]), given[1]) if given else (docker_part.session_folder(), os.getpid())


@pytest.fixture(autouse=True)
def own_secrets() -> Iterator[None]:
    """What a test resolves is blanked in that test only, for a secret of one may be plain text in another."""
    before = set(secrets._known)
    yield
    secrets._known.clear()
    secrets._known.update(before)


@pytest.fixture(scope="session", autouse=True)
def copied_states() -> Iterator[None]:
    """A new state is a copy of the first; tests of the migrations take the real ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "migrate", copy_or_migrate)
        yield


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell an xdist worker of the session."""
    folder, owner = node.config.stash[SESSION]
    node.workerinput["daytwo_session"] = (str(folder), owner)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End what all workers shared; they have ended by now."""
    if SESSION in config.stash and not hasattr(config, "workerinput"):
        docker_part.end_session(config.stash[SESSION][0])


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown() -> Iterator[None]:
    """A test whose programs' pipes stay open fails."""
    yield
    if found := programs.left_open():
        pytest.fail("a program's pipes were left open, which was begun here:\n" + "\n".join(found), pytrace=False)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what talks to real servers, and give tests with Docker the time to make the base image."""
    for item in items:
        if any(folder in item.path.parents for folder in REAL):
            item.add_marker(pytest.mark.real)
        if "docker" in getattr(item, "fixturenames", ()) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(FIRST_DOCKER_SECONDS))


@pytest.fixture(scope="session")
def postgres18() -> Iterator[PostgresServer]:
    """PostgreSQL 18."""
    with postgres18_server() as server:
        yield server


@pytest.fixture(scope="session")
def postgres15() -> Iterator[PostgresServer]:
    """PostgreSQL 15."""
    with postgres15_server() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariadbServer]:
    """MariaDB."""
    with mariadb_server() as server:
        yield server


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """Redis without a password."""
    with redis_server() as server:
        yield server


@pytest.fixture(scope="session")
def redis_with_password() -> Iterator[RedisServer]:
    """Redis with a password."""
    with redis_server(password=True) as server:
        yield server


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """S3."""
    with s3_server() as server:
        yield server


@pytest.fixture(scope="session")
def ssh_host() -> Iterator[SshHost]:
    """A host reached over SSH: this machine."""
    with ssh_server() as server:
        yield server


@pytest.fixture(scope="session")
def restic() -> Restic:
    """restic."""
    return find_restic()


@pytest.fixture(scope="session")
def docker(request: pytest.FixtureRequest) -> DockerEngine:
    """The private Docker daemon, one for all workers, with the base image in it."""
    return docker_part.shared_engine(*request.config.stash[SESSION])
