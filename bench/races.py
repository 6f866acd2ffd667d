"""The races: each prepares a fresh place for everyone, runs everyone in turn, and adds its rows to the report."""

import shutil
from collections.abc import Callable
from pathlib import Path

from bench.app import App
from bench.measure import Command, measure, settle
from bench.peers import Borgmatic, ByHand, Daytwo, Restic, Script
from bench.report import Report

MEMORY_MB = 200
HELP_MS = 150
STATUS_MS = 300
STARTS = 10


class Races:
    """All races on one app.

    Args:
        app: the app.
        rounds: how often everyone runs.
        report: where the results go.
        say: tells what is going on.
        borgmatic: the program, or None where there is none.
    """

    def __init__(
        self, app: App, rounds: int, report: Report, say: Callable[[str], None], borgmatic: Path | None
    ) -> None:
        self._app = app
        self._rounds = rounds
        self._report = report
        self._say = say
        self._daytwo = Daytwo(app)
        self._borgmatic = Borgmatic(app, borgmatic) if borgmatic else None
        # The first run of all makes daytwo's state and Python's byte code; an app that is backed up has both.
        self._daytwo.backup("first").run()

    def archive(self) -> None:
        """`tar.gz`, read back, against the script."""
        script = Script(self._app)
        for _ in range(self._rounds):
            self._run("tar.gz archive", "daytwo", self._daytwo.backup("archive"))
            self._run("tar.gz archive", "script", script.backup())
        shutil.rmtree(script.folder)
        self._report.times_as_fast("tar.gz archive, read back (script of document P)", "tar.gz archive", "script", 4)

    def restic(self) -> None:
        """The first and an unchanged second backup into restic, against restic by hand and borgmatic with borg."""
        ours = Restic(self._app, self._app.folder / "restic")
        theirs = Restic(self._app, self._app.folder / "restic-by-hand")
        for _ in range(self._rounds):
            shutil.rmtree(self._daytwo.cache, ignore_errors=True)
            everyone: list[tuple[str, Callable[[], None], Callable[[], Command]]] = [
                ("daytwo", ours.make, lambda: self._daytwo.backup("restic")),
                ("restic by hand", theirs.make, theirs.backup),
            ]
            if self._borgmatic:
                everyone.append(("borgmatic", self._borgmatic.make, self._borgmatic.backup))
            for _, make, _ in everyone:
                make()
            for what in ("restic first", "restic second"):
                for who, _, backup in everyone:
                    self._run(what, who, backup())
        for what, title in (("restic first", "restic, first backup"), ("restic second", "restic, unchanged second")):
            self._report.share_of(title, what, "restic by hand", 0.9)
            if self._borgmatic:
                self._report.times_as_fast(f"{title} (borgmatic)", what, "borgmatic", 1.3)
            else:
                self._report.missing(f"{title} (borgmatic)", "borgmatic is not installed; skipped")

    def restore(self) -> None:
        """The database into a new one and in place, against `psql` and `pg_restore -j2` from dumps that lie ready.

        daytwo also reads the archive, restores the roles, counts every row, compares with the manifest and makes the
        planner's statistics (`ANALYZE`). In place it goes without the safety snapshot, which is another backup.
        """
        by_hand, app = ByHand(self._app), self._app
        by_hand.dump()
        if not (app.folder / "backups").exists():
            self._daytwo.backup("archive").run()
        rows = app.rows()
        for _ in range(self._rounds):
            for what, who, command, copy in (
                ("restore", "daytwo", self._daytwo.restore("copy"), "copy"),
                ("restore", "psql", by_hand.psql("copy"), "copy"),
                ("restore in place", "daytwo", self._daytwo.restore(None), "bench"),
                ("restore", "pg_restore -j2", by_hand.pg_restore("copy"), "copy"),
                ("restore", "analyze by hand", by_hand.analyze("copy"), "copy"),
            ):
                if who != "analyze by hand":
                    app.drop_copies()
                self._run(what, who, command)
                if (found := app.rows(copy)) != rows:
                    raise RuntimeError(f"{who} restored {found} rows, not {rows}")
            app.drop_copies()
        self._restore_rows()

    def _restore_rows(self) -> None:
        report = self._report
        best = min(("psql", "pg_restore -j2"), key=lambda who: report.wall("restore", who))
        seconds = report.wall("restore", best)
        report.share_of("restore of the database", "restore", best, 1.05)
        report.share_of("restore of the database in place", "restore in place", best, 1.05, seconds)
        whole = seconds + report.wall("restore", "analyze by hand")
        report.share_of("for information: restore", "restore", f"{best}, then analyze", None, whole)

    def start(self) -> None:
        """How long a command takes that has nothing to do."""
        for what, argv, limit in (("daytwo --help", ("--help",), HELP_MS), ("daytwo status", ("status",), STATUS_MS)):
            command = self._daytwo.command(*argv)
            for _ in range(STARTS):
                self._report.add(what, "daytwo", measure(command, watch=False))
            self._report.limit(f"{what}, median of {STARTS}", self._report.wall(what, "daytwo") * 1000, limit, "ms")

    def memory(self) -> None:
        """daytwo's own process in all of the above."""
        self._report.limit("daytwo's own memory, largest of all runs", self._report.own_memory() / 1e6, MEMORY_MB, "MB")

    def _run(self, what: str, who: str, command: Command) -> None:
        self._app.server.sql("checkpoint")
        settle()
        sample = measure(command)
        self._report.add(what, who, sample)
        self._say(f"{what}: {who} {sample.wall:.2f} s")
