"""What every check must do, as one suite: a kind's test is a `CheckCase` and a subclass of this contract.

    class PostgresCase(CheckCase):
        def good(self): return [service_of_a_running_server]
        def broken(self): return [service_with_a_wrong_password]
        ...

    class TestPostgresChecks(CheckContract):
        @pytest.fixture
        def case(self, postgres18): return PostgresCase(postgres18)

A state is a list of services as a user would configure them; all checks of each are asked. The case's fixture makes
the states and takes them away. An empty list skips the test of a state that a kind cannot be in.
"""

import asyncio
import math
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from secrets import token_hex

import pytest

from daytwo.core.check import Around, Check, Observation, ProgramCheck, Shared, Verdict, observed
from daytwo.core.command import TAG
from daytwo.core.errors import CancelledError, DaytwoError
from daytwo.core.run import Run
from daytwo.core.service import AnyService

LIMIT = 1.0
"""Seconds that a probe is given in the slow state, whatever its timing says."""
GRACE = 3.0
"""Seconds within which everything has gone that a probe had opened; much, since the machine may be busy."""
LONGEST = 500
"""Characters of a reason or a fact: it is stored with each change of state."""
HUNG = "no answer within its time"


class CheckCase(ABC):
    """Real services in the states that a check can meet them in."""

    @abstractmethod
    def good(self) -> Sequence[AnyService]:
        """They do what they should: every check of theirs is ok."""

    @abstractmethod
    def broken(self) -> Sequence[AnyService]:
        """They are there and do not do what they should: a wrong password, an answer that is none."""

    @abstractmethod
    def absent(self) -> Sequence[AnyService]:
        """Nobody is there: a port without a server, a container that is not running, a file that is gone."""

    @abstractmethod
    def slow(self) -> Sequence[AnyService]:
        """They take what they are sent and never answer. Empty where that cannot be."""

    def our_fault(self) -> Sequence[AnyService]:
        """Nothing is known of them, since something of ours is wrong: a missing tool, an unknown secret."""
        return ()

    def fails(self, check: Check) -> bool:
        """Whether this check fails in the broken, absent and slow state, where a service has several checks."""
        return True

    sometimes: frozenset[str] = frozenset()
    """Measures that are not taken of every good service."""
    secrets: tuple[str, ...] = ()
    """Values that must never show in a reason or a fact."""


class CheckContract:
    """Subclass in a test module and give a fixture `case` that yields a `CheckCase`."""

    def test_good_is_ok_with_every_measure(self, case: CheckCase, tmp_path: Path) -> None:
        for service in _some(case.good()):
            checks = service.checks()
            assert checks, "a kind that is watched has checks"
            assert checks[0].name == service.name
            assert len({check.name for check in checks}) == len(checks)
            for check in checks:
                observation = ask(check, tmp_path)
                assert observation.verdict is Verdict.OK, f"{check.name}: {observation}"
                assert observation.why == ""
                declared = {measure.name for measure in check.measures}
                assert declared - case.sometimes <= set(observation.numbers) <= declared, check.name
                _told_well(case, observation)

    def test_broken_is_a_failure_with_its_reason(self, case: CheckCase, tmp_path: Path) -> None:
        self._fails(case, case.broken(), tmp_path)

    def test_absent_is_a_failure_with_its_reason(self, case: CheckCase, tmp_path: Path) -> None:
        self._fails(case, case.absent(), tmp_path)

    @staticmethod
    def _fails(case: CheckCase, state: Sequence[AnyService], work: Path) -> None:
        for service in _some(state):
            checks = [check for check in service.checks() if case.fails(check)]
            assert checks
            for check in checks:
                observation = ask(check, work)
                assert observation.verdict is Verdict.FAILED, f"{check.name}: {observation}"
                assert observation.why
                _told_well(case, observation)

    def test_what_is_our_fault_is_inconclusive(self, case: CheckCase, tmp_path: Path) -> None:
        for service in _some(case.our_fault()):
            for check in service.checks():
                observation = ask(check, tmp_path)
                assert observation.verdict is Verdict.INCONCLUSIVE, f"{check.name}: {observation}"
                assert observation.why
                _told_well(case, observation)

    @pytest.mark.slow
    def test_slow_ends_in_time_and_holds_up_nobody(self, case: CheckCase, tmp_path: Path) -> None:
        for service in _some(case.slow()):
            for check in filter(case.fails, service.checks()):
                begun = time.monotonic()
                observation, gap = ask_beside_a_clock(check, tmp_path)
                assert observation.verdict is Verdict.FAILED, f"{check.name}: {observation}"
                assert time.monotonic() - begun < LIMIT + GRACE, check.name
                assert gap < LIMIT, f"{check.name} held up the event loop for {gap:.2f} s"
                _told_well(case, observation)

    def test_cancelled_it_leaves_nothing(self, case: CheckCase, tmp_path: Path) -> None:
        for service in _some(case.slow() or case.good()):
            for check in service.checks():
                for passes in (0, 1, 2, 5, 20, None):
                    cancel(check, tmp_path, passes)


def ask(check: Check, work: Path, seconds: float | None = None) -> Observation:
    """One observation, as the daemon would have it; afterwards nothing is open any more."""
    return asyncio.run(_alone(check, work, lambda around: _ask(check, around), seconds))


def ask_beside_a_clock(check: Check, work: Path) -> tuple[Observation, float]:
    """One observation within `LIMIT`, and the longest time for which nothing else could go on beside it."""
    worst = 0.0

    async def beside(around: Around) -> Observation:
        nonlocal worst
        asked = asyncio.create_task(_ask(check, around))
        last = time.monotonic()
        while not asked.done():
            await asyncio.wait({asked}, timeout=0.01)
            worst, last = max(worst, time.monotonic() - last), time.monotonic()
        return asked.result()

    return asyncio.run(_alone(check, work, beside, LIMIT)), worst


def cancel(check: Check, work: Path, passes: int | None) -> None:
    """Begin to ask, and cancel after so many passes of the event loop, or when nothing moves for a while."""

    async def begin_and_end(around: Around) -> Observation:
        asked = asyncio.create_task(_ask(check, around))
        if passes is None:
            await asyncio.wait({asked}, timeout=0.2)
        for _ in range(passes or 0):
            await asyncio.sleep(0)
        asked.cancel()
        await asyncio.wait({asked}, timeout=GRACE)
        assert asked.done(), f"{check.name} does not end when it is cancelled"
        return Observation.ok() if asked.cancelled() else asked.result()

    asyncio.run(_alone(check, work, begin_and_end, None))


async def _alone(
    check: Check, work: Path, act: Callable[[Around], Awaitable[Observation]], seconds: float | None
) -> Observation:
    """Act with a check that nobody else uses, then see that it leaves no task, socket, process or thread of a look."""
    tasks, sockets = len(asyncio.all_tasks()), _sockets()
    shared = Shared()
    limit = min(check.timing.timeout, seconds or math.inf)
    check.timing = replace(check.timing, timeout=limit)
    observation = await act(Around(time.monotonic() + limit, shared, work))
    await check.close()
    await shared.close()
    end = time.monotonic() + GRACE
    while time.monotonic() < end:
        left = _left(tasks, sockets)
        if not left:
            return observation
        await asyncio.sleep(0.01)
    raise AssertionError(f"{check.name} leaves behind: {left}")


def _left(tasks: int, sockets: frozenset[str]) -> list[str]:
    more = asyncio.all_tasks()
    return [
        *([repr(task) for task in more] if len(more) > tasks else []),
        *sorted(_sockets() - sockets),
        *(thread.name for thread in threading.enumerate() if thread.name.startswith(_LOOKING)),
        *_children(),
    ]


_LOOKING = "a check looks"
_RUN = f"check-{token_hex(6)}"


async def _ask(check: Check, around: Around) -> Observation:
    """What the daemon does: end a probe when its time is up, and see an observation in every error that may be."""
    try:
        if isinstance(check, ProgramCheck):
            return await _look(check, around)
        async with asyncio.timeout(around.remaining()):
            return await check.probe(around)
    except TimeoutError:
        return Observation.failed(HUNG)
    except DaytwoError as error:
        return observed(error)


async def _look(check: ProgramCheck, around: Around) -> Observation:
    run = Run(_RUN, around.work, timeout=around.remaining())
    done: asyncio.Future[Observation] = asyncio.get_running_loop().create_future()
    loop = asyncio.get_running_loop()

    def settle(found: Observation | BaseException) -> None:
        if done.done():
            return
        done.set_exception(found) if isinstance(found, BaseException) else done.set_result(found)

    def look() -> None:
        try:
            found: Observation | BaseException = check.look(run)
        except CancelledError as error:
            found = TimeoutError() if run.remaining() == 0 else error
        except BaseException as error:
            found = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, found)

    threading.Thread(target=look, name=f"{_LOOKING}: {check.name}", daemon=True).start()
    try:
        return await done
    except asyncio.CancelledError:
        run.cancel("nobody waits for it any more")
        raise


def _told_well(case: CheckCase, observation: Observation) -> None:
    for name, value in observation.numbers.items():
        assert math.isfinite(value), name
    for text in (observation.why, *observation.facts.values()):
        assert text.isprintable(), f"not a line of text: {text!r}"
        assert len(text) <= LONGEST, f"{len(text)} characters: {text[:80]}..."
        for secret in case.secrets:
            assert secret not in text


def _some(state: Sequence[AnyService]) -> Sequence[AnyService]:
    if not state:
        pytest.skip("this kind has no such state")
    return state


def _sockets() -> frozenset[str]:
    """The sockets this process has open."""
    return frozenset(target for target in _descriptors() if target.startswith("socket:"))


def _descriptors() -> Iterator[str]:
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            yield str(descriptor.readlink())
        except FileNotFoundError:
            continue


def _children() -> list[str]:
    """Programs of the check's run that are still there."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if f"{TAG}={_RUN}".encode() in (process / "environ").read_bytes():
                    found.append(f"process {process.name}")
            except OSError:
                continue
    return found
