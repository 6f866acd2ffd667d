"""An app that acts: its state, its desk, an actor; and a blocker that only notes what it is told."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from daytwo.config import Config
from daytwo.config.loading import parsed
from daytwo.core.blocker import Blocked, Blocker, BlockerError, BlockerSettings, Network, shown
from daytwo.core.service import Place
from daytwo.respond.actions import Actor, BlockDesk, guards, neighbours
from daytwo.respond.outbox import Outbox
from daytwo.store.tables import acts, alerts, notifications, security_findings
from tests.access.people import Clock, Stage, sqlite_url, staged

CONFIG = """\
app: shop
timezone: UTC
services:
  data: {kind: files, path: ./data}
channels:
  ops: {kind: slack, url: {env: SLACK_URL}}
people:
  ada: {email: ada@shop.example, channels: [ops]}
security:
  limits:
    auth_failure: {count: 10, within: 1m, about: Somebody guesses passwords}
    rate_limit: {count: 50, within: 1m}
    suspicious: {count: 5, within: 1m}
actions:
  guessing: {security: auth_failure, do: block_ip, for: 1h}
  flooding: {security: rate_limit, do: alert, to: ada}
  probing: {security: suspicious, do: [alert, investigate], to: ops, severity: P2}
  disk: {rules: "disk*", do: alert, to: ops}
blocking: {by: {kind: nftables}, allow: [198.51.100.0/24]}
"""


@dataclass
class App:
    """An app that acts."""

    stage: Stage
    config: Config
    clock: Clock
    investigated: list[tuple[str, str]] = field(default_factory=list)
    broken: str = ""

    def __post_init__(self) -> None:
        self.desk = BlockDesk(lambda: self.config, self.stage.audit)
        self.actor = Actor(
            lambda: self.config, self.stage.audit, self.desk, Outbox("shop", "production"), self._investigate
        )

    def _investigate(self, connection: sa.Connection, row: sa.Row[Any], kind: str, severity: str, now: datetime) -> str:
        if self.broken:
            raise RuntimeError(self.broken)
        self.investigated.append((f"{kind} {row.id}", severity))
        return "incident 1"

    def finding(self, kind: str, source: str = "203.0.113.7", **changes: Any) -> int:
        """Something was too much."""
        now = self.clock()
        row = {
            "app": "shop", "environment": "production", "kind": kind, "source": source, "per": "source", "state": "open",
            "begin": now, "last": now, "found": now, "count": 12, "limit": 10, "within": 60.0, "first_event": 1,
            "last_event": 12, **changes,
        }  # fmt: skip
        return self._insert(security_findings, row)

    def alert(self, rule: str, **changes: Any) -> int:
        """A rule fires."""
        row = {
            "app": "shop", "environment": "production", "fingerprint": "f", "rule": rule, "subject": rule,
            "level": "warning", "begin": self.clock(), "why": "92 % of 100 GB", **changes,
        }  # fmt: skip
        return self._insert(alerts, row)

    def _insert(self, table: sa.Table, row: dict[str, Any]) -> int:
        with self.stage.database.begin() as connection:
            key = connection.execute(table.insert().values(row)).inserted_primary_key
            assert key is not None
            return int(key[0])

    def act(self) -> list[str]:
        """One round of the daemon's."""
        now, said = self.clock(), []
        with self.stage.database.begin() as connection:
            self.actor.claim(connection, now)
        with self.stage.database.read() as connection:
            waiting = self.actor.waiting(connection)
        for number in waiting:
            with self.stage.database.begin() as connection:
                said.append(self.actor.perform(connection, number, now))
        return said

    def rows(self, table: sa.Table) -> list[Any]:
        with self.stage.database.read() as connection:
            return list(connection.execute(sa.select(table)))

    def acts(self) -> list[tuple[str, str, str, str]]:
        return [(one.action, one.what, one.about, one.state) for one in self.rows(acts)]

    def messages(self) -> list[Any]:
        return self.rows(notifications)

    def blocked(self) -> list[str]:
        with self.stage.database.read() as connection:
            return [one.network for one in self.desk.active(connection)]


class NotingBlocker(Blocker[BlockerSettings]):
    """A stand-in for a firewall: a table of networks, which forgets on demand and fails on demand."""

    def __init__(self) -> None:
        super().__init__(BlockerSettings(kind="noting"), Place(Path(), "shop", "production"))
        self.there: dict[str, datetime] = {}
        self.calls: list[str] = []
        self.fails = False
        self.mute = False

    @property
    def tells(self) -> bool:
        return not self.mute

    def block(self, network: Network, until: datetime, now: datetime) -> None:
        self._try(f"block {shown(network)} {round((until - now) / timedelta(seconds=1))}")
        self.there[shown(network)] = until

    def unblock(self, network: Network) -> None:
        self._try(f"unblock {shown(network)}")
        self.there.pop(shown(network), None)

    def blocked(self, now: datetime) -> tuple[Blocked, ...]:
        from daytwo.core.blocker import network_of

        found = {} if self.mute else self.there
        return tuple(Blocked(network_of(one), until) for one, until in found.items())

    def _try(self, call: str) -> None:
        self.calls.append(call)
        if self.fails:
            raise BlockerError("nft says no", where="blocker")


def config_in(folder: Path, text: str = CONFIG) -> Config:
    """Load it as a command does."""
    path = folder / "daytwo.yaml"
    path.write_text(text)
    return parsed(text, path)


@pytest.fixture(autouse=True)
def _another_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which addresses are this host's own is not what these tests are about."""
    monkeypatch.setattr(guards, "own_networks", lambda: ())
    monkeypatch.setattr(neighbours, "logins", lambda: ())


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    clock = Clock()
    config = config_in(tmp_path)
    with staged(sqlite_url(tmp_path), clock, config.serve) as stage:
        yield App(stage, config, clock)
