"""The prober: everybody in time, nobody in the way of another."""

import asyncio
import itertools
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from daytwo.core.check import Around, Check, Observation, Timing
from daytwo.core.errors import BusyError, NotFoundError, RefusedError
from daytwo.watch.asking import Asker
from daytwo.watch.connectivity import Connectivity
from daytwo.watch.prober import Answer, Prober, _first
from tests.watch.running import in_a_loop

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Quick(Check):
    about = "nothing"

    def __init__(self, name: str, every: float = 0.05) -> None:
        super().__init__(name, name, Timing(every=every, timeout=60))
        self.closed = False

    async def probe(self, around: Around) -> Observation:
        return Observation.ok()

    async def close(self) -> None:
        self.closed = True


class Held(Quick):
    """Answers when it is let go."""

    def __init__(self, name: str, every: float = 0.05) -> None:
        super().__init__(name, every)
        self.let_go, self.asked = asyncio.Event(), asyncio.Event()
        self.at_once = self.most = 0

    async def probe(self, around: Around) -> Observation:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        self.asked.set()
        try:
            await self.let_go.wait()
        finally:
            self.at_once -= 1
        return Observation.ok()


class Watching:
    """A prober at work, and what it was told."""

    def __init__(self, asker: Asker, concurrency: int = 500) -> None:
        self.answers: list[Answer] = []
        self._news = asyncio.Event()
        self.prober = Prober(asker, self._take, lambda: NOON, concurrency)

    def _take(self, answer: Answer) -> None:
        self.answers.append(answer)
        self._news.set()

    def count(self, name: str) -> int:
        return sum(one.check.name == name for one in self.answers)

    async def until(self, what: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not what():
                self._news.clear()
                await self._news.wait()


@in_a_loop
async def test_a_hanging_check_harms_no_other() -> None:
    async with Asker(Connectivity(())) as asker:
        at_work = Watching(asker)
        hanging = [Held(f"held{number}") for number in range(50)]
        checks: dict[str, Check] = {one.name: one for one in hanging} | {"quick": Quick("quick")}
        await at_work.prober.watch(checks)
        await at_work.until(lambda: at_work.count("quick") >= 5)
        assert at_work.prober.on_their_way >= 1
        assert max(one.most for one in hanging) == 1, "the next one waits for the one before"
        lag = at_work.prober.take_lag()
        assert lag.skipped > 0
        assert lag.count >= 5
        await at_work.prober.stop()
        assert at_work.prober.on_their_way == 0
        assert all(one.at_once == 0 for one in hanging)
        assert all(one.closed for one in hanging)


@in_a_loop
async def test_f23_no_more_than_the_limit_and_whoever_waits_comes_next() -> None:
    async with Asker(Connectivity(())) as asker:
        at_work = Watching(asker, concurrency=3)
        held = [Held(f"held{number}") for number in range(9)]
        await at_work.prober.watch({one.name: one for one in held})
        async with asyncio.timeout(30):
            while sum(one.at_once for one in held) < 3:
                await asyncio.sleep(0.01)
        assert at_work.prober.on_their_way == 3
        for one in held:
            one.let_go.set()
        await at_work.until(lambda: all(at_work.count(one.name) for one in held))
        assert at_work.prober.take_lag().worst > 0
        await at_work.prober.stop()


@in_a_loop
async def test_a_change_of_checks_takes_effect_at_once() -> None:
    async with Asker(Connectivity(())) as asker:
        at_work = Watching(asker)
        await at_work.prober.watch({"a": Quick("a")})
        await at_work.until(lambda: at_work.count("a") > 0)
        held = Held("held")
        await at_work.prober.watch({"held": held})
        so_far = at_work.count("a")
        asked = asyncio.create_task(at_work.prober.ask_now("held"))
        await held.asked.wait()
        with pytest.raises(BusyError):
            await at_work.prober.ask_now("held")
        await at_work.prober.watch({"b": Quick("b")})
        with pytest.raises(RefusedError, match="the configuration changed"):
            await asked
        assert held.closed
        assert held.at_once == 0
        await at_work.until(lambda: at_work.count("b") > 3)
        assert at_work.count("a") == so_far
        await at_work.prober.stop()


@in_a_loop
async def test_asked_now() -> None:
    async with Asker(Connectivity(())) as asker:
        at_work = Watching(asker)
        await at_work.prober.watch({"rare": Quick("rare", every=86400)})
        answer = await at_work.prober.ask_now("rare")
        assert at_work.answers == [answer]
        with pytest.raises(NotFoundError):
            await at_work.prober.ask_now("nobody")
        await at_work.prober.stop()


def test_what_was_never_asked_comes_soon_and_spread() -> None:
    first = sorted(_first(Quick(f"check{number}", every=60), None) for number in range(1000))
    assert first[0] >= 0
    assert first[-1] < 10
    assert max(b - a for a, b in itertools.pairwise(first)) < 0.5
    assert _first(Quick("rare", every=86400), None) < 10
    assert _first(Quick("often", every=0.5), None) < 0.5


def test_a_restart_keeps_the_rhythm() -> None:
    assert _first(Quick("rare", every=86400), 86000) == 400
    assert _first(Quick("rare", every=86400), 90000) < 10, "it is overdue"
    assert _first(Quick("rare", every=86400), -5) < 10, "the clock was set back"
