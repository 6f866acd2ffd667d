"""A restored database beside the live one, and how it is put in use."""

import shlex
from collections.abc import Mapping
from contextlib import suppress

from daytwo.core.command import command
from daytwo.core.errors import CommandError, DaytwoError, MissingToolError
from daytwo.core.fileset.site import remove
from daytwo.core.run import Run
from daytwo.core.service import Staged, Swapped
from daytwo.services.sqlite.place import COMPANIONS, DatabasePlace


def drop_command(place: DatabasePlace, old: str) -> str:
    """The command that removes the database from before."""
    argv = command("rm", "-f", "--", old, [old + end for end in COMPANIONS])
    return shlex.join(place.target.wrap(argv).argv)


class _Beside(Staged):
    """What both ways have in common: a file beside the live one."""

    def __init__(self, place: DatabasePlace, live: str, counts: Mapping[str, int], run: Run) -> None:
        self.counts = counts
        self._place = place
        self._live = live
        self._run = run
        self._new = f"{live}.daytwo-new-{run.id[:8]}"
        self._old = f"{live}.daytwo-before-{run.id[:8]}"

    def discard(self) -> None:
        """Remove it."""
        fresh = Run(self._run.id, self._run.work, timeout=60)  # the restore's own may be cancelled
        with suppress(DaytwoError):
            remove(self._place.target, fresh, self._new, *(self._new + end for end in COMPANIONS))

    def swap(self) -> Swapped:
        """Put it in use."""
        raise NotImplementedError


class StagedDatabase(_Beside):
    """A whole database."""

    def __init__(
        self, place: DatabasePlace, live: str, counts: Mapping[str, int], warnings: tuple[str, ...], run: Run
    ) -> None:
        super().__init__(place, live, counts, run)
        self.warnings = warnings

    def swap(self) -> Swapped:
        """Take the live file's name; the old file gets another one, its log and journal with it.

        Raises:
            CommandError: it did not work.
        """
        self._place.checkpoint(self._live, self._run)
        kept = self._place.swap(self._live, self._new, self._old, self._run)
        drop = drop_command(self._place, self._old) if kept else ""
        return Swapped(now=self._live, kept=self._old if kept else "", drop=drop)


class StagedTables(_Beside):
    """Some tables, to be put into the live database in one transaction.

    Args:
        place: where the database is.
        live: its file there.
        sql: what replaces them.
        counts: their rows.
        run: the restore's run.
    """

    def __init__(self, place: DatabasePlace, live: str, sql: str, counts: Mapping[str, int], run: Run) -> None:
        super().__init__(place, live, counts, run)
        self._sql = sql

    def swap(self) -> Swapped:
        """Keep a copy of the whole database as it is now, then replace the tables.

        Raises:
            CommandError: it did not work; the live database is as it was.
        """
        tool = self._place.tool(self._run)
        if tool is None:
            raise MissingToolError(f"neither sqlite3 nor python3 is installed in {self._place.target}",
                                   hint="Install one, or restore the whole database")  # fmt: skip
        try:
            self._place.copy_beside(self._live, self._old, tool, self._run)
            self._place.run_sql(self._live, self._sql, tool, self._run)
        except DaytwoError as error:
            fresh = Run(self._run.id, self._run.work, timeout=60)
            remove(self._place.target, fresh, self._old)
            raise CommandError(f"the tables were not replaced: {error.what}", where=self._live,
                               hint="The database is as it was") from None  # fmt: skip
        self.discard()
        return Swapped(now=self._live, kept=self._old, drop=drop_command(self._place, self._old))
