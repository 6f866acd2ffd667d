"""Redis for real: the contract, and what went wrong for others."""

import dataclasses
import os
import secrets
import shutil
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from daytwo.core.errors import CancelledError, CommandError, DaytwoError, IntegrityError, UsageError
from daytwo.core.manifest import Digest, Identity
from daytwo.core.process import reap
from daytwo.core.run import Run
from daytwo.core.secrets import Secret
from daytwo.core.service import Component, Place, Source
from daytwo.core.target import LOCAL
from daytwo.services.redis import Redis, restore
from daytwo.services.redis.client import Client, Info, Settings
from daytwo.services.redis.crc64 import Crc64
from daytwo.services.redis.dump import RdbDump, dumping
from daytwo.services.redis.scratch import Scratch, folder_name
from tests.contract.services import ServiceContract, dump_to_file, source_of
from tests.parts.process import answers, free_port, wait_until
from tests.parts.redis import redis
from tests.real.services.redis_case import QUICK, RedisCase, two_servers


@pytest.fixture(scope="module")
def servers() -> Iterator[RedisCase]:
    with ExitStack() as stack:
        yield two_servers(stack)


@pytest.fixture
def case(servers: RedisCase) -> Iterator[RedisCase]:
    yield servers
    for server in (servers.live, servers.beside):
        server.run("replicaof", "no", "one")
        server.run("flushall")
        server.run("function", "flush")
    for path in servers.live.data.glob("*before*"):
        path.unlink()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    made = Run(secrets.token_hex(8), tmp_path / "work", timeout=60)
    yield made
    reap(LOCAL, made.id)  # a test that fails leaves no scratch server either


class TestContract(ServiceContract):
    """What every kind must do."""


def one(case: RedisCase, **changes: object) -> Component:
    return case.make(**changes).components()[0]


def test_facts_count_what_time_leaves_alone(case: RedisCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    _, facts = dump_to_file(one(case), run, tmp_path)
    case.run("exists", "soon")  # whose time is up: a server counts it until somebody asks for it
    lasting = int(case.run("dbsize")) - 1
    assert dict(facts.counts) == {"db0": lasting, "db3": 1, "db11": 1}
    assert facts.contents[1] == "db3: 2 keys, 1 with an expiry"
    assert facts.tools["redis-cli"].startswith("7")
    assert facts.warnings == ()


def test_an_empty_server_is_a_warning(case: RedisCase, run: Run, tmp_path: Path) -> None:
    _, facts = dump_to_file(one(case), run, tmp_path)
    assert facts.warnings == ("the server has no keys",)


def test_a_node_of_a_cluster_says_that_it_is_not_all(run: Run, tmp_path: Path) -> None:
    settings = QUICK | {"cluster-enabled": "yes", "cluster-config-file": "nodes.conf"}
    with redis(settings=settings) as one_node, redis(settings=settings) as other:
        one_node.run("cluster", "addslotsrange", "0", "8191")
        component = Redis("cache", Settings(port=one_node.port), Place(tmp_path, "shop", "test")).components()[0]
        _, alone = dump_to_file(component, run, tmp_path)
        other.run("cluster", "addslotsrange", "8192", "16383")
        one_node.run("cluster", "meet", "127.0.0.1", str(other.port))
        wait_until(lambda: all("cluster_state:ok" in node.run("cluster", "info") for node in (one_node, other)),
                   what="the cluster has come about")  # fmt: skip
        one_node.run("set", "{b}", "in slot 3300")
        other.run("set", "a", "in slot 15495")
        _, facts = dump_to_file(component, run, tmp_path)
    assert alone.warnings == ("the server has no keys",)
    assert facts.counts == {"db0": 1}
    assert facts.warnings == ("it is one node of a cluster: the keys of the other nodes are not in the dump",)


def test_f01_a_replica_that_has_lost_its_master_is_not_dumped(case: RedisCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    case.run("replicaof", "127.0.0.1", "1")
    with pytest.raises(DaytwoError, match="has lost its master"):
        dump_to_file(one(case), run, tmp_path)


def test_a_database_that_is_written_to_is_not_counted(case: RedisCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    path = tmp_path / "dump"
    component = one(case)
    with component.dump(run) as dump:
        path.write_bytes(b"".join(dump.chunks()) or b"")
        assert isinstance(dump, RdbDump)
        case.run("set", "another", "1", database=3)
        dump._after = dump._client.info(run)
        facts = dump.facts()
    assert "db3" not in facts.counts and "db0" in facts.counts
    assert "db3" in facts.warnings[0]


@pytest.mark.parametrize("diskless", ["yes", "no"])
def test_a_dump_is_nothing_but_an_rdb(case: RedisCase, run: Run, tmp_path: Path, diskless: str) -> None:
    case.fill()
    case.run("config", "set", "repl-diskless-sync", diskless)
    try:
        source, _ = dump_to_file(one(case), run, tmp_path)
    finally:
        case.run("config", "set", "repl-diskless-sync", "yes")
    data = b"".join(source.chunks())
    crc = Crc64()
    crc.update(data[:-8])
    assert data[-9] == 0xFF and int.from_bytes(data[-8:], "little") == crc.value()


def test_what_was_kept_can_be_given_back(case: RedisCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    source, _ = dump_to_file(one(case), run, tmp_path)
    case.change()
    changed = case.content(case.service())
    swapped = one(case).stage(source, run).swap()
    kept = Path(swapped.kept.removeprefix("file ").removesuffix(" on this host"))
    assert kept.stat().st_mode & 0o077 == 0, "only its owner may read it"
    again = source_of(kept, source.record.model_copy(update={"plain": None, "counts": {}}), tmp_path)
    one(case).stage(again, run).swap()
    assert case.content(case.service()) == changed
    assert swapped.drop == f"rm {kept}"


def test_connections_go_on_and_settings_are_as_before(case: RedisCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    source, _ = dump_to_file(one(case), run, tmp_path)
    case.change()
    case.run("config", "set", "masterauth", "an-earlier-one")
    case.run("config", "set", "masteruser", "somebody")
    state = case.state()
    env = os.environ | {"REDISCLI_AUTH": case.live.password or ""}
    argv = [str(case.live.cli), "-p", str(case.live.port)]
    try:
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as session:
            assert session.stdin and session.stdout
            session.stdin.write("get text\n")
            session.stdin.flush()
            assert session.stdout.readline() == "changed\n"
            one(case).stage(source, run).swap()
            session.stdin.write("hget hash field\nset after 1\nget after\n")
            session.stdin.close()
            assert session.stdout.read().split() == ["value", "OK", "1"]
        assert case.state() == state
    finally:
        case.run("config", "set", "masterauth", "")
        case.run("config", "set", "masteruser", "")


def test_f02_a_copy_that_never_begins_leaves_the_live_data(
    case: RedisCase, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.fill()
    source, _ = dump_to_file(one(case), run, tmp_path)
    case.change()
    before, left = case.content(case.service()), case.leftovers()
    monkeypatch.setattr(restore, "LINK_SECONDS", 0.5)
    staged = one(case).stage(source, run)
    assert isinstance(staged, restore.StagedServer)
    staged._scratch.client.ask(run, "CONFIG", "SET", "requirepass", "another")  # the live server is not let in
    changed = dataclasses.replace(staged._scratch.client, password=Secret("another"))
    staged._scratch.client = dataclasses.replace(changed, username=None)
    asked = staged._live
    monkeypatch.setattr(restore, "copy", lambda live, scratch, run: refused(asked, scratch, run))
    with pytest.raises(CommandError, match="reaches the scratch server") as caught:
        staged.swap()
    assert "container" in str(caught.value)
    assert case.content(case.service()) == before
    assert case.leftovers() == left


def refused(live: Client, scratch: Scratch, run: Run) -> None:
    """The real copy, with a password that the scratch server does not take."""
    live.ask(run, "CONFIG", "SET", "masterauth", "wrong")
    try:
        live.ask(run, "REPLICAOF", "127.0.0.1", str(scratch.client.port))
        restore._follow(live, scratch, run)
    finally:
        live.ask(run, "CONFIG", "SET", "masterauth", "")


def test_f02_a_copy_that_is_not_equal_is_taken_back(
    case: RedisCase, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.fill()
    source, _ = dump_to_file(one(case), run, tmp_path)
    case.change()
    before, left = case.content(case.service()), case.leftovers()
    staged = one(case).stage(source, run)
    follow, times = restore._follow, []

    def follow_then_fail(live: Client, scratch: Scratch, run: Run) -> None:
        follow(live, scratch, run)
        times.append(1)
        if len(times) == 1:
            raise CommandError("made to fail when everything was copied")

    monkeypatch.setattr(restore, "_follow", follow_then_fail)
    with pytest.raises(CommandError, match="made to fail"):
        staged.swap()
    assert case.content(case.service()) == before
    assert case.leftovers() == left


@pytest.mark.parametrize("scratch_server", ["is ending", "has ended"])
def test_f02_a_cancelled_restore_is_taken_back(
    case: RedisCase, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scratch_server: str
) -> None:
    case.fill()
    source, _ = dump_to_file(one(case), run, tmp_path)
    case.run("set", "text", "changed")  # as many keys as before
    before, left = case.content(case.service()), case.leftovers()
    staged = one(case).stage(source, run)
    follow = restore._follow

    def follow_then_cancel(live: Client, scratch: Scratch, of: Run) -> None:
        follow(live, scratch, of)
        if of is run:
            run.cancel("somebody pressed Ctrl-C")
            if scratch_server == "has ended":
                wait_until(lambda: not scratch.alive, what="the scratch server has ended")

    monkeypatch.setattr(restore, "_follow", follow_then_cancel)
    with pytest.raises(CancelledError):
        staged.swap()
    assert case.content(case.service()) == before
    assert case.leftovers() == left


def test_f02_keys_that_do_not_arrive_are_noticed(case: RedisCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    source, facts = dump_to_file(one(case), run, tmp_path)
    left = case.leftovers()
    more = source.record.model_copy(update={"counts": dict(facts.counts) | {"db3": 2}})
    with pytest.raises(CommandError, match="db3 has 1 lasting keys of 2"):
        one(case).stage(Source(more, source.chunks, tmp_path), run)
    assert case.leftovers() == left


def test_f02_a_damaged_rdb_is_refused_by_both_readers(
    case: RedisCase, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.fill()
    source, _ = dump_to_file(one(case), run, tmp_path)
    data = bytearray(b"".join(source.chunks()))
    data[len(data) // 2] ^= 1
    (tmp_path / "damaged").write_bytes(data)
    unsummed = source.record.model_copy(update={"plain": None})
    damaged = source_of(tmp_path / "damaged", unsummed, tmp_path)
    left = case.leftovers()
    assert one(case).verify(source, run).tool == "redis-check-rdb"
    with pytest.raises(IntegrityError, match="redis-check-rdb does not take"):
        one(case).verify(damaged, run)
    with pytest.raises(CommandError, match="cannot be loaded"):
        one(case).stage(damaged, run)
    assert case.leftovers() == left
    monkeypatch.setattr("daytwo.services.redis.CHECKERS", ("no-such-checker",))
    assert "checksum" in one(case).verify(source, run).tool
    with pytest.raises(IntegrityError, match="checksum"):
        one(case).verify(damaged, run)


def test_f01_each_failure_names_the_next_step(case: RedisCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    words = ("asks for a password", "refuses the user name or password", "does not answer", "does not answer", "docker")
    for service, said in zip(case.broken(), words, strict=True):
        with pytest.raises(DaytwoError) as caught:
            dump_to_file(service.components()[0], run, tmp_path)
        assert said in str(caught.value).lower() and caught.value.hint


def test_f01_a_transfer_that_dies_is_an_error(case: RedisCase, run: Run, tmp_path: Path) -> None:
    fill_big(case)
    with pytest.raises(DaytwoError):
        with one(case).dump(run) as dump:
            for number, _ in enumerate(dump.chunks()):
                if number == 1:
                    assert isinstance(dump, RdbDump)
                    dump._process.kill()


def test_f01_stand_in_redis_cli_that_lies_about_success(
    case: RedisCase, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.fill()
    bin = tmp_path / "bin"
    bin.mkdir()
    (bin / "redis-cli").write_text(f'#!/bin/sh\n"{case.live.cli}" "$@" | head -c 300\nexit 0\n')
    (bin / "redis-cli").chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin}:{os.environ['PATH']}")
    with pytest.raises(DaytwoError, match="not whole"):
        component = one(case)
        state = Info("redis_version:7.0.15")
        with dumping(component._of.client(), state, Identity(label="x"), run) as dump:  # type: ignore[attr-defined]
            list(dump.chunks())


def test_f11_no_password_in_any_command_line(case: RedisCase, run: Run, tmp_path: Path) -> None:
    fill_big(case)
    seen, watching = set(), threading.Event()

    def watch() -> None:
        while not watching.is_set():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    seen.add(path.read_bytes())

    with ThreadPoolExecutor(1) as pool:
        watched = pool.submit(watch)
        try:
            source, _ = dump_to_file(one(case), run, tmp_path)
            staged = one(case).stage(source, run)
            assert isinstance(staged, restore.StagedServer)
            assert staged._scratch.client.password
            scratch_password = staged._scratch.client.password.reveal().encode()
            staged.swap()
        finally:
            watching.set()
        watched.result()
    assert any(b"--rdb" in line for line in seen) and any(b"redis-server\0-" in line for line in seen)
    for password in (scratch_password, (case.live.password or "").encode()):
        assert not [line for line in seen if password in line]


def test_f13_leaving_a_dump_early_ends_its_program(case: RedisCase, run: Run) -> None:
    fill_big(case)
    with one(case).dump(run) as dump:
        assert next(iter(dump.chunks()))
        assert f"{case.live.port}\0--rdb".encode() in b"".join(command_lines())
    assert f"{case.live.port}\0--rdb".encode() not in b"".join(command_lines())


def test_f18_identities_tell_places_apart_and_survive_a_restart(case: RedisCase, run: Run) -> None:
    live, beside = one(case).identity(run), case.elsewhere().components()[0].identity(run)
    assert live.id and live.id != beside.id and live.holds == "nothing"
    case.fill()
    filled = one(case).identity(run)
    assert filled.id == live.id and "keys in 3 databases" in filled.holds
    assert case.run("info", "server").split("run_id:")[1][:40] not in live.id


def test_obstacles(case: RedisCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    source, _ = dump_to_file(one(case), run, tmp_path)
    record = source.record
    (down,) = one(case, port=1).obstacles(record, run)
    assert "needs the live server running" in down
    (big,) = one(case).obstacles(record.model_copy(update={"plain": Digest(sha256="", size=1 << 50)}), run)
    assert "memory" in big
    newer = record.source.model_copy(update={"version": "99.1.0"})
    (old,) = one(case).obstacles(record.model_copy(update={"source": newer}), run)
    assert "Update this server" in old
    case.beside.run("replicaof", "127.0.0.1", "1")
    (replica,) = case.elsewhere().components()[0].obstacles(record, run)
    assert "replica of 127.0.0.1:1" in replica


def test_only_whole(case: RedisCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    source, _ = dump_to_file(one(case), run, tmp_path)
    with pytest.raises(UsageError):
        one(case).stage(source, run, ("text",))
    with pytest.raises(UsageError):
        list(one(case).extract(source, "text", run))


def test_a_dead_run_is_swept(case: RedisCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    source, _ = dump_to_file(one(case), run, tmp_path)
    left = case.leftovers()
    staged = one(case).stage(source, run)
    assert list(case.scratch_servers())
    (case.live.data / folder_name(run.id)).mkdir()
    assert reap(LOCAL, run.id) == 1
    assert one(case).sweep(run.id, run) == (f"folder {case.live.data}/{folder_name(run.id)}",)
    assert one(case).sweep(run.id, run) == ()
    wait_until(lambda: case.leftovers() == left, what="nothing is left", seconds=5)
    staged.discard()  # it is this process that lives on, and holds what the dead one would not


@pytest.mark.parametrize(
    "settings",
    [{"appendonly": "yes"}, {"save": "3600 1"}, {"save": "3600 1", "repl-diskless-load": "swapdb"}],
    ids=["aof", "rdb", "diskless load"],
)
def test_restored_data_survives_a_kill_of_the_server(settings: dict[str, str], run: Run, tmp_path: Path) -> None:
    with ExitStack() as stack:
        case = two_servers(stack, settings)
        case.fill()
        before = case.content(case.service())
        source, _ = dump_to_file(one(case), run, tmp_path)
        case.change()
        one(case).stage(source, run).swap()
        copied = tmp_path / "after-a-crash"
        shutil.copytree(case.live.data, copied)  # what a crash now would leave on the disk
        again = dataclasses.replace(case.live, port=free_port(), password=None, data=copied)
        options = ("--port", str(again.port), "--dir", str(copied), "--appendonly", settings.get("appendonly", "no"))
        started = subprocess.Popen(["redis-server", *options, "--save", ""], stdout=subprocess.DEVNULL)
        try:
            wait_until(lambda: answers(again.port), what="it has started again")
            assert case.content_of(again) == before
        finally:
            started.kill()
            started.wait()


def fill_big(case: RedisCase) -> None:
    """About 40 MB that do not compress."""
    for _ in range(40):
        case.run("eval", "for i = 1, 1000 do redis.call('set', KEYS[1] .. i, redis.sha1hex(KEYS[1] .. i):rep(25)) end",
                 "1", secrets.token_hex(8))  # fmt: skip
    case.run("config", "set", "rdbcompression", "no")


def command_lines() -> list[bytes]:
    """The command lines of all processes."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            lines.append(path.read_bytes())
    return lines
