"""Hands one component to `restic backup`, as a stream or as a folder."""

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from daytwo.core.errors import CancelledError, RepositoryError, SourceError
from daytwo.core.process import Process
from daytwo.core.run import Run
from daytwo.core.service import Tree
from daytwo.repositories.restic import messages
from daytwo.repositories.restic.layout import file_name, host_of, tag_arguments
from daytwo.repositories.restic.messages import Status, Summary
from daytwo.repositories.restic.program import Program
from daytwo.repositories.restic.settings import pack_size_argument

_INCOMPLETE = 3
"""restic's exit code when some files could not be read; a snapshot was made all the same."""
_SHOWN = 3


@dataclass(frozen=True)
class Taken:
    """A component that restic has taken.

    Args:
        restic: the id of its restic snapshot, maybe shortened; empty for no bytes.
        path: its path inside.
        folder: whether it is a folder that was read by path.
        size: bytes restic has read.
        added: bytes that were not in the repository before, uncompressed.
        warnings: files that vanished while the folder was read.
    """

    restic: str
    path: str
    folder: bool = False
    size: int = 0
    added: int = 0
    warnings: tuple[str, ...] = ()


def take_stream(program: Program, run: Run, name: str, tags: tuple[str, ...], chunks: Iterator[bytes]) -> Taken:
    """Store chunks as one file.

    restic 0.14 takes the end of its input for the end of the file whatever became of the producer, so a failing
    producer ends restic first (`core.process`); and it refuses to store an empty file, so none is stored: it is ended
    the same way, and its lock is the caller's to remove. restic begins before the first chunk is there: it derives its
    key while the producer gets ready.

    Raises:
        RepositoryError: restic did not take it.
        Whatever the chunks raise: restic was ended before its input was closed.
    """
    try:
        return take_file(program, run, name, tags, _some(chunks))
    except _NothingError:
        return Taken("", f"/{file_name(name)}")


class _NothingError(CancelledError):
    """There was not one byte to store."""


def _some(chunks: Iterator[bytes]) -> Iterator[bytes]:
    first = next((chunk for chunk in chunks if chunk), None)
    if first is None:
        raise _NothingError("stopped: there is nothing to store")
    yield from chain((first,), chunks)


class Waiting:
    """A restic that was started early and waits for the one small file it will store.

    Its key derivation and its look at the index happen beside other work. Where the file never comes, it is ended
    before its input is closed; and should this process die, restic refuses to store what is empty.

    Args:
        program: restic.
        run: the run it belongs to.
        name: the file's name.
        tags: of its restic snapshot.
    """

    def __init__(self, program: Program, run: Run, name: str, tags: tuple[str, ...]) -> None:
        self._data: Future[bytes] = Future()
        self._taken: Future[Taken] = Future()
        # Not a pool's thread: one that waits for what never comes must not keep the interpreter from ending.
        threading.Thread(target=self._take, args=(program, run, name, tags), daemon=True).start()

    def give(self, data: bytes) -> Taken:
        """Hand over the file's content, and wait until it is stored.

        Raises:
            RepositoryError: restic did not take it.
        """
        self._data.set_result(data)
        return self._taken.result()

    def close(self) -> None:
        """End it, and wait for its end. Harmless after `give`."""
        if not self._data.done():
            self._data.set_exception(CancelledError("stopped: there is nothing to store"))
        self._taken.exception()

    def _take(self, program: Program, run: Run, name: str, tags: tuple[str, ...]) -> None:
        try:
            self._taken.set_result(take_file(program, run, name, tags, self._chunks()))
        except BaseException as error:
            self._taken.set_exception(error)

    def _chunks(self) -> Iterator[bytes]:
        yield self._data.result()


def take_file(program: Program, run: Run, name: str, tags: tuple[str, ...], chunks: Iterator[bytes]) -> Taken:
    """Store chunks as one file; restic is started before the first of them is there.

    Raises:
        As `take_stream`; RepositoryError when there are no bytes.
    """
    arguments = ("--stdin", f"--stdin-filename={file_name(name)}")
    with program.running(run, _backup(program, tags), arguments, stdin=chunks) as process:
        summary = _summary(process, lambda status: None)
        program.judge(process)
    return _taken(program, summary, f"/{file_name(name)}", folder=False)


def take_tree(program: Program, run: Run, name: str, tags: tuple[str, ...], tree: Tree) -> Taken:
    """Store a folder by its path; restic skips the files that are as they were in its earlier snapshot.

    Raises:
        SourceError: the folder is not there, or a file could not be read. One that vanished meanwhile is a warning.
        RepositoryError: restic did not take it.
    """
    folder = tree.path.resolve()
    if not folder.exists():
        raise SourceError(f"{tree.path} is not there", where=name, hint="Check the path of its service")

    def show(status: Status) -> None:
        run.report(name, "running", status.bytes_done, status.total_bytes)

    arguments = (*excludes(folder, tree.excludes), "--", str(folder))
    with program.running(run, _backup(program, tags), arguments) as process:
        summary = _summary(process, show)
        code = program.judge(process, ok=(0, _INCOMPLETE))
        warnings = _vanished(process.stderr(), name) if code == _INCOMPLETE else ()
    return _taken(program, summary, str(folder), folder=True, warnings=warnings)


def excludes(folder: Path, patterns: tuple[str, ...]) -> list[str]:
    """Exclude arguments: a pattern with a leading slash begins at the folder, every other one matches anywhere in it.

    restic matches against whole paths of the machine, and takes a bare name for one of the folders above, too, which
    would leave out all there is. So each pattern gets the folder in front, with the characters that mean something in
    a pattern escaped.
    """
    anchor = re.sub(r"([*?\[\\])", r"\\\1", str(folder).rstrip("/"))
    wanted = (pattern.replace("\\", "\\\\").replace("[!", "[^") for pattern in patterns)  # as Go writes them
    return [f"--exclude={anchor}{'' if pattern.startswith('/') else '/**/'}{pattern}" for pattern in wanted]


def _backup(program: Program, tags: tuple[str, ...]) -> list[str]:
    settings = program.settings
    compression = [] if settings.compression == "auto" else [f"--compression={settings.compression}"]
    return [
        "backup",
        "--json",
        "--host",
        host_of(program.place),
        *tag_arguments(tags),
        *compression,
        *pack_size_argument(settings),
    ]


def _summary(process: Process, on_status: Callable[[Status], None]) -> Summary | None:
    found = None
    for line in messages.lines(process.chunks()):
        said = messages.progress(line)
        if isinstance(said, Summary):
            found = said
        elif said is not None:
            on_status(said)
    return found


def _taken(
    program: Program, summary: Summary | None, path: str, *, folder: bool, warnings: tuple[str, ...] = ()
) -> Taken:
    if summary is None:
        raise RepositoryError(
            "restic ended well but named no snapshot",
            where=program.where,
            hint="Is the program in `binary` really restic?",
        )
    return Taken(summary.snapshot_id, path, folder, summary.total_bytes_processed, summary.data_added, warnings)


def _vanished(stderr: str, name: str) -> tuple[str, ...]:
    """The files that were gone when restic came to them.

    Raises:
        SourceError: something else was wrong with a file, or it cannot be told.
    """
    troubles = messages.troubles(stderr)
    bad = [trouble for trouble in troubles if not trouble.vanished]
    if bad or not troubles or len(stderr) >= 60_000:
        shown = "; ".join(f"{trouble.item}: {trouble.reason}" for trouble in bad[:_SHOWN])
        more = f" and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
        raise SourceError(
            f"some files could not be read: {shown or 'restic does not say which'}{more}",
            where=name,
            hint="Give the user that runs daytwo the right to read them, or exclude them",
        )
    return tuple(f"{trouble.item} vanished while it was read" for trouble in troubles)
