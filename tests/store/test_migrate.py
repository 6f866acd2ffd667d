"""Every earlier state becomes the present one; a newer one is left alone."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from dbos._schemas.system_database import SystemSchema

from daytwo.core.errors import RefusedError
from daytwo.store import database as database_module
from daytwo.store import migrations
from daytwo.store.database import open_database
from daytwo.store.migrate import migrate, revisions
from daytwo.store.tables import metadata
from daytwo.store.url import StateUrl

OURS = set(metadata.tables)


@pytest.fixture(autouse=True)
def _real_migrations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others copy a state that is migrated already."""
    monkeypatch.setattr(database_module, "migrate", migrate)


def at_revision(file: Path, revision: str) -> None:
    """A state as an earlier daytwo left it, with a run in it."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    engine = sa.create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.execute(
            sa.text(
                "insert into runs (id, app, environment, kind, subject, owner, actor, begun, outcome) values"
                " ('r1', 'shop', 'production', 'backup', 'nightly', 'o', 'a', '2026-01-01T00:00:00.000000Z', 'succeeded')"
            )
        )
    engine.dispose()


def test_the_newest_revision_is_what_the_tables_say(url: StateUrl) -> None:
    database = open_database(url)
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": _ours, "compare_type": False})
        assert compare_metadata(context, metadata) == []
    database.close()


def _ours(name: str | None, kind: str, parents: object) -> bool:
    return kind != "table" or name in OURS


@pytest.mark.parametrize("revision", revisions()[:-1])
def test_from_each_earlier_revision_keeping_what_is_there_and_a_copy(url: StateUrl, revision: str) -> None:
    at_revision(url.file, revision)
    database = open_database(url)
    with database.read() as connection:
        assert connection.execute(sa.text("select version_num from alembic_version")).scalar() == revisions()[-1]
        assert connection.execute(sa.text("select id, via from runs")).one() == ("r1", "cli")
    database.close()
    [copy] = url.file.parent.glob(f"state.db.{revision}-*")
    assert copy.stat().st_mode & 0o777 == 0o600  # it holds hashes of passwords, as the state does
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("select version_num from alembic_version").fetchone() == (revision,)
        assert connection.execute("select id from runs").fetchone() == ("r1",)


def test_a_newer_one_is_refused_and_not_touched(url: StateUrl) -> None:
    open_database(url).close()
    with closing(sqlite3.connect(url.file)) as connection, connection:
        connection.execute("update alembic_version set version_num = '9999'")
    with pytest.raises(RefusedError, match="newer than this daytwo"):
        open_database(url)
    with closing(sqlite3.connect(url.file)) as connection:
        assert connection.execute("select version_num from alembic_version").fetchone() == ("9999",)


def test_no_state_at_all(url: StateUrl) -> None:
    url.file.write_bytes(b"this is no database, but long enough to look at it " * 100)
    with pytest.raises(RefusedError, match="cannot be used"):
        open_database(url)


def test_revisions_are_a_chain_of_numbers() -> None:
    assert revisions() == [f"{number:04}" for number in range(1, len(revisions()) + 1)]


def test_no_table_is_called_as_one_of_the_engine_that_shares_the_file() -> None:
    assert OURS.isdisjoint(table.name for table in SystemSchema.metadata_obj.tables.values())
