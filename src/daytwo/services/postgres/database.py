"""The component that holds a database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from daytwo.core.errors import MissingToolError
from daytwo.core.manifest import ComponentRecord, Identity
from daytwo.core.run import Run
from daytwo.core.service import Component, Dump, Phase, Source, Staged, Verification
from daytwo.core.target import Target
from daytwo.services.postgres.access import Access
from daytwo.services.postgres.clients import Client, find_clients
from daytwo.services.postgres.dump import SMALLEST, dumping_database
from daytwo.services.postgres.names import derived
from daytwo.services.postgres.obstacles import obstacles_to_restore
from daytwo.services.postgres.reading import extract_table, find_reader, verify_dump
from daytwo.services.postgres.session import Door, Session, open_to_dump, open_to_restore, side_door
from daytwo.services.postgres.settings import PostgresSettings
from daytwo.services.postgres.staging import drop, stage_database
from daytwo.services.postgres.tables import stage_tables


class Tools:
    """What the components of a service share: the way to its server, looked up when it is needed.

    Args:
        settings: the service's.
        target: where its commands run.
        access: resolves the secrets and says how to reach the server.
    """

    def __init__(self, settings: PostgresSettings, target: Target, access: Callable[[], Access]) -> None:
        self.settings = settings
        self.target = target
        self._access = access
        # What stays as it is within a run, which asks for it often.
        self._found: tuple[str, tuple[Client, ...]] | None = None
        self._door: tuple[str, Door] | None = None

    def to_dump(self, run: Run) -> Session:
        """See `open_to_dump`."""
        access = self._access()
        return open_to_dump(access, self._clients(access, run), run)

    def to_restore(self, run: Run, record: ComponentRecord | None = None) -> Session:
        """See `open_to_restore`."""
        access = self._access()
        clients = self._clients(access, run)
        if self._door is None or self._door[0] != run.id:
            self._door = run.id, side_door(access, clients[-1], run)
        return open_to_restore(access, clients, run, self._door[1], record)

    def _clients(self, access: Access, run: Run) -> tuple[Client, ...]:
        if self._found is None or self._found[0] != run.id:
            self._found = run.id, find_clients(access.target, run, bin=self.settings.bin, where=access.where)
        return self._found[1]


class DatabaseComponent(Component):
    """A database in `pg_dump`'s custom format.

    Args:
        service: the service's name.
        tools: the way to its server.
    """

    def __init__(self, service: str, tools: Tools) -> None:
        super().__init__(
            service, f"{service}.dump", kind="postgres", format="pg_dump custom", phase=Phase.DATABASE,
            secret=tools.settings.secret, smallest=SMALLEST,
        )  # fmt: skip
        self._tools = tools

    @contextmanager
    def dump(self, run: Run) -> Iterator[Dump]:
        """Begin to dump, and to count rows beside it."""
        with dumping_database(self._tools.to_dump(run), self._tools.settings.exclude_tables) as dump:
            yield dump

    def verify(self, source: Source, run: Run) -> Verification:
        """Have `pg_restore` read it to its end, with the tools here or else those of the service."""
        return verify_dump(source, self._reader(source, run), run)

    def identity(self, run: Run) -> Identity:
        """Which database this is, on which server; one that does not exist holds nothing."""
        return self._tools.to_restore(run).identity()

    def obstacles(self, record: ComponentRecord, run: Run) -> tuple[str, ...]:
        """A client that cannot read the dump, missing rights, too little disk."""
        try:
            session = self._tools.to_restore(run, record)
        except MissingToolError as error:
            return (str(error),)
        return obstacles_to_restore(session, record)

    def stage(self, source: Source, run: Run, only: tuple[str, ...] = ()) -> Staged:
        """Restore into a new database on the same server."""
        session = self._tools.to_restore(run, source.record)
        if only:
            return stage_tables(session, source, only, self._tools.settings.jobs)
        return stage_database(session, source, self._tools.settings.jobs)

    def sweep(self, dead_run: str, run: Run) -> tuple[str, ...]:
        """Drop the database that a dead run restored into."""
        session = self._tools.to_restore(run)
        staged = derived(session.access.database, "daytwo", dead_run)
        if not session.exists(staged):
            return ()
        drop(session, staged)
        return (f"dropped database {staged}, which it had staged",)

    def extract(self, source: Source, item: str, run: Run) -> Iterator[bytes]:
        """One table as SQL."""
        return extract_table(source, item, self._reader(source, run), run)

    def _reader(self, source: Source, run: Run) -> tuple[Target, Client]:
        return find_reader(source.record, self._tools.target, self._tools.settings.bin, run)
