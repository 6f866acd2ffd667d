"""What people hear when the daemon itself cannot work: told from memory, for the state takes nothing."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from daytwo.config import Config
from daytwo.core.channel import Message
from daytwo.respond.outbox import Carrier, Outcome
from daytwo.serve.distress import Distress
from daytwo.serve.pulse import Pulse
from daytwo.serve.site import Site
from daytwo.store.database import open_database
from daytwo.store.url import StateUrl
from daytwo.store.writer import Trouble, Writer

CONFIG = """\
app: shop
timezone: UTC
services: {data: {kind: files, path: data}}
channels:
  pager: {kind: webhook, url: {env: HOOK}, fallback: chat}
  chat: {kind: webhook, url: {env: HOOK}}
people: {ann: {channels: [pager]}}
oncall: {primary: {people: [ann]}}
routes:
  urgent: {level: critical, to: [pager, primary]}
  rest: {level: warning, to: [chat]}
"""


class StandInCarrier(Carrier):
    """Takes every message, or none."""

    def __init__(self, config: Config, world: "World") -> None:
        super().__init__(config)
        self._world = world

    def deliver(self, message: Message, key: str, channel: str, failures: int, *, resting: bool = False) -> Outcome:
        self._world.asked += 1
        if not self._world.reached:
            return Outcome(error="no answer")
        people = ",".join(person.name for person in message.to)
        self._world.heard.append((channel, people, str(message.event), message.text))
        return Outcome(via=channel, own=True)


@dataclass
class World:
    distress: Distress
    pulse: Pulse
    seconds: float = 1000.0
    trouble: Trouble | None = None
    reached: bool = True
    asked: int = 0
    heard: list[tuple[str, str, str, str]] = field(default_factory=list)

    def ticks(self, count: int) -> list[tuple[str, str, str, str]]:
        """Rounds of five seconds; what people heard meanwhile."""
        before = len(self.heard)
        for _ in range(count):
            self.seconds += 5
            asyncio.run(self.distress.tick())
        return self.heard[before:]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "daytwo.yaml").write_text(CONFIG)
    made: list[World] = []
    pulse = Pulse(lambda: made[0].seconds if made else 1000.0)
    distress = Distress(
        pulse, Site(tmp_path / "daytwo.yaml"), lambda: made[0].trouble, lambda: datetime(2026, 11, 21, tzinfo=UTC),
        lambda: made[0].seconds, lambda config: StandInCarrier(config, made[0]),
    )  # fmt: skip
    made.append(World(distress, pulse))
    yield made[0]


def test_nobody_is_told_of_a_disk_that_is_full_for_a_moment(world: World) -> None:
    world.trouble = Trouble(world.seconds, world.seconds, "database or disk is full")
    assert world.ticks(10) == []
    world.trouble = None
    assert world.ticks(20) == []


def test_whoever_hears_of_critical_alerts_hears_that_the_state_takes_nothing(world: World) -> None:
    world.trouble = Trouble(world.seconds, world.seconds, "database or disk is full")
    told = world.ticks(20)
    assert [one[:3] for one in told] == [("pager", "", "trigger"), ("pager", "ann", "trigger")]
    assert "The state has refused writes for 1 min 5 s: database or disk is full." in told[0][3]
    assert len(world.ticks(3600 // 5)) == 2  # each hour again
    world.trouble = None
    assert [one[:3] for one in world.ticks(20)] == [("pager", "", "resolve"), ("pager", "ann", "resolve")]
    assert world.ticks(1000) == []


def test_of_a_part_that_has_stopped(world: World) -> None:
    world.pulse.expect("evaluator", 60)
    assert world.ticks(12) == []
    assert "evaluator has not gone round" in world.ticks(3)[0][3]
    world.pulse.beat("evaluator")
    assert world.ticks(20)[0][2] == "resolve"


def test_a_process_that_was_held_up_is_no_distress(world: World) -> None:
    world.pulse.expect("evaluator", 60)
    world.seconds += 500
    assert world.ticks(1) == []
    world.pulse.beat("evaluator")
    assert world.ticks(5) == []


def test_where_nobody_is_reached_it_is_tried_each_minute(world: World) -> None:
    world.trouble, world.reached = Trouble(0, 0, "disk I/O error"), False
    assert world.ticks(2) == []
    assert world.asked == 2
    world.ticks(11)
    assert world.asked == 2
    world.reached = True
    assert len(world.ticks(2)) == 2


def test_the_writer_says_since_when_the_state_refuses_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = open_database(StateUrl.parse("state.db", tmp_path))
    full = sa.exc.OperationalError("insert", {}, Exception("database or disk is full\nand more"))
    now = 100.0
    monkeypatch.setattr("daytwo.store.writer.time", SimpleNamespace(monotonic=lambda: now))

    def fails(connection: sa.Connection) -> None:
        raise full

    with Writer(database) as writer:
        for now in (100.0, 120.0):
            with pytest.raises(sa.exc.OperationalError):
                writer.run(fails)
            writer.run(lambda connection: None)  # it changes nothing, which always succeeds
        found = [writer.trouble]
        now = 151.0
        found.append(writer.trouble)
    assert found == [Trouble(100, 120, "database or disk is full"), None]
    database.close()
