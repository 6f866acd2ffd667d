"""A door on a real state, with a clock that a test sets."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from daytwo.access import passwords
from daytwo.access.door import Door
from daytwo.access.entry import Caller, Entry
from daytwo.access.roles import Principal, Role, Via
from daytwo.config.serving import Serve
from daytwo.ledger.audit import Audit
from daytwo.store.database import Database, open_database
from daytwo.store.tables import audit_events
from daytwo.store.url import StateUrl
from daytwo.store.writer import Writer
from daytwo.watch.numbers import Numbers
from daytwo.watch.security.book import Book as SecurityBook
from daytwo.watch.security.own import refused_logins

BOSS = Principal("root@box", Via.CLI, Role.ADMIN)
GOOD = "correct horse battery"
NOBODYS = "$argon2id$v=19$m=64,t=1,p=1$RPKZhOWGSG/Vny/uD1Iz3A$AICs44HF0GatYQ5rOT8AmRwZiRT+DETqJit093V45JY"
"""As `passwords.NOBODYS`, of the costs that tests have."""
HOME = Caller("192.0.2.7", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")


@dataclass
class Clock:
    """A clock that a test sets."""

    now: datetime = field(default_factory=lambda: datetime(2026, 11, 21, 6, 0, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Stage:
    """The door, and what it stands on."""

    door: Door
    database: Database
    writer: Writer
    audit: Audit
    clock: Clock
    url: StateUrl

    def user(self, name: str, role: Role = Role.VIEWER, password: str = GOOD) -> None:
        hashed = self.door.hash(name, password)
        self.door.do(lambda connection: self.door.users.add(connection, name, role, hashed, BOSS))

    def login(self, name: str, password: str = GOOD, caller: Caller = HOME) -> Entry:
        return asyncio.run(self.door.login(name, password, caller))

    def token(self, name: str = "grafana", role: Role = Role.VIEWER, **options: object) -> str:
        create = self.door.tokens.create
        return self.door.do(lambda connection: create(connection, name, role, BOSS, **options))[0]  # type: ignore[arg-type]

    def actions(self) -> list[str]:
        return [one.action for one in self.events()]

    def events(self) -> list[sa.Row]:
        with self.database.read() as connection:
            return list(connection.execute(sa.select(audit_events).order_by(audit_events.c.seq)))

    def everything(self) -> str:
        """All that the state holds, as text."""
        assert self.url.is_sqlite
        with contextlib.closing(sqlite3.connect(self.url.file)) as connection:
            return "\n".join(connection.iterdump())


def cheap_hashes(patch: pytest.MonkeyPatch) -> None:
    """Hashes that cost next to nothing: what they cost in truth is not what most tests are about."""
    patch.setattr(passwords, "MEMORY", 64)
    patch.setattr(passwords, "PASSES", 1)
    patch.setattr(passwords, "NOBODYS", NOBODYS)


@contextlib.contextmanager
def staged(url: StateUrl, clock: Clock, settings: Serve | None = None) -> Iterator[Stage]:
    """Open a state as a daemon does."""
    database = open_database(url)
    with contextlib.closing(database), Writer(database) as writer:
        audit = Audit(database, "shop", "production", clock)
        serve = settings or Serve()
        events = SecurityBook(database, "shop", "production", Numbers(database, "shop", "production"))
        heard = refused_logins(events, clock)
        with contextlib.closing(Door(database, writer, audit, clock, lambda: serve, heard)) as door:
            yield Stage(door, database, writer, audit, clock, url)


def sqlite_url(folder: Path) -> StateUrl:
    return StateUrl.parse("state.db", folder)
