"""One component, dumped once, to every repository at the same time.

A repository that fails is left out from then on and the others go on. A source that fails ends them all: none may take
half a dump for a whole one.
"""

import hashlib
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from daytwo.core.crypt import encrypting
from daytwo.core.errors import DaytwoError, SourceError
from daytwo.core.manifest import ComponentRecord, Digest
from daytwo.core.repository import Writer
from daytwo.core.run import Run
from daytwo.core.service import Component, Dump, DumpFacts, Tree

_AHEAD = 8
"""Chunks that a fast repository may be ahead of a slow one."""


@dataclass
class Meter:
    """Counts and hashes bytes as they flow by."""

    size: int = 0
    sha: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def through(self, chunks: Iterable[bytes], on_bytes: Callable[[int], None] = lambda size: None) -> Iterator[bytes]:
        """The same chunks."""
        for chunk in chunks:
            self.sha.update(chunk)
            self.size += len(chunk)
            on_bytes(self.size)
            yield chunk

    @property
    def digest(self) -> Digest:
        """What flowed by."""
        return Digest(sha256=self.sha.hexdigest(), size=self.size)


class Flow(Dump):
    """A dump as repositories see it: made of chunks that come from elsewhere."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    def chunks(self) -> Iterator[bytes]:
        """The bytes."""
        return self._chunks

    def facts(self) -> DumpFacts:
        """Not for repositories."""
        raise NotImplementedError


@dataclass(frozen=True)
class Fanned:
    """What became of one component."""

    record: ComponentRecord
    failed: Mapping[str, DaytwoError]


def fan_out(
    component: Component,
    writers: Mapping[str, Writer],
    tree_readers: frozenset[str],
    recipients: tuple[str, ...],
    run: Run,
    now: Callable[[], datetime],
    guard: Callable[[str, Iterator[bytes]], Iterator[bytes]] = lambda name, chunks: chunks,
    opened: Callable[[Dump], None] = lambda dump: None,
) -> Fanned:
    """Dump a component once and hand it to every writer.

    Args:
        component: what to dump.
        writers: by repository name.
        tree_readers: the repositories that read a local folder by path.
        recipients: age recipients; used when the component is secret.
        run: the backup's run.
        now: the clock, for the times in the record.
        guard: by repository, watches what is written there, and ends it when the disk would fill up.
        opened: told when the dump has begun, before its first byte.

    Raises:
        DaytwoError: the source failed, or every repository did.
    """
    begun = now()
    plain, stored = Meter(), Meter()
    name = f"{component.name}.age" if component.secret else component.name
    with component.dump(run) as dump:
        opened(dump)
        by_path = tree_readers & writers.keys() if isinstance(dump, Tree) and not component.secret else frozenset()
        streamed = {key: writer for key, writer in writers.items() if key not in by_path}
        failed: dict[str, DaytwoError] = {}
        threads = [_thread(failed, key, writers[key], name, dump) for key in sorted(by_path)]
        if streamed:
            report = _reporter(component, run)
            flow = _believed(component, plain, plain.through(dump.chunks(), report))
            if component.secret:
                flow = stored.through(encrypting(flow, recipients))
            _spread(flow, streamed, name, failed, guard)
        for thread in threads:
            thread.join()
        if len(failed) == len(writers):
            raise next(iter(failed.values()))
        facts = dump.facts()
    return Fanned(
        ComponentRecord(
            name=component.name,
            service=component.service,
            kind=component.kind,
            format=component.format,
            secret=component.secret,
            plain=plain.digest if streamed else None,
            stored=(stored if component.secret else plain).digest if streamed else None,
            counts=dict(facts.counts),
            contents=facts.contents,
            source=facts.source,
            tools=dict(facts.tools),
            attributes=dict(facts.attributes),
            begun=begun,
            ended=now(),
            warnings=facts.warnings,
        ),
        failed,
    )


def _reporter(component: Component, run: Run) -> Callable[[int], None]:
    return lambda size: run.report(component.name, "running", size)


def _believed(component: Component, meter: Meter, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks, and an error instead of an end when there were too few to be believed."""
    yield from chunks
    if meter.size < component.smallest:
        raise SourceError(
            f"the dump has {meter.size} bytes, fewer than the {component.smallest} it must have",
            where=f"{component.service} ({component.name})",
            hint="Look at the source: it is empty or its tool failed silently",
        )


def _spread(
    flow: Iterator[bytes],
    writers: Mapping[str, Writer],
    name: str,
    failed: dict[str, DaytwoError],
    guard: Callable[[str, Iterator[bytes]], Iterator[bytes]],
) -> None:
    if len(writers) == 1:
        ((key, writer),) = writers.items()
        _put(failed, key, writer, name, Flow(guard(key, flow)))
        return
    pipes = {key: _Pipe() for key in writers}
    threads = {
        key: _thread(failed, key, writer, name, Flow(guard(key, pipes[key].chunks())))
        for key, writer in writers.items()
    }
    try:
        for chunk in flow:
            for key, pipe in pipes.items():
                pipe.push(chunk, threads[key])
            if not any(thread.is_alive() for thread in threads.values()):
                break
        for key, pipe in pipes.items():
            pipe.push(None, threads[key])
    except BaseException as error:
        for key, pipe in pipes.items():
            pipe.push(error, threads[key])
        raise
    finally:
        for thread in threads.values():
            thread.join()


class _Pipe:
    """Chunks on their way to a writer in another thread; an exception travels like a chunk."""

    def __init__(self) -> None:
        self._queue: queue.Queue[bytes | BaseException | None] = queue.Queue(_AHEAD)

    def push(self, item: bytes | BaseException | None, reader: threading.Thread) -> None:
        """Hand over, waiting for room as long as the reader lives."""
        while reader.is_alive():
            try:
                self._queue.put(item, timeout=0.2)
            except queue.Full:
                continue
            return

    def chunks(self) -> Iterator[bytes]:
        """The chunks; raises what the source raised."""
        while (item := self._queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item


def _thread(failed: dict[str, DaytwoError], key: str, writer: Writer, name: str, dump: Dump) -> threading.Thread:
    thread = threading.Thread(target=_put, args=(failed, key, writer, name, dump, True), name=f"put {name} to {key}")
    thread.start()
    return thread


def _put(
    failed: dict[str, DaytwoError], key: str, writer: Writer, name: str, dump: Dump, in_thread: bool = False
) -> None:
    try:
        writer.put(name, dump)
    except DaytwoError as error:
        failed[key] = error
    except Exception as error:
        if not in_thread:
            raise
        failed[key] = DaytwoError(f"{type(error).__name__}: {error}", where=f"repository {key}")
