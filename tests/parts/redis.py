"""Redis, Debian's `redis-server`, with a password or without."""

import contextlib
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.parts.need import require
from tests.parts.process import LOOPBACK, Program, kept, run_text, server_user


@dataclass(frozen=True)
class RedisServer:
    """A running server; `password` is None when it asks for none, `cli` is `redis-cli`."""

    host: str
    port: int
    password: str | None
    data: Path
    cli: Path
    log: Path
    pid: int

    def url(self, database: int = 0) -> str:
        """Its `redis://` address."""
        return f"redis://{f':{self.password}@' if self.password else ''}{self.host}:{self.port}/{database}"

    def run(self, *command: str, password: str | None = None) -> str:
        """Run a Redis command through `redis-cli`; an error answer raises `RuntimeError`."""
        variables = {name: value for name, value in os.environ.items() if name != "REDISCLI_AUTH"}
        if chosen := password or self.password:
            variables["REDISCLI_AUTH"] = chosen
        argv = [str(self.cli), "-h", self.host, "-p", str(self.port), "-e", *command]
        done = run_text(argv, env=variables)
        if done.returncode != 0:
            raise RuntimeError(done.stdout + done.stderr)
        return done.stdout.strip()


@contextlib.contextmanager
def redis(*, password: bool = False, settings: Mapping[str, str] | None = None) -> Iterator[RedisServer]:
    """Start Redis, with a random password when `password`. `settings` are lines of its configuration."""
    server, cli = require("redis-server"), require("redis-cli", package="redis-tools")
    user = server_user("redis")
    secret = secrets.token_hex(16) if password else None
    with kept(user) as keeper:
        data, config = keeper.folder / "data", keeper.folder / "redis.conf"
        data.mkdir()
        config.touch(mode=0o600)
        if user is not None:
            for path in (data, config):
                os.chown(path, user.uid, user.gid)

        def program(port: int) -> Program:
            lines = {"bind": LOOPBACK, "port": str(port), "dir": str(data), "save": '""', "daemonize": "no"}
            if secret is not None:
                lines["requirepass"] = secret
            config.write_text("".join(f"{name} {value}\n" for name, value in (lines | dict(settings or {})).items()))
            return Program([str(server), str(config)], user)

        def running(port: int, pid: int) -> RedisServer:
            return RedisServer(
                host=LOOPBACK,
                port=port,
                password=secret,
                data=data,
                cli=cli,
                log=keeper.log,
                pid=pid,
            )

        def ready(port: int) -> bool:
            with contextlib.suppress(RuntimeError):  # its own folder: another server may have taken the port first
                return running(port, 0).run("config", "get", "dir").splitlines()[-1] == str(data)
            return False

        port, pid = keeper.start_on_free_port(program, ready, what="Redis")
        yield running(port, pid)
