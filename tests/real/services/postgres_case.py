"""A PostgreSQL database full of what dumps get wrong, for the contract and for tests of its own."""

import os
import re
import secrets
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from daytwo.core.service import Component, Place, Service
from daytwo.services.postgres import PostgresService
from daytwo.services.postgres.settings import PostgresSettings
from tests.contract.services import ServiceCase
from tests.parts.postgres import PostgresServer

AWKWARD = r"""
create type mood as enum ('fine', 'it''s "odd"', '雨');
create table "Weird "" Näme.x" (id serial primary key, "Sélect" text not null, data bytea, feeling mood,
  at timestamptz);
insert into "Weird "" Näme.x" ("Sélect", data, feeling, at) values
  ('quotes '' " \ and $$', '\x00ff0a5c'::bytea, 'it''s "odd"', '2024-02-29 23:59:59.999999+14'),
  (E'tab\tnew\nline\\.\n\\N', null, '雨', null), ('', '', null, 'infinity'),
  (E'😀 Ünï\u0007', '\x', 'fine', '-infinity');
create table people (id bigint generated always as identity primary key, name text, born date,
  label text generated always as (upper(name)) stored);
insert into people (name) select 'person ' || n from generate_series(1, 1000) n;
create table orders (id int primary key, person bigint not null references people (id), amount numeric(20, 5));
insert into orders select n, n, n * 1.00001 from generate_series(1, 500) n;
create table nothing_in_here (a int, b text[]);
create table events (at date not null, what text) partition by range (at);
create table events_2024 partition of events for values from ('2024-01-01') to ('2025-01-01');
create table "events Rest" partition of events default;
insert into events select '2024-12-01'::date + n, 'event ' || n from generate_series(1, 60) n;
create table big (id int, body text);
insert into big select n, (select string_agg(md5((n * 1000 + i)::text), '') from generate_series(1, 500) i)
  from generate_series(1, 40) n;
create schema "Other Schema";
create table "Other Schema".people (who text);
insert into "Other Schema".people values ('another');
create materialized view buyers as select distinct person from orders;
create materialized view unborn as select 1 as one with no data;
create view fine_people as select * from people where name like '%7';
create sequence lonely start 41; select nextval('lonely');
create function twice(n int) returns int language plpgsql as $f$ begin return n * 2; end; $f$;
create index orders_amount on orders (amount) where amount > 3;
create function stamp() returns trigger language plpgsql as $f$ begin new.name := new.name || '!'; return new; end $f$;
create trigger stamp before insert on people for each row execute function stamp();
select lo_from_bytea(4711, decode(repeat('00ff', 4000), 'hex'));
comment on table people is 'it''s; a "comment"
on two lines';
"""
ROWS = {
    "Other Schema.people": 1, 'public."Weird "" Näme.x"': 4, "public.big": 40, "public.events Rest": 30,
}  # fmt: skip


def pg_dump_text(server: PostgresServer, database: str) -> str:
    """A database as SQL, without what differs between two dumps of the same data."""
    env = {**os.environ, **server.env(database)}
    argv = [str(server.bin / "pg_dump"), "--no-password"]
    text = subprocess.run(argv, env=env, capture_output=True, text=True, check=True, timeout=120).stdout
    return re.sub(r"^(\\(un)?restrict .*|--.*)\n", "", text, flags=re.MULTILINE)


@dataclass
class LocalCase(ServiceCase):
    """A database of its own on a server of the session, reached over TCP with a password."""

    server: PostgresServer
    folder: Path
    database: str = field(default_factory=lambda: f"Pg {secrets.token_hex(6)}")

    def __post_init__(self) -> None:
        self.place = Place(self.folder, "app", "test")
        (self.folder / "password").write_text(self.server.password + "\n")
        (self.folder / "wrong").write_text("hunter2-and-more\n")
        self.secrets = (self.server.password, "hunter2-and-more")
        self.other = f"{self.database} elsewhere"

    def at(self, database: str, **settings: object) -> PostgresService:
        """A service for one of the server's databases."""
        block = {
            "kind": "postgres", "host": self.server.host, "port": self.server.port, "user": self.server.user,
            "password": {"file": "password"}, "database": database, "globals": False, "bin": str(self.server.bin),
        } | settings  # fmt: skip
        kept = {key: value for key, value in block.items() if value is not None}
        return PostgresService("db", PostgresSettings.model_validate(kept), self.place)

    def service(self) -> PostgresService:
        return self.at(self.database)

    def elsewhere(self) -> PostgresService:
        return self.at(self.other)

    def broken(self) -> list[Service]:
        return [
            self.at("does not exist"),
            self.at(self.database, password={"file": "wrong"}),
            self.at(self.database, user="nobody_at_all"),
            self.at(self.database, port=1),
            self.at(self.database, host="no-such-host.invalid"),
            self.at(self.database, container="daytwo-no-such-container", host=None, port=None, bin=None),
            self.at(self.database, bin="/no/such/folder"),
        ]

    def fill(self) -> None:
        self.server.create_database(self.database)
        self.sql(AWKWARD)

    def sql(self, statement: str, database: str | None = None) -> str:
        return self.server.sql(statement, database or self.database)

    def change(self) -> None:
        self.sql("delete from orders where id > 100; update people set name = 'nobody'; create table late (a int);")

    def destroy(self) -> None:
        self.server.sql(f'drop database "{self.database}"')

    def content(self, service: Service) -> object:
        return pg_dump_text(self.server, service.settings.database)

    def databases(self) -> list[str]:
        """The databases this case, or a restore for it, has made."""
        names = self.server.sql("select datname from pg_database order by 1").splitlines()
        return [name for name in names if name.startswith(self.database)]

    def leftovers(self) -> object:
        work = self.folder / "run-work"
        return self.databases(), sorted(p.name for p in work.glob("entries-*"))

    def clean(self) -> None:
        for name in self.databases():
            self.server.sql(f'drop database "{name}" with (force)')


def database_of(service: PostgresService) -> Component:
    """The component that holds its database."""
    return service.components()[-1]


def made(case: LocalCase, sql: str) -> None:
    """Make its database, with what this SQL makes."""
    case.server.create_database(case.database)
    case.sql(sql)
