"""What is known of snapshots: read from the repositories, kept in the state so that `status` need not ask them."""

from collections.abc import Collection, Iterable

import sqlalchemy as sa

from daytwo.core.errors import RepositoryError
from daytwo.core.manifest import Manifest, Snapshot
from daytwo.core.repository import AnyRepository
from daytwo.core.run import Run
from daytwo.protect.workbench import Workbench
from daytwo.store.tables import snapshots as table


def latest_manifest(there: Iterable[Snapshot], backup: str) -> Manifest | None:
    """The newest snapshot of a backup among those of a repository."""
    found = [one.manifest for one in there if one.manifest.backup == backup]
    return found[-1] if found else None


def vanished(bench: Workbench, repository: str, there: Collection[Snapshot]) -> RepositoryError | None:
    """What to say of a repository that held snapshots when it was last looked at and holds none now."""
    if there:
        return None
    with bench.database.begin() as connection:
        known = connection.execute(
            sa.select(sa.func.count()).select_from(table).where(_key(bench, repository))
        ).scalar()
    if not known:
        return None
    return RepositoryError(
        f"it held {known} snapshots when it was last looked at, and now there is none",
        where=f"repository {repository}",
        hint="Is its disk mounted? What is backed up now is stored in it nevertheless",
    )


def missing_copies(copy: AnyRepository, source: AnyRepository, backup: str, run: Run) -> list[Snapshot]:
    """What a copy lacks of its source's newest snapshots, oldest first.

    Snapshots older than the newest one that both have are not missing: the copy's own retention may have removed them.
    Newer is what the source made later, whatever the clock said (F07).
    """
    there = [one for one in copy.snapshots(run) if one.manifest.backup == backup]
    ids = {one.id for one in there}
    here = [one for one in source.snapshots(run) if one.manifest.backup == backup]
    common = [number for number, one in enumerate(here) if one.id in ids]
    if common:
        missing = here[common[-1] + 1 :]
    else:  # the source has removed them since: only the times tell, and the newest is missing whatever they tell
        newest = max((one.manifest.at for one in there), default=None)
        missing = [one for one in here[:-1] if newest is None or one.manifest.at > newest] + here[-1:]
    return missing[-30:]


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
            only=",".join(manifest.only),
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
