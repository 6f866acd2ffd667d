"""Dumps a server by being a replica for the length of one transfer, which needs no file of the server's."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from daytwo.core.command import command
from daytwo.core.errors import CommandError, IntegrityError, SourceError
from daytwo.core.manifest import Identity
from daytwo.core.process import Process, capture
from daytwo.core.run import Run
from daytwo.core.service import Dump, DumpFacts
from daytwo.services.redis.client import CLIENTS, Client, Info, Keys, first_tool, meaning
from daytwo.services.redis.rdb import Frame


class RdbDump(Dump):
    """One reading of a server.

    Args:
        process: the running transfer.
        client: the server.
        before: what the server said just before.
        source: which server it is.
        tool: the program's name and version.
        run: the run it belongs to.
        shared: whether other nodes of a cluster have further keys.
    """

    def __init__(
        self, process: Process, client: Client, before: Info, source: Identity, tool: tuple[str, str], run: Run,
        shared: bool = False,
    ) -> None:  # fmt: skip
        self._process = process
        self._client = client
        self._before = before
        self._source = source
        self._tool = tool
        self._run = run
        self._shared = shared
        self._frame = Frame()
        self._after = before

    def chunks(self) -> Iterator[bytes]:
        """The RDB, nothing before or behind it.

        Raises:
            SourceError: the server refused, or what came is no whole RDB, whatever the program's exit code.
            UnreachableError: the server does not answer, or is still loading.
        """
        try:
            for chunk in self._process.chunks():
                if out := self._frame.feed(chunk):
                    yield out
        except CommandError as error:
            raise meaning(error.what, self._client.where) from None
        try:
            yield self._frame.end()
        except IntegrityError as error:
            said = self._process.stderr()[-200:].strip()
            raise SourceError(
                f"{self._tool[0]} ended well but {error.what}: {said}",
                where=self._client.where,
                hint="Look at the server's log",
            ) from None
        self._after = self._client.info(self._run)

    def facts(self) -> DumpFacts:
        """Lasting keys by database.

        Of its first database an RDB tells the number itself. Of any other the server's own number is taken, if it is
        the same before and after; one that was written to meanwhile is left out, with a warning.
        """
        seen = self._databases()
        counts = {name: keys.lasting for name, keys in seen.items() if keys is not None}
        moved = [name for name, keys in seen.items() if keys is None]
        warnings = [] if self._before.keys or seen else ["the server has no keys"]
        if self._shared:
            warnings.append("it is one node of a cluster: the keys of the other nodes are not in the dump")
        if moved:
            warnings.append(f"keys not counted, as they were being written to: {', '.join(moved)}")
        contents = (f"{name}: {keys.total} keys, {keys.expiring} with an expiry" for name, keys in seen.items() if keys)
        return DumpFacts(self._source, counts, tuple(contents), dict([self._tool]), tuple(warnings))

    def _databases(self) -> dict[str, Keys | None]:
        before, after, head = self._before.keys, self._after.keys, self._frame.head
        seen: dict[str, Keys | None] = {}
        for name in sorted(before.keys() | after.keys(), key=lambda name: int(name[2:])):
            old, new = before.get(name, Keys(0, 0)), after.get(name, Keys(0, 0))
            seen[name] = new if old.lasting == new.lasting else None
        if head.database is not None:
            seen[f"db{head.database}"] = Keys(head.keys, head.expires)
        return seen


def _shared(client: Client, run: Run) -> bool:
    """Whether more than one node of its cluster has keys; so it is taken where that may not be asked."""
    with suppress(SourceError, CommandError):
        return not re.search(r"cluster_size:[01]\b", client.ask(run, "CLUSTER", "INFO"))
    return True


def _version(client: Client, tool: str, run: Run) -> tuple[str, str]:
    said = capture(client.target, command(tool, "--version"), run).text
    found = re.search(r"\d+(?:\.\d+)+", said)
    return tool, found[0] if found else said


@contextmanager
def dumping(client: Client, before: Info, source: Identity, run: Run) -> Iterator[RdbDump]:
    """Begin to transfer a server's data.

    Raises:
        MissingToolError: `redis-cli` is not installed at the target.
    """
    shared = before["cluster_enabled"] == "1" and _shared(client, run)
    version = first_tool(CLIENTS, lambda name: _version(client, name, run), client.target)
    with Process(client.target, client.command(version[0], "--rdb", "-"), run) as process:
        yield RdbDump(process, client, before, source, version, run, shared)
