"""A real Redis with a password, with every type of value in it."""

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from daytwo.core.service import Place, Service
from daytwo.services.redis import Redis
from daytwo.services.redis.client import Settings
from tests.contract.services import ServiceCase
from tests.parts.redis import RedisServer, redis

QUICK = {"repl-diskless-sync-delay": "0"}
"""Else a server waits five seconds for more replicas before each transfer."""

ALL = """
local out = {}
local keys = redis.call('keys', '*')
table.sort(keys)
for _, key in ipairs(keys) do
  local kind = redis.call('type', key).ok
  local value = redis.call('dump', key)
  if kind == 'set' then  -- its order differs from server to server
    value = redis.call('smembers', key)
    table.sort(value)
  end
  table.insert(out, {key, kind, redis.call('pexpiretime', key), value})
end
return out
"""


@dataclass
class RedisCase(ServiceCase):
    """Two servers of a test's own: the live one and an empty one."""

    live: RedisServer
    beside: RedisServer
    variable: str = field(default_factory=lambda: f"DAYTWO_TEST_REDIS_{secrets.token_hex(4)}")

    def __post_init__(self) -> None:
        assert self.live.password and self.beside.password
        self.secrets = (self.live.password, self.beside.password)
        os.environ[self.variable] = self.live.password
        os.environ[f"{self.variable}_BESIDE"] = self.beside.password

    def make(self, server: RedisServer | None = None, /, **changes: object) -> Redis:
        """The service with other settings."""
        given: dict[str, object] = {"port": (server or self.live).port, "password": {"env": self.variable}}
        return Redis("cache", Settings.model_validate(given | changes), Place(self.live.data, "shop", "test"))

    def service(self) -> Service:
        return self.make()

    def elsewhere(self) -> Service:
        return self.make(self.beside, password={"env": f"{self.variable}_BESIDE"})

    def broken(self) -> list[Service]:
        return [
            self.make(password=None),
            self.make(password={"env": f"{self.variable}_BESIDE"}),
            self.make(port=1),
            self.make(host="no.such.host.invalid"),
            self.make(container="no-such-container"),
        ]

    def run(self, *command: str, database: int = 0) -> str:
        """Run a command on the live server."""
        return self.live.run("-n", str(database), *command)

    def fill(self) -> None:
        for command in (
            ("set", "text", "näme ☃\n\r\n'\""), ("set", "number", "12345"), ("set", "", "empty key"),
            ("set", "long", "x" * 5000), ("setbit", "bits", "7", "1"), ("rpush", "list", "1", "two", "3" * 300),
            ("sadd", "set", "a", "b"), ("sadd", "ints", "1", "2", "70000"), ("zadd", "scores", "1.5", "a", "-inf", "b"),
            ("hset", "hash", "field", "value", "other", "1"), ("xadd", "stream", "1-1", "a", "1"),
            ("xgroup", "create", "stream", "group", "0"), ("pfadd", "seen", "a", "b", "c"),
            ("set", "later", "x", "ex", "5000"), ("set", "soon", "x", "px", "1"),
            ("function", "load", "#!lua name=tools\nredis.register_function('one', function() return 1 end)"),
        ):  # fmt: skip
            self.run(*command)
        self.run("set", "session", "s", "ex", "9000", database=3)
        self.run("set", "kept", "k", database=3)
        self.run("set", "only", "o", database=11)

    def change(self) -> None:
        self.run("set", "text", "changed")
        self.run("del", "hash")
        self.run("set", "new", "1", database=5)
        self.run("flushdb", database=11)
        self.run("function", "flush")

    def destroy(self) -> None:
        self.run("flushall")
        self.run("function", "flush")

    def content(self, service: Service) -> object:
        assert isinstance(service, Redis)
        return self.content_of(self.live if service.settings.port == self.live.port else self.beside)

    def content_of(self, server: RedisServer) -> dict[str, str]:
        """All data of a server."""
        found = {str(n): server.run("-n", str(n), "--no-raw", "eval", ALL, "0") for n in range(16)}
        return found | {"functions": server.run("--no-raw", "function", "list", "withcode")}

    def leftovers(self) -> object:
        names = sorted(path.name for what in ("daytwo*", "*before*") for path in self.live.data.glob(what))
        return names, sorted(self.scratch_servers()), self.state()

    def scratch_servers(self) -> Iterator[str]:
        """The tags of the scratch servers that this case's restores have running."""
        mine = f"{self.variable}=".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                variables = (folder / "environ").read_bytes().split(b"\0")
                if b"redis-server" in (folder / "cmdline").read_bytes() and any(v.startswith(mine) for v in variables):
                    yield from (v.decode() for v in variables if v.startswith(b"DAYTWO_RUN="))

    def state(self) -> tuple[str, ...]:
        """What a restore changes for a moment."""
        lines = self.run("info", "replication").splitlines()
        role = next(line for line in lines if line.startswith("role:")).strip()
        return role, self.run("config", "get", "masterauth"), self.run("config", "get", "masteruser")


def two_servers(stack: ExitStack, settings: dict[str, str] | None = None) -> RedisCase:
    """A case with servers of its own; `stack` ends them."""
    live = stack.enter_context(redis(password=True, settings=QUICK | (settings or {})))
    beside = stack.enter_context(redis(password=True, settings=QUICK))
    return RedisCase(live, beside)
