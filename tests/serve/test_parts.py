"""Parts and their pulse."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daytwo.serve import part as parts
from daytwo.serve.heart import Heart
from daytwo.serve.keeper import Keeper
from daytwo.serve.part import Part
from daytwo.serve.pulse import Pulse
from daytwo.serve.site import Site


class Clock:
    def __init__(self) -> None:
        self.now: float = 0

    def __call__(self) -> float:
        return self.now


class Flaky(Part):
    name = "flaky"

    def __init__(self, pulse: Pulse, failures: int) -> None:
        super().__init__(pulse)
        self.failures = failures
        self.rounds = 0

    async def work(self) -> None:
        while not self.stopping.is_set():
            self.rounds += 1
            if self.rounds <= self.failures:
                raise OSError("no luck")
            self.beat()
            await self.sleep(60)


def test_a_part_that_stops_going_round_is_stale() -> None:
    clock = Clock()
    pulse = Pulse(clock)
    pulse.expect("scheduler", 90)
    clock.now = 89
    assert not pulse.stale
    clock.now = 91
    assert [one.part for one in pulse.stale] == ["scheduler"]
    pulse.beat("scheduler", "the disk is full")
    assert not pulse.stale
    assert pulse.beats()[0].trouble == "the disk is full"
    pulse.forget("scheduler")
    assert pulse.beats() == ()


def test_a_part_that_fails_is_begun_again_and_shows_its_trouble(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(parts, "_PAUSE", 0.01)
    pulse = Pulse()

    async def scene() -> None:
        part = Flaky(pulse, failures=2)
        task = asyncio.create_task(part.run())
        while part.rounds < 3:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0)
        assert pulse.beats()[0].trouble == ""
        part.stop()
        await task

    asyncio.run(scene())
    assert "no luck" in caplog.text
    assert pulse.beats() == ()


def test_f30_the_heart_is_silent_while_any_part_is_stale() -> None:
    clock = Clock()
    pulse = Pulse(clock)
    pings: list[int] = []

    def ping() -> str:
        pings.append(1)
        return ""

    heart = Heart(pulse, lambda: 0.0, ping)
    pulse.expect("scheduler", 90)
    pulse.expect("workers", 90)
    asyncio.run(heart.speak())
    assert pings == [1]
    clock.now = 100
    pulse.beat("workers")
    asyncio.run(heart.speak())
    assert pings == [1], "one part alone has stopped: nothing may be heard"
    pulse.beat("scheduler")
    asyncio.run(heart.speak())
    assert pings == [1, 1]


def test_the_heart_tells_what_is_wrong_with_its_own_ping() -> None:
    assert asyncio.run(Heart(Pulse(), lambda: 0.0, lambda: "no answer").speak()) == "no answer"


class AuditStandIn:
    """Only counts: the pruning itself has tests of its own."""

    def __init__(self) -> None:
        self.pruned: list[datetime] = []

    def prune(self, now: datetime, records: object) -> tuple[object, ...]:
        self.pruned.append(now)
        return ()


def test_the_keeper_prunes_once_a_day_whatever_is_done_to_the_clock(tmp_path: Path) -> None:
    (tmp_path / "daytwo.yaml").write_text("app: shop\ntimezone: UTC\nservices: {up: {kind: files, path: up}}\n")
    now = [datetime(2026, 11, 21, tzinfo=UTC)]
    audit = AuditStandIn()
    keeper = Keeper(Pulse(), Site(tmp_path / "daytwo.yaml"), audit, lambda: now[0])  # type: ignore[arg-type]

    def after(**span: int) -> bool:
        now[0] += timedelta(**span)
        return asyncio.run(keeper.tick())

    assert [after(), after(hours=23), after(hours=1), after(days=365)] == [True, False, True, True]
    assert [after(days=-365), after(hours=1)] == [True, False], "a clock set back does not stop it for a year"
