"""A shop on Docker Compose: PostgreSQL, MariaDB, Redis, files in volumes and a folder, two SQLite databases.

The ways to start, fill, look at and destroy it, and the real `daytwo` command on it, in a process of its own.
"""

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.parts.docker import DockerEngine
from tests.parts.process import wait_until
from tests.parts.ready import Python
from tests.real.protect.shop import PROGRAM, Done

IMAGES = Path(__file__).parent / "images"
TAGS = {"postgres": "postgres:15", "redis": "redis:7", "mariadb": "mariadb:10.11", "app": "shop-app:1"}
CLIENTS = re.compile(r"^\S*(pg_dump|pg_restore|psql|mariadb-dump|mysqldump|redis-cli|tar|sqlite3)\b.*", re.MULTILINE)

POSTGRES = """
select format('drop database %I', datname) from pg_database where datname like 'shop_before%' \\gexec
drop schema public cascade; create schema public;
drop role if exists reporter; create role reporter login;
create type mood as enum ('good', 'bad');
create table posts (id int primary key generated always as identity, body text not null, at timestamptz, mood mood,
  extra jsonb, raw bytea);
insert into posts (body, at, mood, extra, raw)
  select 'Grüße ' || i || E'\\n\\\\N', timestamptz '2026-01-01 00:00:00+02' + i * interval '1 hour', 'good',
    jsonb_build_object('n', i), decode(md5(i::text), 'hex') from generate_series(1, 500) i;
insert into posts (body) values ('');
create table "Odd Name" (a int references posts, b text);
insert into "Odd Name" values (1, null), (2, '');
create view good as select id, body from posts where mood = 'good';
grant select on good to reporter;
"""
MARIADB = """
drop database if exists billing; create database billing character set utf8mb4; use billing;
create table invoice (id int primary key auto_increment, who varchar(80), amount decimal(12,2), pdf longblob, at datetime);
insert into invoice (who, amount, pdf, at)
  select concat('Müller 😀 ', seq), seq / 7, unhex(md5(seq)), '2026-01-01 00:00:00' + interval seq minute from seq_1_to_300;
insert into invoice (who) values (null), ('');
create view big as select * from invoice where amount > 20;
create trigger spell before insert on invoice for each row set new.who = trim(new.who);
"""
REDIS = """
FLUSHALL
SET text "plain"
SET session:1 "soon gone" EX 86400
HSET user:1 name Ada age 36
RPUSH queue a b c
SADD tags red green
ZADD scores 1.5 ada 2 bob
XADD stream 1-1 k v
SELECT 3
SET elsewhere "other database"
"""
REDIS_ALL = """
local out = {}
for db = 0, 3 do
  redis.call('select', db)
  local keys = redis.call('keys', '*')
  table.sort(keys)
  for _, key in ipairs(keys) do
    local kind = redis.call('type', key).ok
    local value = kind == 'set' and redis.call('sort', key, 'alpha') or redis.sha1hex(redis.call('dump', key))
    table.insert(out, {db, key, kind, redis.call('pttl', key) > 0, value})
  end
end
return cjson.encode(out)
"""
FILES = """
set -e
find /uploads /config -mindepth 1 -delete
cd /uploads
mkdir -p 2026/leer "mit leer zeichen"
head -c 300000 /dev/urandom >2026/logo.png
printf 'Zeile\\n' >"mit leer zeichen/naïve
datei"
ln 2026/logo.png 2026/hard.png
ln -s ../2026/logo.png "mit leer zeichen/link"
ln -s /nowhere dangling
truncate -s 3M sparse
chmod 640 2026/logo.png; chmod 2750 2026; chmod 1777 2026/leer
chown -h 1000:1001 2026/logo.png 2026/leer dangling
chown 33:33 . ; chmod 711 .
touch -d 2001-02-03T04:05:06.789 2026/logo.png 2026/leer
printf 'token=from-the-app\\n' >/config/app.ini; chmod 600 /config/app.ini; chown 33 /config/app.ini
for file in /state/state.db /data/shop.db; do
  rm -f $file*
  sqlite3 $file "pragma journal_mode=wal; create table t (id integer primary key, v); insert into t (v)
    select hex(randomblob(20)) from (with recursive n(i) as (select 1 union all select i+1 from n where i<200) select i from n)"
  chown 33:33 $file
done
"""
LOOK = r"""
cd "$1"
stat -c '. %A %u:%g' .  # not its time: what is mounted stays, and entries are moved in
find . -mindepth 1 -printf '%p %y %m %U:%G %n %s %T@ %l\n' | sort
find . -type f ! -name '*.db*' -exec sha256sum {} + | sort
"""


@dataclass
class Project:
    """The shop. `said` is everything that daytwo has printed, `passwords` what must not be in it."""

    docker: DockerEngine
    folder: Path
    name: str
    passwords: Mapping[str, str]
    written: str = ""
    config: str = ""
    dirty: bool = True
    said: list[str] = field(default_factory=list)

    @property
    def postgres(self) -> str:
        """PostgreSQL's container."""
        return f"{self.name}-postgres"

    @property
    def app(self) -> str:
        """The app's container."""
        return f"{self.name}-app-1"

    @property
    def env(self) -> dict[str, str]:
        """What daytwo's environment is."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("DAYTWO_")}
        return inherited | dict(self.docker.env) | {"DAYTWO_DEBUG": "1"}

    def compose(self, *argv: str) -> str:
        """`docker compose ...` in the folder."""
        return self.docker.compose(self.folder, *argv).stdout

    def up(self) -> None:
        """Start what does not run, and wait until all is healthy."""
        self.compose("up", "--detach", "--wait")

    def exec(self, service: str, *argv: str, stdin: str = "", options: tuple[str, ...] = ()) -> str:
        """Run a program in a service's container."""
        container = self.postgres if service == "db" else f"{self.name}-{service}-1"
        return self.docker.run("exec", "-i", *options, container, *argv, stdin=stdin).stdout

    def sql(self, statement: str, database: str = "shop") -> str:
        """Run SQL in PostgreSQL."""
        psql = ("psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-U", "shop", "-d", database)
        return self.exec("db", *psql, stdin=statement).strip()

    def mariadb(self, *argv: str, stdin: str = "") -> str:
        """Run one of MariaDB's programs as root."""
        return self.exec("mariadb", "sh", "-c", 'MYSQL_PWD=$MARIADB_ROOT_PASSWORD exec "$0" "$@"', *argv, stdin=stdin)

    @property
    def key(self) -> str:
        """The file with the recovery key."""
        return str(self.folder / "key.txt")

    def set_up(self) -> None:
        """Fill it, have `daytwo init` write a configuration, and edit that as a person does."""
        self.fill()
        told = self.json("init", str(self.folder))
        Path(self.key).write_text(told["recovery_key"] + "\n")
        self.written = (self.folder / "daytwo.yaml").read_text()
        found = f"state: {{kind: files, volume: {self.name}_state}}"
        assert found in self.written, self.written
        by_hand = f"state: {{kind: sqlite, container: {self.app}, path: /state/state.db}}"
        self.config = self.written.replace(found, by_hand)

    def make_big(self) -> None:
        """A database whose dump takes a while: small on disk, a gigabyte in a dump. It stays for all tests."""
        if self.sql("select count(*) from pg_database where datname = 'big'") == "0":
            self.sql("create database big")
        if self.sql("select to_regclass('a_lot') is null", "big") == "t":
            rows = "select n, repeat('0123456789', 1000) t from generate_series(1, 100000) n"
            self.sql(f"set default_toast_compression = 'lz4'; create table a_lot as {rows}", "big")

    def fill(self) -> None:
        """Make the data anew."""
        self.empty_folder()
        self.sql(POSTGRES)
        self.mariadb("mariadb", "--default-character-set=utf8mb4", stdin=MARIADB)
        self.exec("cache", "redis-cli", stdin=REDIS)
        self.exec("app", "sh", "-ec", FILES)
        (self.folder / "data" / "notes.txt").write_text("kept in a folder of the host\n")
        self.dirty = False

    def destroy(self) -> None:
        """Remove every container, every volume and the folder's data."""
        self.compose("down", "--volumes", "--timeout", "2")
        self.empty_folder()

    def empty_folder(self) -> None:
        """Remove everything in the folder that the app has mounted."""
        for path in (self.folder / "data").iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def postgres_content(self, database: str = "shop") -> str:
        """Definitions, grants and every row."""
        text = self.exec("db", "pg_dump", "-U", "shop", database)
        return re.sub(r"^(\\(un)?restrict .*|--.*)\n", "", text, flags=re.MULTILINE)

    def content(self, *parts: str) -> dict[str, object]:
        """All data of the shop, or some parts of it: row by row, key by key, file by file."""
        dump = ("mariadb-dump", "--skip-extended-insert", "--skip-comments", "--hex-blob", "billing")
        databases = ("/state/state.db", "/data/shop.db")
        looks: dict[str, Callable[[], object]] = {
            "postgres": self.postgres_content,
            "roles": lambda: self.sql("select rolname from pg_roles where rolname !~ '^pg_' order by 1"),
            "mariadb": lambda: self.mariadb(*dump),
            "redis": lambda: json.loads(self.exec("cache", "redis-cli", "EVAL", REDIS_ALL, "0")),
            "uploads": lambda: self.exec("app", "sh", "-c", LOOK, "sh", "/uploads"),
            "config": lambda: self.exec("app", "sh", "-c", LOOK, "sh", "/config"),
            "data": (self.folder / "data" / "notes.txt").read_text,
            "state": lambda: self.exec("app", "sqlite3", "/state/state.db", ".dump"),
            "shop": lambda: self.exec("app", "sqlite3", "/data/shop.db", ".dump"),
            "sqlite owners": lambda: self.exec("app", "stat", "-c", "%n %u:%g %a", *databases),
            ".env": (self.folder / ".env").read_text,
        }
        return {name: looks[name]() for name in parts or looks}

    def daytwo(self, *argv: str, death: str = "never", code: int | None = 0, **env: str) -> Done:
        """Run daytwo, demand its exit code (None: any), no traceback and no password in what it says."""
        with self.start(*argv, death=death, **env) as process:
            return self.ended(process, code)

    @contextmanager
    def start(self, *argv: str, death: str = "never", **env: str) -> Iterator["Python"]:
        """daytwo at work; `death` is a moment at which it kills itself."""
        pipe, words = subprocess.PIPE, [self.folder / "daytwo.yaml", death, *argv]
        with Python(PROGRAM, words, env=self.env | env, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()

    def ended(self, process: "Python", code: int | None = 0) -> Done:
        """Wait for daytwo's end and judge it."""
        out, err = process.communicate(timeout=240)
        done = Done(process.returncode, out, err)
        self.said.append(str(done))
        assert code is None or done.code == code, f"exit {done.code}, wanted {code}\n{done}"
        assert "Traceback" not in err, done
        for name, password in self.passwords.items():
            assert password not in out + err, f"{name} in the output"
        return done

    def json(self, *argv: str) -> Any:
        """The JSON document of a command."""
        return json.loads(self.daytwo(*argv, "--json").out)

    def with_config(self, **backup: object) -> None:
        """Write the configuration with other settings for its backup, a service's name and YAML each."""
        lines = "".join(f"    {name}: {json.dumps(value)}\n" for name, value in backup.items())
        (self.folder / "daytwo.yaml").write_text(self.config.replace("    keep: {last: 7}\n", lines))

    def replace(self, old: str, new: str) -> None:
        """Change the configuration."""
        path = self.folder / "daytwo.yaml"
        text = path.read_text()
        assert old in text, text
        path.write_text(text.replace(old, new))

    def state(self, container: str) -> str:
        """A container's state."""
        return self.docker.run("inspect", "-f", "{{.State.Status}}", container).stdout.strip()

    def containers(self) -> list[str]:
        """The shop's containers: others come and go on the same engine while tests run side by side."""
        listing = self.docker.run("ps", "--all", "--no-trunc", "--format", "{{.ID}}", "--filter", f"name={self.name}")
        return sorted(listing.stdout.split())

    def clients(self, service: str = "db") -> list[str]:
        """Client programs that run in a container."""
        listing = self.exec(service, "ps", "-eo", "args")
        return [match[0] for match in CLIENTS.finditer(listing)]

    def stored(self) -> list[str]:
        """Everything in the repository's folder, hidden files too, but not what was noted of snapshots later."""
        folder = self.folder / "backups"
        found = sorted(path.name for path in folder.rglob("*")) if folder.exists() else []
        return [name for name in found if not name.endswith(".marks.json")]

    def nothing_left(self, stored: int = 0) -> None:
        """Assert that so many snapshots are there, and no half of anything, no program and no work folder."""
        found = self.stored()
        archives = [name.removesuffix(".tar.gz") for name in found if name.endswith(".tar.gz")]
        assert len(archives) == stored, found
        assert found == sorted(f"{name}{end}" for name in archives for end in (".tar.gz", ".manifest.json"))
        work = self.folder / ".daytwo" / "work"
        assert not work.exists() or list(work.iterdir()) == []
        for service in ("db", "mariadb"):
            if self.state(self.postgres if service == "db" else f"{self.name}-{service}-1") == "running":
                wait_until(lambda s=service: self.clients(s) == [], what=f"no client in {service}", seconds=5)  # type: ignore[misc]

    def with_snapshot(self) -> None:
        """Have a snapshot; it is made by the first test that asks, and the others get a copy."""
        stored, kept = self.folder / "backups", self.folder / "kept"
        if kept.exists():
            shutil.copytree(kept, stored)
        else:
            self.daytwo("backup")
            shutil.copytree(stored, kept)

    def reset(self) -> None:
        """As it was at first: everything runs, the data is there, no snapshot, no state."""
        for name in ("backups", ".daytwo"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        (self.folder / "daytwo.yaml").write_text(self.config)
        if any(self.state(name) != "running" for name in (self.app, self.postgres)) or self.dirty:
            self.up()
        if self.dirty:
            self.fill()


@contextmanager
def open_project(docker: DockerEngine, folder: Path) -> Iterator[Project]:
    """Build the images, start the project and fill it; all of it is removed at the end."""
    for target, tag in TAGS.items():
        docker.run(
            "build", "--quiet", "--build-arg", f"BASE={docker.base_image}", "--target", target, "-t", tag, IMAGES
        )
    name = f"shop-{secrets.token_hex(4)}"
    project = Project(
        docker,
        folder,
        name,
        {key: secrets.token_hex(12) for key in ("DB_PASSWORD", "MARIADB_ROOT_PASSWORD", "MARIADB_PASSWORD")},
    )
    (folder / "data").mkdir()
    (folder / "compose.yaml").write_text((IMAGES.parent / "compose.yaml.in").read_text().replace("@NAME@", name))
    (folder / ".env").write_text("".join(f"{key}={value}\n" for key, value in project.passwords.items()))
    try:
        project.up()
        yield project
    finally:
        docker.compose(folder, "down", "--volumes", "--timeout", "0", check=False)


def interrupt(process: "Python") -> None:
    """Ctrl-C."""
    process.send_signal(signal.SIGINT)
