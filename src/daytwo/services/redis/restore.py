"""Restores an RDB into a scratch server, then has the live server copy it as a replica would.

So no file of the live server is touched, it does not stop, its connections stay open (writes are refused for the
moment), and whatever way it keeps its data (RDB, append-only file, neither) it keeps the new data in that way itself.
"""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress

from daytwo.core.command import Command, command
from daytwo.core.errors import CommandError, DaytwoError, MissingToolError
from daytwo.core.process import CHUNK, Process, capture
from daytwo.core.run import Run
from daytwo.core.secrets import Secret
from daytwo.core.service import Source, Staged, Swapped
from daytwo.core.target import Target
from daytwo.services.redis.client import CHECKERS, CLIENTS, Client, Info, first_tool
from daytwo.services.redis.rdb import framed
from daytwo.services.redis.scratch import Scratch, folder_name, remove, start, until

LINK_SECONDS = 30.0
"""How long the live server may take to reach the scratch server."""
_UNDO_SECONDS = 600.0
ROOMS = ("/var/tmp", "/tmp")  # noqa: S108 - the folder made there is private, and refused when it is there already
"""Where a scratch folder goes when the server's own folder may not be written to."""


def scratch_folders(live: Client, run_id: str, run: Run) -> tuple[str, ...]:
    """Where a run's scratch folder may be, best first: the server's own disk has room for its data."""
    own = live.setting(run, "dir")
    rooms = ((own,) if own.startswith("/") else ()) + ROOMS
    return tuple(f"{room.rstrip('/')}/{folder_name(run_id)}" for room in rooms)


def sweep(live: Client, dead_run: str, run: Run) -> tuple[str, ...]:
    """Remove the folder of a dead run's scratch server."""
    removed = []
    for folder in scratch_folders(live, dead_run, run):
        if _exists(live.target, folder, run):
            remove(live.target, folder, run)
            removed.append(f"folder {folder}")
    return tuple(removed)


def stage(live: Client, source: Source, run: Run) -> "StagedServer":
    """Load an RDB into a scratch server.

    Raises:
        IntegrityError: it is no whole RDB.
        CommandError: it cannot be loaded; nothing is left behind.
    """
    known = live.info(run)
    folder = _writable(live, run)
    databases = live.setting(run, "databases") or "16"
    scratch = start(live, known, folder, framed(source.chunks()), databases, run)
    staged = StagedServer(live, scratch, run, databases)
    try:
        staged.take_stock(source.record.counts)
    except BaseException:
        staged.discard()
        raise
    return staged


class StagedServer(Staged):
    """A scratch server with the restored data."""

    def __init__(self, live: Client, scratch: Scratch, run: Run, databases: str) -> None:
        self.counts: dict[str, int] = {}
        self.warnings: tuple[str, ...] = ()
        self._live = live
        self._scratch = scratch
        self._run = run
        self._databases = databases

    def take_stock(self, expected: Mapping[str, int]) -> None:
        """Count the lasting keys, of the databases that the manifest has a number for.

        Raises:
            CommandError: they are not what was dumped.
        """
        keys = self._scratch.client.info(self._run).keys
        found = {name: number.lasting for name, number in keys.items()}
        self.counts = {name: found.get(name, 0) for name in expected} if expected else found
        wrong = [f"{name} has {self.counts[name]} lasting keys of {number}"
                 for name, number in expected.items() if self.counts[name] != number]  # fmt: skip
        if wrong:
            raise CommandError(f"not all keys were loaded: {'; '.join(wrong)}", where=self._live.where)

    def swap(self) -> Swapped:
        """Have the live server copy the data; where that fails, it gets its own data back.

        Raises:
            CommandError: it failed; the error says so should the way back have failed as well.
        """
        before = self._live.info(self._run)
        kept = self._keep() if before.keys or _functions(self._live, self._run) else ""
        try:
            copy(self._live, self._scratch, self._run)
        except DaytwoError as error:
            self._undo(kept, before, error)
            raise
        self.discard()
        place = "this host" if self._live.target.is_local else str(self._live.target)
        try:
            _settle(self._live, Run(self._run.id, self._run.work, timeout=_UNDO_SECONDS))  # there is no way back now
        except CommandError as error:
            hint = f"{error.hint}. The data from before is in {kept}" if kept else error.hint
            raise CommandError(error.what, where=self._live.where, hint=hint) from None
        now = f"{before.engine} on port {self._live.port} of {place}"
        return Swapped(now, f"file {kept} on {place}", _remove_line(self._live.target, kept)) if kept else Swapped(now)

    def _keep(self) -> str:
        """Save the live data in a file beside its own, and read it back.

        Raises:
            DaytwoError: it cannot be saved; nothing has been touched then.
        """
        live, run = self._live, self._run
        name = (live.setting(run, "dbfilename") or "dump.rdb").removesuffix(".rdb")
        room = scratch_folders(live, run.id, run)
        folders = [path.rpartition("/")[0] for path in room]
        folder = next((path for path in folders if _can_write(live.target, path, run)), ROOMS[0])
        path = _free(live.target, f"{folder}/{name}.before-{run.id[:8]}", run)
        try:
            # The file is made private first; the transfer then writes into it.
            capture(live.target, command("dd", f"of={path}", "if=/dev/null"), run)
            capture(live.target, command("chmod", "600", path), run)
            first_tool(CLIENTS, lambda tool: capture(live.target, live.command(tool, "--rdb", path), run), live.target)
            with suppress(MissingToolError):
                first_tool(CHECKERS, lambda tool: capture(live.target, command(tool, path), run), live.target)
        except BaseException:
            with suppress(DaytwoError):
                remove(live.target, path, Run(run.id, run.work, timeout=60))
            raise
        return path

    def _undo(self, kept: str, before: Info, error: DaytwoError) -> None:
        """Give the live server its own data back, even if the run was cancelled.

        The scratch server is ended first, so that nothing can begin while it is found out what has begun.
        """
        run = Run(self._run.id, self._run.work, timeout=_UNDO_SECONDS)
        self.discard()
        try:
            intact = _intact(self._live, before, run)
            if kept and not intact:
                self._give_back(kept, run)
            else:
                self._live.ask(run, "REPLICAOF", "NO", "ONE")
            if not kept and not intact:
                _empty(self._live, run)
        except DaytwoError as second:
            raise CommandError(
                f"the copy failed ({error.what}) and the way back failed too ({second.what})", where=self._live.where,
                hint=f"The data from before is in {kept or 'no file: there was none'}",
            ) from None  # fmt: skip
        if kept:
            with suppress(DaytwoError):
                remove(self._live.target, kept, run)

    def _give_back(self, kept: str, run: Run) -> None:
        live = self._live
        folder = f"{kept.rpartition('/')[0]}/{folder_name(run.id)}"
        back = start(live, live.info(run), folder, _file(live.target, kept, run), self._databases, run)
        try:
            copy(live, back, run)
        finally:
            back.stop()

    def discard(self) -> None:
        """End the scratch server."""
        self._scratch.stop()


def copy(live: Client, scratch: Scratch, run: Run) -> None:
    """Make the live server hold what the scratch server holds, and be its own master again.

    Raises:
        CommandError: it did not become equal.
    """
    wanted = _lasting(scratch.client.info(run))
    password, user = live.setting(run, "masterauth"), live.setting(run, "masteruser")
    earlier = Secret(password) if password else None
    assert scratch.client.password is not None
    try:
        live.ask(run, "CONFIG", "SET", "masterauth", last=scratch.client.password)
        if user:
            live.ask(run, "CONFIG", "SET", "masteruser", "")
        live.ask(run, "REPLICAOF", "127.0.0.1", str(scratch.client.port))
        _follow(live, scratch, run)
        found = _lasting(live.info(run))
        if found != wanted:
            raise CommandError(f"the live server has other keys than what it copied: {found}, not {wanted}",
                               where=live.where)  # fmt: skip
        live.ask(run, "REPLICAOF", "NO", "ONE")
    finally:
        last = Run(run.id, run.work, timeout=60)
        with suppress(DaytwoError):
            live.ask(last, "CONFIG", "SET", "masterauth", last=earlier or Secret(""))
            if user:
                live.ask(last, "CONFIG", "SET", "masteruser", user)


def _intact(live: Client, before: Info, run: Run) -> bool:
    """Whether the live server still has its own data for certain.

    With the data of another server it takes over that one's replication id. A transfer that broke off may have emptied
    it with the old id in place; as long as it is a replica nobody writes to it, so its keys tell. Where that leaves a
    doubt, the answer is no.
    """

    def idle() -> bool:
        state = live.info(run)
        return state["loading"] == "0" and state["master_sync_in_progress"] in ("", "0")

    until(idle, run, "the live server has ended what it was copying", LINK_SECONDS)
    state = live.info(run)
    if state["master_replid"] != before["master_replid"]:
        return False
    return state["role"] == "master" or _lasting(state) == _lasting(before)


def _lasting(state: Info) -> dict[str, int]:
    return {name: keys.lasting for name, keys in state.keys.items() if keys.lasting}


def _empty(live: Client, run: Run) -> None:
    """Remove what was copied to a server that had nothing."""
    live.ask(run, "FLUSHALL")
    with suppress(DaytwoError):  # before Redis 7 there are no functions
        live.ask(run, "FUNCTION", "FLUSH")


def _follow(live: Client, scratch: Scratch, run: Run) -> None:
    """Wait until the live server has all of the scratch server's data."""

    def begun() -> bool:
        return scratch.client.info(run)["sync_full"] not in ("", "0")

    def equal() -> bool:
        if not scratch.alive:
            raise CommandError(f"the scratch server ended: {scratch.last_words()}", where=live.where)
        state = live.info(run)
        up = state["master_link_status"] == "up" and state["master_sync_in_progress"] == "0"
        return up and state["slave_repl_offset"] == scratch.client.info(run)["master_repl_offset"]

    try:
        until(begun, run, "the live server reaches the scratch server", LINK_SECONDS)
    except CommandError as error:
        raise CommandError(
            error.what,
            where=live.where,
            hint="Set `container` or `ssh` so that commands run where the server runs, in the same network",
        ) from None
    until(equal, run, "the live server has copied everything")


def _settle(live: Client, run: Run) -> None:
    """Wait until the live server has the new data on its disk, if it keeps data there.

    A replica writes what it receives to its RDB file, unless it loads without a disk, and begins its append-only file
    anew (replication.c, readSyncBulkPayload).
    """
    state = live.info(run)
    if state["aof_enabled"] == "1":
        until(lambda: _aof_written(live.info(run)), run, "the append-only file is written anew")
    elif live.setting(run, "repl-diskless-load") not in ("", "disabled") and live.setting(run, "save"):
        with suppress(CommandError):  # one may be running already
            live.ask(run, "BGSAVE")
        until(lambda: live.info(run)["rdb_bgsave_in_progress"] == "0", run, "the RDB file is written")


def _aof_written(state: Info) -> bool:
    idle = state["aof_rewrite_in_progress"] == "0" and state["aof_rewrite_scheduled"] == "0"
    if idle and state["aof_last_bgrewrite_status"] != "ok":
        raise CommandError("the data is restored but the append-only file could not be written",
                           hint="Look at the server's log and its disk, then run BGREWRITEAOF")  # fmt: skip
    return idle


def _functions(live: Client, run: Run) -> bool:
    with suppress(DaytwoError):  # before Redis 7 there are none
        return bool(live.ask(run, "FUNCTION", "LIST").strip())
    return False


def _file(target: Target, path: str, run: Run) -> Iterator[bytes]:
    with Process(target, command("dd", f"if={path}", f"bs={CHUNK}"), run) as process:
        yield from process.chunks()


def _exists(target: Target, path: str, run: Run) -> bool:
    return capture(target, command("test", "-e", path, ok=(0, 1)), run).code == 0


def _can_write(target: Target, folder: str, run: Run) -> bool:
    return capture(target, command("test", "-w", folder, ok=(0, 1)), run).code == 0


def _writable(live: Client, run: Run) -> str:
    for folder in scratch_folders(live, run.id, run):
        if _can_write(live.target, folder.rpartition("/")[0], run):
            return folder
    raise CommandError("there is no folder that may be written to", where=live.where,
                       hint=f"Make one of {', '.join(ROOMS)} writable at {live.target}")  # fmt: skip


def _free(target: Target, stem: str, run: Run) -> str:
    path, number = f"{stem}.rdb", 1
    while _exists(target, path, run):
        number += 1
        path = f"{stem}-{number}.rdb"
    return path


def _remove_line(target: Target, path: str) -> str:
    return shlex.join(target.wrap(Command(("rm", path))).argv)
