"""A dump on its way to where the tools run: its rows into a queue, all else into a file."""

import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from daytwo.core.command import command
from daytwo.core.errors import DaytwoError
from daytwo.core.process import capture
from daytwo.core.run import Run
from daytwo.core.service import Source
from daytwo.core.target import Target
from daytwo.services.postgres.loading import RowQueue
from daytwo.services.postgres.restore import sent, small
from daytwo.services.postgres.sieve import Rows, Sieve

_OVERWRITE = 'dd of="$1" conv=notrunc bs=1048576 2>/dev/null'


@dataclass(frozen=True)
class Intake:
    """A dump that is being read.

    Args:
        contents: a file with its table of contents: enough for what is neither rows nor large objects.
        encoding: the statement that says in which encoding the rows are.
        rows: the rows; those of tables that `psql` is not trusted with are in the file with the rest.
        rest: waits for the file with the rest, which `pg_restore` takes, several connections at once.
    """

    contents: str
    encoding: bytes
    rows: RowQueue
    rest: Callable[[], str]


@contextmanager
def taking_in(source: Source, target: Target, run: Run, where: str = "") -> Iterator[Intake]:
    """Read a dump in the background, while its table of contents is already put to use."""
    sieve, rows = Sieve(rows=True), RowQueue(run)
    chunks = source.chunks()
    begin: list[bytes | Rows] = []
    for chunk in chunks:
        begin += sieve.feed(chunk)
        if not sieve.in_head:
            break

    def rest() -> Iterator[bytes]:
        try:
            yield from _without_rows(iter(begin), rows)
            for chunk in chunks:
                rows.check()
                yield from _without_rows(sieve.feed(chunk), rows)
            yield from sieve.finish()
        finally:
            with suppress(DaytwoError):
                rows.put(None)

    contents = sieve.contents()
    with ExitStack() as stack, ExitStack() as files, ThreadPoolExecutor(1, "intake") as pool:
        whole = pool.submit(files.enter_context, _filed(rest(), sieve, target, run, where))
        try:
            head = stack.enter_context(small(contents, target, run)) if contents else whole.result()
            yield Intake(head, sieve.encoding, rows, whole.result)
        finally:
            rows.stop()


def _without_rows(parts: Iterator[bytes | Rows], rows: RowQueue) -> Iterator[bytes]:
    for part in parts:
        if isinstance(part, Rows):
            rows.put(part)
        else:
            yield part


@contextmanager
def placed(source: Source, target: Target, run: Run, where: str = "") -> Iterator[str]:
    """A private file with the whole dump where the tools run, with the positions that a stream lacks.

    One copy is made, here or there; it is removed in every case.
    """
    sieve = Sieve(rows=False)

    def parts() -> Iterator[bytes]:
        for chunk in source.chunks():
            yield from _bytes(sieve.feed(chunk))
        yield from sieve.finish()

    with _filed(parts(), sieve, target, run, where) as path:
        yield path


def _bytes(parts: Iterator[bytes | Rows]) -> Iterator[bytes]:
    return (part for part in parts if isinstance(part, bytes))


@contextmanager
def _filed(parts: Iterator[bytes], sieve: Sieve, target: Target, run: Run, where: str) -> Iterator[str]:
    if target.is_local:
        with tempfile.NamedTemporaryFile(dir=run.work, prefix="dump-", buffering=0) as file:
            for part in parts:
                file.write(part)
            if head := sieve.head():
                os.pwrite(file.fileno(), head, 0)
            yield file.name
        return
    with sent(parts, target, run, where) as path:
        if head := sieve.head():
            capture(target, command("sh", "-c", _OVERWRITE, "sh", path, where=where), run, stdin=head)
        yield path
