"""A restored database beside the live one, and how it is put in use."""

from collections.abc import Mapping
from contextlib import suppress

from daytwo.core.command import command
from daytwo.core.errors import CommandError, DaytwoError, MissingToolError
from daytwo.core.fileset.site import C, exists, remove
from daytwo.core.process import capture
from daytwo.core.run import Run
from daytwo.core.service import Staged, Swapped
from daytwo.services.sqlite.place import DatabasePlace
from daytwo.services.sqlite.swap import Names, swap


class StagedDatabase(Staged):
    """A whole database."""

    def __init__(
        self, place: DatabasePlace, names: Names, counts: Mapping[str, int], warnings: tuple[str, ...], run: Run
    ) -> None:
        self.counts = counts
        self.warnings = warnings
        self._place = place
        self._names = names
        self._run = run

    def swap(self) -> Swapped:
        """Take the live file's name; the old file gets another one, its log and journal with it.

        Raises:
            CommandError: it did not work.
        """
        self._place.checkpoint(self._names.live, self._run)
        return swap(self._names, self._run)

    def discard(self) -> None:
        """Remove it."""
        with suppress(DaytwoError):
            if not exists(self._names.target, self._names.journal, Run(self._run.id, self._run.work, timeout=60)):
                self._names.clear(self._run)


class StagedTables(StagedDatabase):
    """Some tables, to be put into the live database in one transaction.

    Args:
        place: where the database is.
        names: its file there, and those beside it.
        sql: what replaces the tables.
        counts: their rows.
        warnings: what a person should see to.
        run: the restore's run.
    """

    def __init__(
        self, place: DatabasePlace, names: Names, sql: str, counts: Mapping[str, int], warnings: tuple[str, ...],
        run: Run,
    ) -> None:  # fmt: skip
        super().__init__(place, names, counts, warnings, run)
        self._sql = sql

    def swap(self) -> Swapped:
        """Keep a copy of the whole database as it is now, then replace the tables.

        Raises:
            CommandError: it did not work; the live database is as it was.
        """
        place, names, run = self._place, self._names, self._run
        tool = place.tool(run)
        if tool is None:
            raise MissingToolError(f"neither sqlite3 nor python3 is installed in {place.target}",
                                   hint="Install one, or restore the whole database")  # fmt: skip
        place.copy_beside(names.live, names.part, tool, run, durable=True)
        capture(place.target, command("mv", "--", names.part, names.old, env=C), run)
        try:
            place.run_sql(names.live, self._sql, tool, run)
        except CommandError as error:
            remove(place.target, run, names.old)
            raise CommandError(f"the tables were not replaced: {error.what}", where=names.live,
                               hint="The database is as it was") from None  # fmt: skip
        except DaytwoError as error:  # it may have been done before the end of it was heard of
            hint = f"Look whether the tables were replaced; the database from before is {names.old}"
            raise type(error)(error.what, where=names.live, hint=hint) from None
        self.discard()
        return names.kept(run)
