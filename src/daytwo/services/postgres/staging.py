"""Restoring a whole database beside the live one."""

import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from daytwo.core.command import command
from daytwo.core.errors import CommandError, DaytwoError
from daytwo.core.process import capture
from daytwo.core.service import Source, Staged, Swapped
from daytwo.services.postgres import catalog
from daytwo.services.postgres.behind import remarks, unsubscribe
from daytwo.services.postgres.intake import taking_in
from daytwo.services.postgres.loading import load
from daytwo.services.postgres.names import derived, literal, quote, statements
from daytwo.services.postgres.restore import cleaner, listed, restore
from daytwo.services.postgres.session import Session
from daytwo.services.postgres.swap import Exchange, exchange

_CREATE_DATABASE = re.compile(r'CREATE DATABASE (?:"(?:[^"]|"")*"|\S+) (?P<clause>WITH .*)', re.DOTALL)
_DATABASE_NAME = re.compile(r'(?P<head>\bDATABASE )(?:"(?:[^"]|"")*"|[^\s;]+)')
_TABLESPACE = re.compile(r' TABLESPACE (?:= )?(?:"(?:[^"]|"")*"|\S+)')
_NO_FORCE = 130000
"""`DROP DATABASE ... WITH (FORCE)` came with this version."""


@dataclass(frozen=True)
class Blueprint:
    """How to make the new database, and what it gets when it takes its place.

    Args:
        clause: of `CREATE DATABASE`.
        properties: statements about the dumped database's settings, grants and comment; used where there is no live
            database to take them from.
    """

    clause: str
    properties: tuple[str, ...] = ()


class StagedDatabase(Staged):
    """A database restored beside the live one.

    Args:
        session: the server.
        scratch: its name for now.
        counts: rows by table.
        properties: statements for it, when there is no live database to take them from.
        warnings: what was harmless.
    """

    def __init__(
        self, session: Session, scratch: str, counts: Mapping[str, int], properties: tuple[str, ...],
        warnings: tuple[str, ...],
    ) -> None:  # fmt: skip
        self._session = session
        self._scratch = scratch
        self._properties = properties
        self.counts = counts
        self.warnings = warnings

    def swap(self) -> Swapped:
        """Rename both databases, in one transaction."""
        live = self._session.access.database
        kept = exchange(Exchange(self._session, self._scratch, live, self._properties))
        now = f"database {live} on {self._session.access.place}"
        if not kept:
            return Swapped(now)
        drop = self._session.access.by_hand(self._session.client, f"DROP DATABASE {quote(kept)}", self._session.through)
        return Swapped(now, f"database {kept}", drop)

    def discard(self) -> None:
        """Drop it."""
        drop(self._session, self._scratch)


def drop(session: Session, name: str) -> None:
    """Drop a database that a restore made, whoever is connected to it. Never raises for one that is gone."""
    session = replace(session, run=cleaner(session.run))
    unsubscribe(session, name)
    if session.server.version.number >= _NO_FORCE:
        session.execute(f"DROP DATABASE IF EXISTS {quote(name)} WITH (FORCE);")
        return
    others = f"select pg_terminate_backend(pid) from pg_stat_activity where datname = {literal(name)};"  # noqa: S608
    session.execute(f"{others}\nDROP DATABASE IF EXISTS {quote(name)};")


def stage_database(session: Session, source: Source, jobs: int) -> StagedDatabase:
    """Restore everything into a new database and count its rows.

    Args:
        session: the server, reached through another database.
        source: the dump.
        jobs: connections side by side.

    Raises:
        CommandError: at the first real error; the new database is gone then.
    """
    scratch = derived(session.access.database, "daytwo", session.run.id)
    with taking_in(source, session.access.target, session.run, session.access.where) as dump:
        plan = blueprint(session, dump.contents)
        with made(session, scratch, plan) as warnings:
            warnings.extend(restore(session, scratch, dump.contents, "--section=pre-data"))
            load(session, scratch, dump.encoding, dump.rows, jobs)
            rest = ("--section=data", "--section=post-data", f"--jobs={jobs}")
            warnings.extend(restore(session, scratch, dump.rest(), *rest))
            counts = settle(session, scratch)
            warnings.extend(remarks(session, scratch, counts))
    properties = tuple(renamed(statement, scratch) for statement in plan.properties)
    return StagedDatabase(session, scratch, known(counts, source), properties, tuple(dict.fromkeys(warnings)))


def known(counts: Mapping[str, int], source: Source) -> dict[str, int]:
    """The counts of the tables that the manifest counts; of all where it counts none.

    A table that was emptied while it was dumped is not in the manifest, nor is an unlogged one that a standby skips.
    """
    wanted = source.record.counts
    return {key: count for key, count in counts.items() if key in wanted or not wanted}


def settle(session: Session, database: str) -> dict[str, int]:
    """Have the planner's statistics made, and the rows counted meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        analysis = pool.submit(session.execute, "SET synchronous_commit = off;\nANALYZE;", database)
        counts = session.counts(database)
        analysis.result()
    return counts


@contextmanager
def made(session: Session, name: str, plan: Blueprint) -> Iterator[list[str]]:
    """A new database, dropped again when what is done with it fails. Yields the warnings so far."""
    drop(session, name)
    try:
        yield _create(session, name, plan)
    except BaseException:
        with suppress(DaytwoError):
            drop(session, name)
        raise


def _create(session: Session, name: str, plan: Blueprint) -> list[str]:
    try:
        session.execute(f"CREATE DATABASE {quote(name)} {plan.clause};")
    except CommandError as error:
        encoding = re.search(r"ENCODING (?:= )?'[^']*'", plan.clause)
        if not encoding or not re.search(r"locale|collat|provider|tablespace|option", error.what, re.IGNORECASE):
            raise
        why = error.what.split("ERROR:")[-1].strip()
        elsewhere = _TABLESPACE.sub("", plan.clause)
        with suppress(CommandError):
            if elsewhere != plan.clause:
                session.execute(f"CREATE DATABASE {quote(name)} {elsewhere};")
                return [f"the new database is in the server's own tablespace: {why}"]
        session.execute(f"CREATE DATABASE {quote(name)} WITH TEMPLATE template0 {encoding.group()};")
        return [f"the new database has the server's own locale and tablespace: {why}"]
    return []


def blueprint(session: Session, path: str) -> Blueprint:
    """Like the live database, or, where there is none, like the one that was dumped."""
    form = catalog.read_form(session.access, session.client, session.run, session.access.database, session.through)
    return Blueprint(form.clause()) if form else read_blueprint(session, path)


def read_blueprint(session: Session, path: str) -> Blueprint:
    """What a dump says of the database that it was made of."""
    target, run, tool = session.access.target, session.run, session.client.tool("pg_restore")
    listing = capture(target, command(tool, "--create", "--list", path), run).text
    lines = [line for line in listing.split("\n") if re.search(r"^\d+; \d+ \d+ ((ACL|COMMENT) - )?DATABASE\b", line)]
    with listed(lines, target, run) as entries:
        about = command(tool, "--create", f"--use-list={entries}", "--file=-", path)
        script = capture(target, about, run).text if lines else ""
    clause, properties = "WITH TEMPLATE template0", []
    for statement in statements(script):
        created = _CREATE_DATABASE.fullmatch(statement)
        if created:
            clause = created["clause"]
        elif re.match(
            r"(ALTER|COMMENT ON|GRANT|REVOKE)\b.*\bDATABASE\b|ALTER ROLE .* IN DATABASE ", statement, re.DOTALL
        ):
            properties.append(statement)
    return Blueprint(clause, tuple(properties))


def renamed(statement: str, name: str) -> str:
    """A statement about a database, about another one."""
    return _DATABASE_NAME.sub(lambda m: m["head"] + quote(name), statement, count=1)
