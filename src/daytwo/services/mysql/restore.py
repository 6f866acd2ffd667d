"""Restores a dump into a database beside the live one, then has the two change places."""

# Names and values reach SQL through `quoted` and `text` only.
# ruff: noqa: S608

import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from daytwo.core.command import Command
from daytwo.core.errors import CommandError, DaytwoError, UsageError
from daytwo.core.process import capture
from daytwo.core.run import Run
from daytwo.core.service import Source, Staged, Swapped
from daytwo.services.mysql.client import CLIENTS, DUMPERS, Client, quoted, text
from daytwo.services.mysql.dump import programs_command, triggers_command, views_command
from daytwo.services.mysql.keys import foreign_keys
from daytwo.services.mysql.plan import LOCK_SECONDS, Names, Plan, alike, strays
from daytwo.services.mysql.reader import Charset, Part, Reader, Section, plain, sections, without_client_commands
from daytwo.services.mysql.server import Inventory, count, inventory

_NAME_LENGTH = 64
_DEFINER = re.compile(rb"DEFINER=`((?:[^`]|``)*)`@`((?:[^`]|``)*)`")
_ORDINARY = Charset("utf8mb4", "utf8mb4_general_ci")
_UNDO_SECONDS = 600.0


def names_for(database: str, run_id: str) -> Names:
    """The names a run's databases get, within the 64 characters a name may have."""

    def beside(word: str) -> str:
        suffix = f"_{word}_{run_id[:8]}"
        return database[: _NAME_LENGTH - len(suffix)] + suffix

    return Names(database, beside("daytwo"), beside("before"))


@dataclass
class Load:
    """A dump on its way into the staged database: what is fed, and what is held back.

    Events are held back: in the staged database they would run, on data that nobody uses yet.
    """

    source: Source
    only: tuple[str, ...]
    reader: Reader
    events: bytes = b""

    def chunks(self) -> Iterator[bytes]:
        """The statements for the staged database."""
        fed: set[str] = set()
        for section, piece in sections(self.source.chunks(), self.reader):
            if section.part is Part.EVENTS:
                self.events += b"" if self.only else piece
            elif section.part is Part.HEADER:
                yield without_client_commands(piece)
            elif self._wanted(section):
                fed.add(section.name)
                yield piece
        missing = [name for name in self.only if name not in fed]
        if missing:
            raise unknown(missing[0], self.reader)

    def _wanted(self, section: Section) -> bool:
        if not self.only or section.part is Part.FOOTER:
            return True
        return section.part in (Part.TABLE, Part.SEQUENCE) and section.name in self.only


def unknown(item: str, reader: Reader) -> UsageError:
    """The error for a table that a dump does not hold."""
    tables = ", ".join(sorted(reader.counts)) or "no table"
    return UsageError(f"the dump holds no table {item}", hint=f"It holds {tables}")


def stage(
    client: Client, source: Source, run: Run, only: tuple[str, ...], excluded: tuple[str, ...]
) -> "StagedDatabase":
    """Load a dump into a new database and compare what arrived with what the dump holds.

    Raises:
        IntegrityError: the dump is not whole.
        CommandError: at the first error; what was staged is gone by then.
    """
    names = names_for(client.settings.database, run.id)
    load = Load(source, only, Reader())
    live = inventory(client, names.live, run)
    staged = StagedDatabase(client, run, names, load, excluded)
    try:
        staged.charset = charset = live.charset or _first_charset(source) or _ORDINARY
        client.query(
            f"DROP DATABASE IF EXISTS {quoted(names.staged)}; CREATE DATABASE {quoted(names.staged)}"
            f" CHARACTER SET {charset.name} COLLATE {charset.collation};",
            run,
        )
        staged.stand_in(live)
        client.script(load.chunks(), run, names.staged)
        staged.take_stock()
    except BaseException:
        staged.discard()
        raise
    return staged


def _first_charset(source: Source) -> Charset | None:
    reader = Reader()
    chunks = source.chunks()
    for chunk in chunks:
        reader.feed(chunk[:4096] + b"\n")
        break
    close = getattr(chunks, "close", lambda: None)
    close()
    return reader.charset


class StagedDatabase(Staged):
    """A restored database that nobody uses yet."""

    def __init__(self, client: Client, run: Run, names: Names, load: Load, excluded: tuple[str, ...]) -> None:
        self.counts: dict[str, int] = {}
        self.warnings: tuple[str, ...] = ()
        self.charset = _ORDINARY
        self._client = client
        self._run = run
        self._names = names
        self._load = load
        self._excluded = excluded
        self._standing: list[str] = []

    def stand_in(self, live: Inventory) -> None:
        """Give the views of tables that are not dumped something to be made of; it never moves."""
        if self._load.only:
            return
        for table in live.tables:
            if table.name in self._excluded and not table.sequence:
                with suppress(CommandError):  # only views need it, if there are any
                    self._client.query(alike(self._names.staged, self._names.live, table.name), self._run)
                    self._standing.append(table.name)

    def take_stock(self) -> None:
        """Count what arrived.

        Raises:
            CommandError: it is not what the dump holds.
        """
        staged = inventory(self._client, self._names.staged, self._run).tables
        borrowing = {table.name for table in staged if table.borrows}
        expected = {name: rows for name, rows in self._load.reader.counts.items() if name not in borrowing}
        if self._load.only:
            expected = {name: rows for name, rows in expected.items() if name in self._load.only}
        self.counts = count(self._client, self._names.staged, tuple(expected), self._run)
        wrong = [f"{name} has {self.counts[name]} rows of {rows}" for name, rows in expected.items()
                 if self.counts[name] != rows]  # fmt: skip
        if wrong:
            raise CommandError(f"not all that was fed arrived: {'; '.join(wrong)}", where=self._client.where,
                               hint="Look at the server's log")  # fmt: skip
        if self._load.only and expected:  # not for sequences alone
            self._keep_numbers(tuple(expected))
        self.warnings = self._absent_definers()

    def _keep_numbers(self, tables: tuple[str, ...]) -> None:
        """Have tables go on with the numbers of those that they replace.

        Other tables stay, and may refer to rows that came after the dump: no new row must be taken for one of these.
        """
        names = ", ".join(text(name) for name in tables)
        rows = self._client.query(
            "/*!80000 SET SESSION information_schema_stats_expiry = 0 */;"  # MySQL gives old numbers otherwise
            "SELECT TABLE_NAME, AUTO_INCREMENT FROM information_schema.TABLES WHERE AUTO_INCREMENT IS NOT NULL"
            f" AND TABLE_SCHEMA = {text(self._names.live)} AND TABLE_NAME IN ({names});",
            self._run,
        )
        lines = (f"ALTER TABLE {quoted(self._names.staged)}.{quoted(name)} AUTO_INCREMENT = {number};\n"
                 for name, number in rows)  # fmt: skip
        self._client.query("SET SESSION sql_mode = '';\n" + "".join(lines), self._run)

    def _absent_definers(self) -> tuple[str, ...]:
        """Accounts that views and programs run as and that this server lacks; nothing where that may not be read."""
        inside = text(self._names.staged)
        found = " UNION ".join(
            f"SELECT CONVERT(DEFINER USING utf8mb4) AS d FROM information_schema.{table} WHERE {column} = {inside}"
            for table, column in (("VIEWS", "TABLE_SCHEMA"), ("ROUTINES", "ROUTINE_SCHEMA"),
                                  ("TRIGGERS", "TRIGGER_SCHEMA"))
        )  # fmt: skip
        for user, host in _DEFINER.findall(self._load.events):  # which are not there yet
            found += f" UNION SELECT {text(f'{plain(user)}@{plain(host)}')}"
        with suppress(CommandError):
            rows = self._client.query(
                f"SELECT d FROM ({found}) AS used WHERE d COLLATE utf8mb4_bin NOT IN"
                " (SELECT CONVERT(CONCAT(User, '@', Host) USING utf8mb4) COLLATE utf8mb4_bin FROM mysql.user);",
                self._run,
            )
            return tuple(f"there is no account {row[0]}, as which restored views or programs run" for row in rows)
        return ()

    def swap(self) -> Swapped:
        """Put the staged data in use; where that fails, everything is as before.

        Raises:
            CommandError: it failed. The error says so should undoing have failed as well.
        """
        plan = self._plan()
        try:
            self._client.script((plan.there(),), self._run)
        except DaytwoError as error:
            self._undo(plan, error)
            raise
        self.discard()
        return self._swapped(plan)

    def _plan(self) -> Plan:
        client, run = self._client, self._run
        names = self._names = replace(self._names, before=_free(client, self._names.before, run))
        whole = not self._load.only
        now, new = (self._left(inventory(client, name, run)) for name in (names.live, names.staged))
        into = tuple(table.name for table in new.tables)
        out = tuple(table.name for table in now.tables if table.name in into or whole)
        keys = foreign_keys(client, (names.live, names.staged), run)
        repoint, loosen = strays(keys, names, into, out)
        return Plan(
            names=names, charset=self.charset, now=now, new=new, moving_in=into, moving_out=out,
            code_now=code_of(client, names.live, now, out, whole, run),
            code_new=code_of(client, names.staged, new, into, whole, run) + self._load.events,
            repoint=repoint, loosen=loosen, whole=whole,
            staying=tuple(name for name in self._standing if name not in out) if now.views else (),
        )  # fmt: skip

    def _left(self, found: Inventory) -> Inventory:
        """What a database holds, but for what is left alone: excluded, and not in the dump."""
        held = {item.partition(" ")[2] for item in self._load.reader.contents}
        return found.without(set(self._excluded) - held)

    def _undo(self, plan: Plan, error: DaytwoError) -> None:
        """Undo a swap that failed, even if the run was cancelled; the swap's error is raised by the caller."""
        run = Run(self._run.id, self._run.work, timeout=_UNDO_SECONDS)
        try:
            self._wait_for_the_end(plan, run)
            half = self._left(inventory(self._client, plan.names.live, run))
            start = inventory(self._client, plan.names.staged, run) if plan.moving_in else half
            left = {table.name for table in start.tables}
            renamed = not left.issuperset(plan.moving_in or plan.moving_out)
            keys = foreign_keys(self._client, (plan.names.live, plan.names.before), run)
            kept = inventory(self._client, plan.names.before, run)
            self._client.script((plan.back(renamed, half, kept, keys),), run)
        except DaytwoError as second:
            raise CommandError(
                f"the swap failed ({error.what}) and undoing it failed too ({second.what})", where=self._client.where,
                hint=f"Stop the app. Its data is in the databases {plan.names.live} and {plan.names.before};"
                     f" the restored data is in {plan.names.staged} or {plan.names.live}",
            ) from None  # fmt: skip
        self.discard()

    def _wait_for_the_end(self, plan: Plan, run: Run) -> None:
        """Wait until the swap's session has ended: the server goes on with a statement whose client was killed.

        Raises:
            CommandError: it has not.
        """
        seconds = 2 * LOCK_SECONDS
        if self._client.query(f"SELECT GET_LOCK({text(plan.lock)}, {seconds});", run) != [("1",)]:
            raise CommandError(f"its session is still at work after {seconds} s", where=self._client.where,
                               hint="Look for it with SHOW PROCESSLIST")  # fmt: skip

    def _swapped(self, plan: Plan) -> Swapped:
        now = f"database {plan.names.live}"
        if not plan.keeps:
            return Swapped(now)
        without = ", ".join(f"{key.table}.{key.name}" for key in plan.loosen)
        kept = f"database {plan.names.before}" + (f" (without its foreign keys {without})" if without else "")
        return Swapped(now, kept, self._drop_line(plan.names.before))

    def _drop_line(self, database: str) -> str:
        tool = self._client.tool(CLIENTS, self._run)
        ask = ("--password",) if self._client.settings.password else ()
        line = (tool.name, *self._client.connection(tool), *ask, "--execute", f"DROP DATABASE {quoted(database)}")
        return shlex.join(self._client.target.wrap(Command(line)).argv)

    def discard(self) -> None:
        """Drop the staged database, even if the run was cancelled."""
        with suppress(DaytwoError):
            run = Run(self._run.id, self._run.work, timeout=_UNDO_SECONDS)
            self._client.query(f"DROP DATABASE IF EXISTS {quoted(self._names.staged)};", run)


def _free(client: Client, database: str, run: Run) -> str:
    """A database name that is not taken: what an earlier attempt of the same run has kept must never be dropped."""
    name, number = database, 1
    while inventory(client, name, run).exists:
        number += 1
        suffix = f"_{number}"
        name = database[: _NAME_LENGTH - len(suffix)] + suffix
    return name


def code_of(client: Client, database: str, found: Inventory, tables: tuple[str, ...], whole: bool, run: Run) -> bytes:
    """The statements that make the triggers of some tables and, of the whole database, views, routines and events.

    Written by the dump program. They are program text, not data, and small.
    """
    tool = client.tool(DUMPERS, run)
    commands = []
    if triggered := tuple(sorted({table for _, table in found.triggers if table in tables})):
        commands.append(triggers_command(client, tool, database, triggered))
    if whole and (found.routines or found.events):
        commands.append(programs_command(client, tool, database))
    if whole and found.views:
        commands.append(views_command(client, tool, database, found.views))
    with client.explained():
        parts = [capture(client.target, one, run).stdout for one in commands]
    return b"".join(without_client_commands(part) + b"\n" for part in parts)
