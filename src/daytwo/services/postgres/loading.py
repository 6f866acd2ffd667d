"""Loading rows with `COPY` on several connections at once, while the dump is still being read.

All connections take from one queue, so a large table is filled by all of them. Each stays with a table until that
ends: it is one `COPY` for each connection and table.
"""

import re
from collections.abc import Generator, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import closing
from itertools import chain
from queue import Empty, Full, Queue
from threading import Event, Lock

from daytwo.core.errors import CancelledError, CommandError
from daytwo.core.process import Process
from daytwo.core.run import Run
from daytwo.services.postgres.access import PSQL, Access, translated
from daytwo.services.postgres.restore import UNTOUCHED, restoring
from daytwo.services.postgres.session import Session
from daytwo.services.postgres.sieve import Rows

_AHEAD = 32
"""Pieces, of a megabyte or so, that are read before anybody takes them: reading goes on while tables are made."""
_AFAR = 8
"""Connections at once from another machine's `psql`: OpenSSH refuses some of more than ten that are about to log in
(`MaxStartups` in sshd_config(5))."""
_LOOK = 0.2
"""Seconds between two looks whether waiting still makes sense."""
_END = b"\\.\n"
# With the code that is the same in every language. What a lost connection had to say comes without `psql`'s own head.
_COMPLAINT = re.compile(r"^(?:psql:\S*: )?\S+:\s+(?!0[0-2])[0-9A-Z]{5}: (.*)", re.MULTILINE)
_TABLE = re.compile(r"^(?:\S+:\s+)?COPY ([^,]+), ", re.MULTILINE)
"""Which table it was, in whatever language: `CONTEXT:  COPY users, line 1: "..."`."""

# As `pg_restore` sets them; what came with a later server is asked for, so that an older one does not complain.
_SETTINGS = b"""\
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings WHERE name = 'transaction_timeout';
SELECT pg_catalog.set_config('search_path', '', false);
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
"""


class RowQueue:
    """Rows on their way from the dump to the connections.

    Args:
        run: the run it belongs to.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._pieces: Queue[Rows | None] = Queue(_AHEAD)
        self._over = Event()
        self._turn = Lock()

    def put(self, rows: Rows | None) -> None:
        """Add rows, or None after the last; waits while there are enough.

        Raises:
            CommandError: nobody wants them any more.
        """
        while True:
            self.check()
            try:
                return self._pieces.put(rows, timeout=_LOOK)
            except Full:
                continue

    def check(self) -> None:
        """Go on, or not.

        Raises:
            CommandError: nobody wants the dump any more.
            CancelledError: the run is to end.
        """
        self._run.check()
        if self._over.is_set():
            raise CommandError("the restore ended before the dump was read")

    def stop(self) -> None:
        """Have everybody end who puts and who takes."""
        self._over.set()

    def pieces(self) -> Generator[Rows]:
        """Take rows until there are no more. Who begins a row that comes in several pieces gets all of them.

        Raises:
            CancelledError: it was stopped.
        """
        while True:
            with self._turn:
                piece = self._next()
                while piece is not None and piece.more:
                    yield piece
                    piece = self._next()
            if piece is None:
                return
            yield piece

    def _next(self) -> Rows | None:
        while not self._over.is_set():
            self._run.check()
            try:
                piece = self._pieces.get(timeout=_LOOK)
            except Empty:
                continue
            if piece is None:
                self._pieces.put(None)  # for the next who asks
            return piece
        raise CancelledError("the loading was stopped")


def load(session: Session, database: str, encoding: bytes, rows: RowQueue, jobs: int) -> None:
    """Load all rows of a queue.

    Args:
        session: the server.
        database: where to; it has the tables, without what `pg_restore` makes after the data.
        encoding: the statement that says in which encoding the rows are.
        rows: the rows.
        jobs: connections side by side.

    Raises:
        CommandError: the server did not take a row.
    """
    jobs = jobs if session.access.target.host.is_local else min(jobs, _AFAR)
    with ThreadPoolExecutor(jobs, "load") as pool:
        try:
            going = [pool.submit(_load, session, database, encoding, rows) for _ in range(jobs)]
            done, _ = wait(going, return_when=FIRST_EXCEPTION)
            failed = [error for one in done if (error := one.exception())]
        finally:
            rows.stop()
    if failed:
        raise next((error for error in failed if not isinstance(error, CancelledError)), failed[0])


def _load(session: Session, database: str, encoding: bytes, rows: RowQueue) -> None:
    pieces, access = rows.pieces(), session.access
    with closing(pieces):
        if (first := next(pieces, None)) is None:
            return
        options = ("--set=ON_ERROR_STOP=1", "--set=VERBOSITY=verbose", "--file=-")
        psql = access.command(session.client, "psql", *PSQL, *options, database=database, env=restoring(session))
        script = _script(encoding, first, pieces)
        with Process(access.target, psql, session.run, stdin=script) as process:
            try:
                for _ in process.chunks():
                    pass
            except CommandError as error:
                raise _explained(process.stderr(), access) or translated(error, access, database) from None


def _script(encoding: bytes, first: Rows, pieces: Iterator[Rows]) -> Iterator[bytes]:
    """What `psql` reads: rows, with a `COPY` in front of each table's."""
    yield _SETTINGS + encoding
    copy = b""
    for rows in chain([first], pieces):
        if rows.copy != copy:
            yield (_END if copy else b"") + rows.copy
            copy = rows.copy
        yield rows.data
    yield _END


def _explained(said: str, access: Access) -> CommandError | None:
    """What the server did not take, and of which table."""
    if (complaint := _COMPLAINT.search(said)) is None:
        return None
    table = _TABLE.search(said)
    return CommandError(f"the rows{f' of {table[1]}' if table else ''} could not be loaded: {complaint[1]}",
                        where=access.where, hint=UNTOUCHED)  # fmt: skip
