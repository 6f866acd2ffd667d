"""An app to protect, of about the size asked for: a PostgreSQL database, uploads, logs, a settings folder.

Three fifths are pgbench's tables, a twentieth is in 200 small tables, a quarter is uploads that cannot be compressed,
the rest is text. The same size gives the same content every time.
"""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.parts.postgres import PostgresServer, postgres18

from bench.measure import Command

DATABASE = "bench"
SMALL_TABLES = 200
_SCALE_BYTES = 15_000_000
"""What one unit of pgbench's scale takes with its index: 100,000 accounts."""
_ROW_BYTES = 330
"""What a row of a small table takes, with its indexes."""
_DURABLE = {"fsync": "on", "shared_buffers": "128MB"}
"""As PostgreSQL comes; the tests' servers are set to be fast instead."""

_TABLES = """do $$ begin
  for number in 1 .. {tables} loop
    execute format('create table %I (id int primary key, name text not null, at timestamptz not null, data jsonb)',
      'small_' || number);
    execute format('insert into %I select i, md5(i::text), timestamptz ''2026-01-01'' + i * interval ''1 minute'',
      json_build_object(''key'', md5((i * %s)::text), ''note'', repeat(md5(i::text), 2))
      from generate_series(1, {rows}) i',
      'small_' || number, number);
    execute format('create index on %I (name)', 'small_' || number);
  end loop;
end $$"""

_CONFIG = """\
app: bench
timezone: UTC
services:
  db: {{kind: postgres, host: {host}, port: {port}, user: {user}, database: {database}, password: {{file: db-password}},
       bin: "{bin}"}}
  uploads: {{kind: files, path: ./uploads}}
  logs: {{kind: files, path: ./logs}}
  settings: {{kind: files, path: ./config}}
repositories:
  archive: {{kind: archive, path: ./backups}}
  restic: {{kind: restic, url: ./restic, password: {{file: restic-password}}}}
  first: {{kind: archive, path: ./first}}
backups:
  archive: {{to: [archive], keep: {{last: 7}}}}
  restic: {{to: [restic]}}
  first: {{services: [settings], to: [first]}}
"""


@dataclass(frozen=True)
class App:
    """The app in its folder, with its server."""

    folder: Path
    server: PostgresServer

    FOLDERS = ("uploads", "logs", "config")

    @property
    def env(self) -> dict[str, str]:
        """What makes programs run by hand find the server, and the client tools that belong to it."""
        return {**self.server.env(DATABASE), "PATH": f"{self.server.bin}{os.pathsep}{os.environ['PATH']}"}

    def files(self) -> tuple[int, int]:
        """How many files there are, and their bytes."""
        sizes = [path.stat().st_size for name in self.FOLDERS for path in (self.folder / name).rglob("*")
                 if path.is_file()]  # fmt: skip
        return len(sizes), sum(sizes)

    def database_size(self) -> int:
        """Bytes that the database takes."""
        return int(self.server.sql(f"select pg_database_size('{DATABASE}')"))

    def rows(self, database: str = DATABASE) -> int:
        """The rows of its tables, but for pgbench's small ones."""
        counted = " + ".join(f"(select count(*) from small_{number})" for number in range(1, SMALL_TABLES + 1))
        return int(self.server.sql(f"select (select count(*) from pgbench_accounts) + {counted}", database))

    def drop_copies(self) -> None:
        """Drop every database that a restore made or kept."""
        names = self.server.sql(
            f"select datname from pg_database where datname not in ('{DATABASE}', 'postgres') and not datistemplate"
        )
        for name in names.splitlines():
            self.server.sql(f'drop database "{name}" with (force)')


@contextmanager
def made(folder: Path, size: int) -> Iterator[App]:
    """Make the app, with its server running until the end.

    Args:
        folder: an empty folder, which keeps it.
        size: bytes, about; no less than 20 MB come of it, as pgbench's smallest tables take 15.
    """
    with postgres18(_DURABLE) as server:
        app = App(folder, server)
        _fill_database(app, size)
        _uploads(folder / "uploads", size // 4)
        _logs(folder / "logs", size // 10)
        (folder / "config").mkdir()
        (folder / "config" / "settings.toml").write_text('name = "bench"\nlimit = 25\n' * 40)
        (folder / "db-password").write_text(server.password)
        (folder / "restic-password").write_text("not a secret\n")
        (folder / "daytwo.yaml").write_text(
            _CONFIG.format(host=server.host, port=server.port, user=server.user, database=DATABASE, bin=server.bin)
        )
        yield app


def _fill_database(app: App, size: int) -> None:
    app.server.create_database(DATABASE)
    scale = max(1, round(size * 0.6 / _SCALE_BYTES))
    Command(["pgbench", "--initialize", "--quiet", f"--scale={scale}"], app.env, app.folder).run()
    rows = max(1, round(size * 0.05 / SMALL_TABLES / _ROW_BYTES))
    app.server.sql(_TABLES.format(tables=SMALL_TABLES, rows=rows), DATABASE)
    app.server.sql("vacuum analyze", DATABASE)
    app.server.sql("checkpoint", DATABASE)


def _uploads(folder: Path, size: int) -> None:
    """Files of 4 kB to 4 MB, as many of each size class, in a folder for each month."""
    chance = random.Random(1)
    number = 0
    while size > 0:
        month = folder / f"2026-{number % 12 + 1:02}"
        month.mkdir(parents=True, exist_ok=True)
        length = min(size, int(4_000 * 1000 ** chance.random()))
        (month / f"{number:06}.bin").write_bytes(chance.randbytes(length))
        size -= length
        number += 1


def _logs(folder: Path, size: int) -> None:
    """Access logs of at most 20 MB each."""
    folder.mkdir()
    chance = random.Random(2)
    pages = [f"/posts/{chance.randrange(10**5)}" for _ in range(2_000)] + ["/", "/api/health", "/favicon.ico"]
    number = 0
    while size > 0:
        with (folder / f"access-{number:03}.log").open("w", encoding="ascii") as log:
            left = min(size, 20_000_000)
            size -= left
            while left > 0:
                left -= log.write(_line(chance, pages))
        number += 1


def _line(chance: random.Random, pages: list[str]) -> str:
    second, host = chance.randrange(60), chance.randrange(1 << 16)
    return (
        f"10.0.{host >> 8}.{host & 255} - - [21/Nov/2026:03:00:{second:02} +0000] "
        f'"GET {chance.choice(pages)} HTTP/1.1" {chance.choice((200, 200, 200, 304, 404, 500))} '
        f"{chance.randrange(200_000)} {chance.random():.3f}\n"
    )
