"""Putting a restored database in the live one's place."""

import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass

from daytwo.core.errors import BusyError, CommandError
from daytwo.core.process import capture
from daytwo.services.postgres import catalog
from daytwo.services.postgres.access import PSQL
from daytwo.services.postgres.names import derived, literal, quote
from daytwo.services.postgres.session import Session

DEADLINE = 60.0
"""Seconds during which other connections are ended so that the databases can be renamed."""
_EVERY = 0.1

_TERMINATE = """DO $$ DECLARE other record; BEGIN
  FOR other IN SELECT pid FROM pg_stat_activity WHERE datname IN ({names}) AND pid <> pg_backend_pid() LOOP
    BEGIN PERFORM pg_terminate_backend(other.pid); EXCEPTION WHEN insufficient_privilege THEN NULL; END;
  END LOOP;
END $$;"""


@dataclass(frozen=True)
class Exchange:
    """What is put where.

    Args:
        session: the server, reached through a third database.
        scratch: the restored database.
        live: the name it shall have.
        properties: statements about a database, used where no live database gives its own.
    """

    session: Session
    scratch: str
    live: str
    properties: tuple[str, ...] = ()


def exchange(plan: Exchange) -> str:
    """Give the restored database the live one's settings, grants and name.

    Both renames are one transaction: whatever happens, one of the two databases has the name. The first rename locks
    the live database against new connections and waits five seconds for those there are; they are ended from another
    connection meanwhile, so an app that reconnects at once cannot keep its database from being renamed.

    Returns:
        The name of the database that was live, or an empty string where there was none.

    Raises:
        BusyError: connections could not be ended; everything is as it was.
    """
    session = plan.session
    live = session.exists(plan.live)
    _dress(plan, from_live=live)
    kept = _free_name(session, derived(plan.live, "before", session.run.id)) if live else ""
    renames = [(plan.live, kept)] if live else []
    renames.append((plan.scratch, plan.live))
    _rename(session, renames)
    return kept


def _dress(plan: Exchange, *, from_live: bool) -> None:
    session, properties = plan.session, plan.properties
    if from_live:
        properties = catalog.read_properties(
            session.access, session.client, session.run, old=plan.live, new=plan.scratch, through=session.through
        )
    if properties:
        sql = "".join(f"{statement};\n" for statement in properties)
        for error in session.access.attempt(session.client, sql, session.run, database=session.through):
            session.run.warn(f"{session.access.service}: a setting of the database was not carried over: {error}")


def _free_name(session: Session, name: str) -> str:
    number, candidate = 1, name
    while session.exists(candidate):
        number += 1
        candidate = f"{name[:58]}_{number}"
    return candidate


def _rename(session: Session, renames: list[tuple[str, str]]) -> None:
    lines = [f"ALTER DATABASE {quote(old)} RENAME TO {quote(new)};" for old, new in renames]
    sql = "\n".join(["SET statement_timeout = 0;", "SET lock_timeout = 0;", "BEGIN;", *lines, "COMMIT;"])
    names = ", ".join(literal(old) for old, _ in renames)
    deadline = time.monotonic() + DEADLINE
    with ThreadPoolExecutor(1) as pool:
        while True:
            session.run.check()
            attempt = pool.submit(_try, session, sql)
            _terminate_until(session, names, attempt)
            try:
                attempt.result()
                return
            except CommandError as error:
                if "55006" not in error.what and "being accessed by other users" not in error.what:
                    raise
                if time.monotonic() > deadline:
                    raise BusyError(
                        f"its connections could not be ended within {DEADLINE:.0f} s", where=session.access.where,
                        hint="Stop the app, or make the role a member of pg_signal_backend, and restore again",
                    ) from None  # fmt: skip


def _try(session: Session, sql: str) -> None:
    access = session.access
    psql = access.command(
        session.client, "psql", *PSQL, "--set=ON_ERROR_STOP=1", "--set=VERBOSITY=sqlstate", "--file=-",
        database=session.through,
    )  # fmt: skip
    capture(access.target, psql, session.run, stdin=sql.encode())


def _terminate_until(session: Session, names: str, attempt: "Future[None]") -> None:
    while not attempt.done():
        with suppress(CommandError):
            session.execute(_TERMINATE.format(names=names))
        wait([attempt], timeout=_EVERY)
