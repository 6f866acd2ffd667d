"""Kind `redis` while it is watched: the real server in good and bad times."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from daytwo.core.check import Verdict
from daytwo.core.service import AnyService
from tests.contract.checks import CheckCase, CheckContract, ask
from tests.parts.process import wait_until
from tests.real.services.redis_case import RedisCase, two_servers
from tests.services.watched import named, observe, silent_port

OPTIONAL = {
    "memory_max", "memory_used", "full", "hits", "save_age", "replicas", "replication_lag", "replication_lag_bytes",
}  # fmt: skip


class RedisChecks(CheckCase):
    sometimes = frozenset(OPTIONAL)

    def __init__(self, case: RedisCase, silent: int) -> None:
        self.case, self.silent, self.secrets = case, silent, case.secrets

    def good(self) -> list[AnyService]:
        return [self.case.service()]

    def broken(self) -> list[AnyService]:
        make = self.case.make
        other = {"env": f"{self.case.variable}_BESIDE"}
        return [make(password=None), make(password=other), make(username="nobody")]

    def absent(self) -> list[AnyService]:
        make = self.case.make
        return [make(port=1), make(host="no-such-host.invalid"), make(container="daytwo-no-such-container")]

    def slow(self) -> list[AnyService]:
        return [self.case.make(port=self.silent)]

    def our_fault(self) -> list[AnyService]:
        return [self.case.make(password={"env": "DAYTWO_NO_SUCH_VARIABLE"})]


@pytest.fixture
def servers() -> Iterator[RedisCase]:
    with ExitStack() as stack:
        yield two_servers(stack, {"enable-debug-command": "yes"})


class TestRedis(CheckContract):
    @pytest.fixture
    def case(self, servers: RedisCase) -> Iterator[RedisChecks]:
        with silent_port() as port:
            yield RedisChecks(servers, port)


def test_memory_and_keys_that_go(servers: RedisCase, tmp_path: Path) -> None:
    servers.run("config", "set", "maxmemory", "3mb")
    servers.run("config", "set", "maxmemory-policy", "allkeys-lru")
    servers.run("set", "soon", "x", "px", "1")
    wait_until(lambda: servers.run("get", "soon") == "", what="it has expired")
    check = named(servers.service())
    assert "full" not in ask(check, tmp_path).numbers, "it may evict: that is what it is for"
    servers.run("eval", "for n = 1, 5000 do redis.call('set', 'k' .. n, string.rep('x', 1000)) end", "0")
    servers.run("get", "soon")
    found = ask(check, tmp_path).numbers
    assert found["evicted"] > 0 and found["expired"] == 1
    assert found["memory_max"] == 3 * 2**20 and found["memory_used"] == found["memory"] / found["memory_max"]
    assert found["hits"] < 1 and found["unsaved"] >= 5000 and found["keys"] > 10
    servers.run("config", "set", "maxmemory-policy", "noeviction")
    found = ask(check, tmp_path).numbers
    assert found["full"] == found["memory_used"] > 0


def test_a_failed_save_is_a_failure(servers: RedisCase, tmp_path: Path) -> None:
    check = named(servers.service())
    assert "save_age" not in ask(check, tmp_path).numbers, "saving is switched off"
    servers.run("config", "set", "save", "3600 1")
    assert 0 <= ask(check, tmp_path).numbers["save_age"] < 300
    in_the_way = servers.live.data / "dump.rdb"
    in_the_way.mkdir()
    servers.run("bgsave")
    wait_until(lambda: ask(check, tmp_path).verdict is Verdict.FAILED, what="the save has failed")
    assert "last save to disk has failed" in ask(check, tmp_path).why
    in_the_way.rmdir()
    servers.run("bgsave")
    wait_until(lambda: ask(check, tmp_path).verdict is Verdict.OK, what="it is well again")


def test_a_server_that_loads_its_data_has_failed(servers: RedisCase, tmp_path: Path) -> None:
    servers.run("eval", "for n = 1, 2000 do redis.call('set', 'k' .. n, n) end", "0")
    servers.run("config", "set", "loading-process-events-interval-bytes", "1024")
    servers.run("config", "set", "key-load-delay", "5000")
    env = {**os.environ, "REDISCLI_AUTH": servers.live.password or ""}
    argv = [str(servers.live.cli), "-p", str(servers.live.port), "debug", "reload"]
    reload = subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        check = named(servers.service())
        wait_until(lambda: "loading its data" in ask(check, tmp_path).why, what="it is seen to load", seconds=20)
        found = ask(check, tmp_path)
        assert found.verdict is Verdict.FAILED and " %)" in found.why
    finally:
        reload.kill()
        reload.wait()


def test_replication_is_told_on_both_sides(servers: RedisCase, tmp_path: Path) -> None:
    live, beside = servers.live, servers.beside
    beside.run("config", "set", "masterauth", live.password or "")
    beside.run("replicaof", live.host, str(live.port))
    replica, master = named(servers.elsewhere()), named(servers.service())
    wait_until(lambda: ask(replica, tmp_path).verdict is Verdict.OK, what="the replica follows")
    assert ask(replica, tmp_path).facts["role"] == "replica"
    wait_until(lambda: "replication_lag_bytes" in ask(master, tmp_path).numbers, what="the master knows")
    found = ask(master, tmp_path).numbers
    assert found["replicas"] == 1 and found["replication_lag"] < 30
    live.run("config", "set", "requirepass", "another one")
    beside.run("replicaof", "no", "one")
    beside.run("replicaof", live.host, "1")
    wait_until(lambda: ask(replica, tmp_path).verdict is Verdict.FAILED, what="the link is down")
    assert "its master 127.0.0.1:1" in ask(replica, tmp_path).why
    live.run("config", "set", "requirepass", live.password or "", password="another one")


def test_a_user_with_few_rights_still_answers(servers: RedisCase, tmp_path: Path) -> None:
    servers.run("acl", "setuser", "few", "on", f">{servers.live.password}", "+ping")
    found = observe(servers.make(username="few"), tmp_path)
    assert found.verdict is Verdict.OK and "+info" in found.facts["rights"]
    servers.run("acl", "setuser", "none", "on", f">{servers.live.password}")
    denied = observe(servers.make(username="none"), tmp_path)
    assert denied.verdict is Verdict.FAILED and "may not do this" in denied.why
