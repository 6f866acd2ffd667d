"""Restoring some tables into the live database: staged beside it, moved in by one transaction, the old rows kept.

Foreign keys that touch a table are dropped and made again around the move, so that the server itself checks that the
restored rows fit those that stay; when they do not, nothing has happened. It needs no superuser.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from daytwo.core.command import command
from daytwo.core.errors import CommandError, SourceError
from daytwo.core.process import Process, capture
from daytwo.core.service import Source, Staged, Swapped
from daytwo.services.postgres.access import PATIENT, PSQL, translated
from daytwo.services.postgres.archive import Entry
from daytwo.services.postgres.intake import placed
from daytwo.services.postgres.names import derived, literal, qualified, quote, split_key, statements
from daytwo.services.postgres.reading import find_table, tables_in
from daytwo.services.postgres.restore import listed, listing_of, restore
from daytwo.services.postgres.session import Session
from daytwo.services.postgres.staging import blueprint, drop, made

_SHAPE = """select json_build_array(a.attname) from pg_attribute a where a.attrelid = to_regclass({table})
  and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' order by a.attnum;"""

_FOREIGN_KEYS = """select json_build_array(conrelid::regclass::text, conname, pg_get_constraintdef(oid))
  from pg_constraint
  where contype = 'f' and conparentid = 0 and (conrelid = any(array[{tables}]::regclass[])
  or confrelid = any(array[{tables}]::regclass[])) order by conrelid::regclass::text, conname;"""

_TRIGGERS = """select json_build_array(tgrelid::regclass::text, tgname, tgenabled) from pg_trigger
  where not tgisinternal and tgenabled <> 'D' and tgrelid = any(array[{tables}]::regclass[])
  order by tgrelid::regclass::text, tgname;"""

# A sequence that a column owns goes on after the largest value there is now.
# Where the column is no number, it only goes on.
_SEQUENCES = """select json_build_array(format('SELECT setval(%L, %s((SELECT last_value FROM %s), '
  '(SELECT %s(%I)::bigint FROM %s)))', s.oid::regclass::text, case when up then 'greatest' else 'least' end,
  s.oid::regclass, case when up then 'max' else 'min' end, a.attname, a.attrelid::regclass))
  from pg_class s join lateral (select seqincrement > 0 as up from pg_sequence where seqrelid = s.oid) q on true
  join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = s.oid
  and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
  join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
  where s.relkind = 'S' and a.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype)
  and d.refobjid = any(array[{tables}]::regclass[]);"""

# Default privileges may open new tables to roles that row security keeps from rows of the old one.
_CLOSED = """DO $do$ DECLARE one record; BEGIN
  FOR one IN SELECT DISTINCT c.oid::regclass AS kept, grantee FROM pg_class c, aclexplode(c.relacl)
    WHERE c.oid = {table}::regclass AND grantee <> c.relowner LOOP
    EXECUTE format('REVOKE ALL ON %s FROM %s', one.kept,
      CASE WHEN one.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(one.grantee)) END);
  END LOOP;
END $do$"""

_OBJECTS = """select json_build_array(count(*)) from pg_attribute a join pg_type t on t.oid = a.atttypid
  where a.attrelid = any(array[{tables}]::regclass[]) and a.attnum > 0 and not a.attisdropped
  and (t.oid = 'oid'::regtype or t.typname = 'lo');"""

# pg_dump writes this among its first lines whatever the server is; PostgreSQL 16 and older do not know it.
_UNKNOWN_SETTING = re.compile(rb"^SET transaction_timeout = 0;$", re.MULTILINE)

_ELSEWHERE = ("FK CONSTRAINT ", "MATERIALIZED VIEW DATA ", "EVENT TRIGGER ", "PUBLICATION ", "SUBSCRIPTION ", "BLOB")
"""What a database that holds some tables' rows for a moment has no use for, or cannot have."""

_ENABLE = {"O": "ENABLE", "A": "ENABLE ALWAYS", "R": "ENABLE REPLICA"}


@dataclass(frozen=True)
class Selected:
    """A table to be restored.

    Args:
        key: its key in the manifest.
        present: whether the live database has it.
    """

    key: str
    present: bool

    @property
    def schema(self) -> str:
        """Its schema."""
        return split_key(self.key)[0]

    @property
    def name(self) -> str:
        """Its name in the schema."""
        return split_key(self.key)[1]

    @property
    def sql(self) -> str:
        """Its name in SQL."""
        return qualified(self.schema, self.name)


class StagedTables(Staged):
    """Some tables, in a database beside the live one.

    Args:
        session: the server.
        scratch: the database they are in.
        tables: which.
        foreign_keys: SQL that makes the foreign keys of tables that the live database does not have.
        counts: their rows.
        warnings: what was harmless.
    """

    def __init__(
        self, session: Session, scratch: str, tables: tuple[Selected, ...], foreign_keys: str,
        counts: Mapping[str, int], warnings: tuple[str, ...],
    ) -> None:  # fmt: skip
        self._session = session
        self._scratch = scratch
        self._tables = tables
        self._foreign_keys = foreign_keys
        self.counts = counts
        self.warnings = warnings

    def swap(self) -> Swapped:
        """Move the rows into the live database, in one transaction that first copies the rows from before."""
        session, access = self._session, self._session.access
        live = access.database
        present = tuple(table for table in self._tables if table.present)
        kept = {table: derived(table.name, "before", session.run.id) for table in present}
        psql = access.command(
            session.client, "psql", *PSQL, "--set=ON_ERROR_STOP=1", "--single-transaction", "--file=-", database=live
        )
        with ExitStack() as stack:
            script = self._script(stack, present, kept)
            try:
                capture(access.target, psql, session.run, stdin=script)
            except CommandError as error:
                raise translated(error, access, live) from None
        self.discard()
        now = f"{', '.join(table.key for table in self._tables)} in database {live} on {access.place}"
        if not present:
            return Swapped(now)
        old = [qualified(table.schema, kept[table]) for table in present]
        return Swapped(now, f"tables {', '.join(old)} in database {live}",
                       access.by_hand(session.client, f"DROP TABLE {', '.join(old)}", live))  # fmt: skip

    def discard(self) -> None:
        """Drop the database they are in."""
        drop(self._session, self._scratch)

    def _script(self, stack: ExitStack, present: tuple[Selected, ...], kept: Mapping[Selected, str]) -> Iterator[bytes]:
        around = _Around(self._session, present)
        yield from _lines(["SET statement_timeout = 0", "SET idle_in_transaction_session_timeout = 0"])
        if self._session.server.version.number >= 170000:
            yield from _lines(["SET transaction_timeout = 0"])
        for table in present:
            old = qualified(table.schema, kept[table])
            yield from _lines([f"CREATE TABLE {old} AS TABLE ONLY {table.sql}", _CLOSED.format(table=literal(old))])
        yield from _lines(around.before())
        for table in present:
            yield from _lines([f"TRUNCATE ONLY {table.sql}"])
            yield from self._copy(stack, table)
        for table in self._tables:
            if not table.present:
                yield from self._definition(stack, table)
        yield from _lines(around.after())
        yield self._foreign_keys.encode()

    def _copy(self, stack: ExitStack, table: Selected) -> Iterator[bytes]:
        columns = self._columns(table)
        if not columns:
            return
        yield f"COPY {table.sql} ({columns}) FROM STDIN;\n".encode()
        access = self._session.access
        sql = f"{PATIENT} COPY (SELECT {columns} FROM ONLY {table.sql}) TO STDOUT;\n"  # noqa: S608
        psql = access.command(
            self._session.client, "psql", *PSQL, "--set=ON_ERROR_STOP=1", "--file=-", database=self._scratch
        )
        process = stack.enter_context(Process(access.target, psql, self._session.run, stdin=sql.encode()))
        yield from process.chunks()
        yield b"\\.\n"

    def _definition(self, stack: ExitStack, table: Selected) -> Iterator[bytes]:
        """The table with its indexes, grants and rows; the schema has to be there."""
        yield f"CREATE SCHEMA IF NOT EXISTS {quote(table.schema)};\n".encode()
        access = self._session.access
        dump = access.command(
            self._session.client, "pg_dump", "--no-password", f"--table={table.sql}", database=self._scratch
        )
        process = stack.enter_context(Process(access.target, dump, self._session.run))
        for number, chunk in enumerate(process.chunks()):
            yield chunk if number else _UNKNOWN_SETTING.sub(b"", chunk)
        yield b"RESET ALL;\n"

    def _columns(self, table: Selected) -> str:
        session = self._session
        ask = _SHAPE.format(table=literal(table.sql))
        restored = [str(row[0]) for row in session.rows(ask, self._scratch)]
        live = {str(row[0]) for row in session.rows(ask)}
        missing = [name for name in restored if name not in live]
        if missing:
            raise SourceError(
                f"{table.key} no longer has the column {missing[0]}", where=session.access.where,
                hint="Its definition has changed since; restore the whole database elsewhere and copy what you need",
            )  # fmt: skip
        return ", ".join(quote(name) for name in restored)


class _Around:
    """What has to be out of the way while rows are replaced, and comes back afterwards."""

    def __init__(self, session: Session, tables: tuple[Selected, ...]) -> None:
        names = ", ".join(literal(table.sql) for table in tables)
        head = "set search_path = '';\n"  # so that every name comes with its schema

        def ask(query: str) -> list[list[str]]:
            if not tables:
                return []
            return [[str(value) for value in row] for row in session.rows(head + query.format(tables=names), None)]

        self._foreign_keys = ask(_FOREIGN_KEYS)
        self._triggers = ask(_TRIGGERS)
        self._sequences = [row[0] for row in ask(_SEQUENCES)]

    def before(self) -> list[str]:
        drops = [f"ALTER TABLE {table} DROP CONSTRAINT {quote(name)}" for table, name, _ in self._foreign_keys]
        return drops + [f"ALTER TABLE {table} DISABLE TRIGGER {quote(name)}" for table, name, _ in self._triggers]

    def after(self) -> list[str]:
        triggers = [f"ALTER TABLE {table} {_ENABLE[how]} TRIGGER {quote(name)}" for table, name, how in self._triggers]
        keys = [f"ALTER TABLE {table} ADD CONSTRAINT {quote(name)} {what}" for table, name, what in self._foreign_keys]
        return self._sequences + triggers + keys


def _lines(statements: "Iterator[str] | list[str]") -> Iterator[bytes]:
    for statement in statements:
        yield f"{statement};\n".encode()


def stage_tables(session: Session, source: Source, only: tuple[str, ...], jobs: int) -> StagedTables:
    """Restore tables into a new database: the definitions of everything, the rows of these.

    Args:
        session: the server, reached through another database.
        source: the dump.
        only: the tables, as `schema.table`.
        jobs: connections side by side.

    Raises:
        UsageError: a table is not in the dump.
        SourceError: the live database does not exist.
        CommandError: at the first real error; the new database is gone then.
    """
    keys = tuple(dict.fromkeys(find_table(item, tables_in(source.record, item), source.record.name) for item in only))
    tables = tuple(Selected(key, _present(session, key)) for key in keys)
    scratch = derived(session.access.database, "daytwo", session.run.id)
    target, run = session.access.target, session.run
    with placed(source, target, run, session.access.where) as path:
        entries = listing_of(target, session.client, path, run)
        foreign_keys = _foreign_keys(session, path, entries, tables)
        wanted = (entry.line for entry in entries if _wanted(entry, tables))
        with listed(wanted, target, run) as chosen, made(session, scratch, blueprint(session, path)) as warnings:
            warnings.extend(restore(session, scratch, path, f"--use-list={chosen}", f"--jobs={jobs}"))
            warnings.extend(_orphans(session, scratch, entries, tables))
            counts = {key: count for key, count in session.counts(scratch).items() if key in keys}
            if set(counts) != set(keys):
                lost = ", ".join(sorted(set(keys) - set(counts)))
                raise CommandError(f"the dump has no rows for {lost}", where=source.record.name)
    return StagedTables(session, scratch, tables, foreign_keys, counts, tuple(warnings))


def _orphans(session: Session, scratch: str, entries: tuple[Entry, ...], tables: tuple[Selected, ...]) -> list[str]:
    """What is said where rows may refer to large objects, which belong to no table."""
    names = ", ".join(literal(table.sql) for table in tables)
    if not any("BLOB" in entry.text or " LARGE OBJECT" in entry.text for entry in entries):
        return []
    [[columns]] = session.rows(_OBJECTS.format(tables=names), scratch)
    return ["the large objects that the rows refer to are not restored with them: they are in the dump, and come back"
            " with the whole database"] if columns else []  # fmt: skip


def _present(session: Session, key: str) -> bool:
    [[there]] = session.rows(
        f"select json_build_array(to_regclass({literal(qualified(*split_key(key)))}) is not null);"
    )
    return bool(there)


def _wanted(entry: Entry, tables: tuple[Selected, ...]) -> bool:
    if entry.is_a("TABLE DATA"):
        return any(entry.names("TABLE DATA", table.schema, table.name) for table in tables)
    return not entry.text.startswith(_ELSEWHERE) and " LARGE OBJECT" not in entry.text


def _foreign_keys(session: Session, path: str, entries: tuple[Entry, ...], tables: tuple[Selected, ...]) -> str:
    """SQL for the foreign keys of the tables that the live database does not have."""
    missing = [table for table in tables if not table.present]
    lines = [e.line for e in entries if any(e.names("FK CONSTRAINT", t.schema, t.name) for t in missing)]
    if not lines:
        return ""
    target, run = session.access.target, session.run
    with listed(lines, target, run) as chosen:
        text = command(session.client.tool("pg_restore"), f"--use-list={chosen}", "--file=-", path)
        script = capture(target, text, run).text
    return "".join(f"{one};\n" for one in statements(script) if one.startswith("ALTER TABLE "))
