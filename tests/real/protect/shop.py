"""A real app to protect: a PostgreSQL database, uploads, a settings file; and the ways to look at it and at its backups."""

import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyrage

from tests.parts.postgres import PostgresServer
from tests.parts.ready import python

PROGRAM = "from tests.real.protect.dying import main; main()"
"""The real command, see there."""


@dataclass
class Shop:
    """The app in a folder of its own."""

    folder: Path
    server: PostgresServer
    database: str
    key: str
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        """Its daytwo.yaml."""
        return self.folder / "daytwo.yaml"

    def daytwo(self, *argv: str, death: str = "never", code: int | None = 0, **env: str) -> "Done":
        """Run the real command in a process of its own, and demand its exit code (None: any)."""
        env = {**os.environ, "DAYTWO_DEBUG": "1", "RESTIC_CACHE_DIR": str(self.folder / "cache"), **env}
        done = python(PROGRAM, [self.config, death, *argv], timeout=240, stdin=subprocess.DEVNULL, env=env)
        result = Done(done.returncode, done.stdout, done.stderr)
        assert code is None or done.returncode == code, f"exit {done.returncode}, wanted {code}\n{result}"
        return result

    def content(self) -> object:
        """All data of the app, row by row and file by file."""
        uploads = self.folder / "uploads"
        files = {str(p.relative_to(uploads)): p.read_bytes() for p in sorted(uploads.rglob("*")) if p.is_file()}
        return (
            self.server.sql("select md5(string_agg(t::text, '|' order by id)) from posts t", self.database),
            files,
            (self.folder / ".env").read_text(),
        )

    def snapshots(self, repository: str | None = None) -> list[dict[str, Any]]:
        """What `daytwo snapshots --json` lists."""
        argv = ["snapshots", "--json", *(["-r", repository] if repository else [])]
        found: list[dict[str, Any]] = json.loads(self.daytwo(*argv).out)
        return found

    def backups(self) -> list[str]:
        """Everything in the archive repository's folder, hidden files too."""
        folder = self.folder / "backups"
        return sorted(str(p.relative_to(folder)) for p in folder.rglob("*")) if folder.exists() else []

    def dumps_running(self) -> list[str]:
        """Dump programs of this app that run right now."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"pg_dump" in words[0] and any(self.database.encode() in word for word in words):
                found.append(b" ".join(words).decode())
        return found


@dataclass(frozen=True)
class Done:
    """A finished command."""

    code: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"--- out\n{self.out}\n--- err\n{self.err}"


@contextmanager
def open_shop(folder: Path, server: PostgresServer, *, rows: int = 20_000, config: str = "") -> Iterator[Shop]:
    """Make the app and its data; the database is dropped at the end."""
    database = f"shop_{uuid.uuid4().hex[:10]}"
    server.sql(f"create database {database}")
    identity = pyrage.x25519.Identity.generate()
    shop = Shop(folder, server, database, str(identity))
    server.sql(
        f"create table posts (id int primary key, body text); insert into posts select i, md5(i::text) || repeat('x', 80)"
        f" from generate_series(1, {rows}) i",
        database,
    )
    uploads = folder / "uploads"
    (uploads / "2026").mkdir(parents=True)
    (uploads / "logo.png").write_bytes(os.urandom(200_000))
    (uploads / "2026" / "with space.txt").write_text("héllo\n" * 1000)
    (folder / ".env").write_text("JWT_SECRET=very-secret-value-42\n")
    (folder / "pw").write_text(server.password)
    (folder / "key.txt").write_text(shop.key + "\n")
    (folder / "restic-pw").write_text("correct horse battery\n")
    shop.config.write_text(
        f"""
app: shop
timezone: UTC
services:
  db: {{kind: postgres, host: {server.host}, port: {server.port}, user: {server.user}, database: {database},
       password: {{file: pw}}, bin: "{server.bin}"}}
  uploads: {{kind: files, path: ./uploads}}
  settings: {{kind: env, paths: [.env]}}
recovery: {{recipients: [{identity.to_public()}]}}
"""
        + (config or "repositories: {local: {kind: archive, path: ./backups}}\nbackups: {nightly: {keep: {last: 7}}}\n")
    )
    try:
        yield shop
    finally:
        for name in server.sql(f"select datname from pg_database where datname like '{database}%'").split():
            server.sql(f'drop database "{name}" with (force)')
