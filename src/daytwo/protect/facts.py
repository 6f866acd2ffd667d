"""What is known of snapshots: read from the repositories, kept in the state so that `status` need not ask them."""

from collections.abc import Iterable

import sqlalchemy as sa

from daytwo.core.manifest import Manifest, Snapshot
from daytwo.core.repository import AnyRepository
from daytwo.core.run import Run
from daytwo.protect.workbench import Workbench
from daytwo.store.tables import snapshots as table


def latest_manifest(repository: AnyRepository, backup: str, run: Run) -> Manifest | None:
    """The newest snapshot of a backup in a repository."""
    found = [one.manifest for one in repository.snapshots(run) if one.manifest.backup == backup]
    return found[-1] if found else None


def missing_copies(copy: AnyRepository, source: AnyRepository, backup: str, run: Run) -> list[Snapshot]:
    """What a copy lacks of its source's newest snapshots, oldest first.

    Snapshots older than the newest one the copy has are not missing: its own retention may have removed them.
    """
    there = [one for one in copy.snapshots(run) if one.manifest.backup == backup]
    newest = max((one.manifest.at for one in there), default=None)
    ids = {one.id for one in there}
    here = [one for one in source.snapshots(run) if one.manifest.backup == backup and one.id not in ids]
    return [one for one in here if newest is None or one.manifest.at > newest][-30:]


def record(connection: sa.Connection, bench: Workbench, snapshot: Snapshot) -> None:
    """Write down one snapshot, replacing what was known of it."""
    manifest = snapshot.manifest
    key = _key(bench, snapshot.repository) & (table.c.id == snapshot.id)
    connection.execute(table.delete().where(key))
    connection.execute(
        table.insert().values(
            app=bench.config.app,
            environment=bench.config.environment,
            repository=snapshot.repository,
            id=snapshot.id,
            backup=manifest.backup,
            run=manifest.run,
            sequence=manifest.sequence,
            at=manifest.at,
            size=manifest.size,
            level=snapshot.level.value,
            pinned=snapshot.pinned,
            safety=manifest.safety,
        )
    )


def synchronise(bench: Workbench, repository: str, there: Iterable[Snapshot]) -> None:
    """Make the state agree with what a repository was just seen to hold."""
    with bench.database.begin() as connection:
        connection.execute(table.delete().where(_key(bench, repository)))
        for snapshot in there:
            record(connection, bench, snapshot)


def _key(bench: Workbench, repository: str) -> sa.ColumnElement[bool]:
    return (
        (table.c.app == bench.config.app)
        & (table.c.environment == bench.config.environment)
        & (table.c.repository == repository)
    )
