"""Asking once: whatever a check does, an observation comes of it."""

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from daytwo.core.check import Around, Check, Observation, ProgramCheck, Timing, Verdict
from daytwo.core.command import Command
from daytwo.core.errors import CommandError, DaytwoError, MissingToolError, SecretError, UnreachableError
from daytwo.core.process import capture
from daytwo.core.run import Run
from daytwo.core.target import LOCAL
from daytwo.watch.asking import Asker
from daytwo.watch.connectivity import Connectivity


class Says(Check):
    """A check that is told what to answer."""

    about = "what it is told"

    def __init__(self, *answers: Observation | Exception, timing: Timing = Timing(timeout=5), outside: bool = False):
        super().__init__("one", "one", timing)
        self.outside = outside
        self.answers = list(answers)
        self.asked = 0

    async def probe(self, around: Around) -> Observation:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Hangs(Check):
    about = "for ever"
    ended = False

    async def probe(self, around: Around) -> Observation:
        try:
            await asyncio.Event().wait()
        finally:
            self.ended = True
        raise AssertionError


class Looks(ProgramCheck):
    about = "a program"

    def __init__(self, look: Callable[[Run], Observation], timing: Timing = Timing(timeout=5)) -> None:
        super().__init__("program", "program", timing)
        self._look = look

    def look(self, run: Run) -> Observation:
        return self._look(run)


def ask(check: Check, places: tuple[str, ...] = ()) -> Observation:
    async def once() -> Observation:
        async with Asker(Connectivity(places)) as asker:
            return await asker.ask(check)

    return asyncio.run(once())


FAILED = Observation.failed("no")
OK = Observation.ok({"duration": 1.0})


def test_an_answer_is_passed_on() -> None:
    assert ask(Says(OK)) is OK


def test_what_failed_is_asked_again_as_often_as_it_is_told() -> None:
    patient = Says(FAILED, FAILED, OK, timing=Timing(retries=3))
    assert ask(patient) is OK
    assert patient.asked == 3
    stubborn = Says(FAILED, timing=Timing(retries=3))
    assert ask(stubborn) is FAILED
    assert stubborn.asked == 4
    unsure = Says(Observation.inconclusive("no tool"), timing=Timing(retries=3))
    assert ask(unsure).verdict is Verdict.INCONCLUSIVE
    assert unsure.asked == 1


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (UnreachableError("it does not answer"), Verdict.FAILED),
        (CommandError("psql ended with 2"), Verdict.FAILED),
        (MissingToolError("psql is not installed"), Verdict.INCONCLUSIVE),
        (SecretError("the variable X is not set"), Verdict.INCONCLUSIVE),
    ],
)
def test_errors_of_ours_are_no_failures_of_the_service(error: DaytwoError, verdict: Verdict) -> None:
    seen = ask(Says(error))
    assert seen.verdict is verdict
    assert error.what in seen.why


def test_a_mistake_in_a_check_is_inconclusive(caplog: pytest.LogCaptureFixture) -> None:
    seen = ask(Says(ZeroDivisionError("division by zero")))
    assert seen.verdict is Verdict.INCONCLUSIVE
    assert "ZeroDivisionError" in seen.why
    assert "mistake of its own" in caplog.text


def test_a_check_that_hangs_is_ended_at_its_deadline() -> None:
    check = Hangs("hangs", "hangs", Timing(timeout=0.05))
    assert ask(check).why == "no answer within 50ms"
    assert check.ended


def test_a_program_that_hangs_is_ended_at_its_deadline() -> None:
    def look(run: Run) -> Observation:
        capture(LOCAL, Command(("sleep", "60")), run)
        raise AssertionError

    begun = time.monotonic()
    seen = ask(Looks(look, Timing(timeout=0.3)))
    assert seen.why == "no answer within 300ms"
    assert seen.verdict is Verdict.FAILED
    assert time.monotonic() - begun < 20


def test_programs_that_hang_are_no_failure_of_one_that_has_to_wait_for_them() -> None:
    """More of them than are asked at once, as when a host that many checks go to is gone."""
    over = threading.Event()

    def hang(run: Run) -> Observation:
        assert over.wait(30)
        return FAILED

    def quick(run: Run) -> Observation:
        run.check()
        return OK

    async def all_at_once() -> Observation:
        async with Asker(Connectivity(())) as asker:
            others = [asyncio.create_task(asker.ask(Looks(hang))) for _ in range(40)]
            await asyncio.sleep(0)
            waiting = asyncio.create_task(asker.ask(Looks(quick, Timing(timeout=0.2))))
            await asyncio.sleep(0.5)
            over.set()
            await asyncio.gather(*others)
            return await waiting

    assert asyncio.run(all_at_once()) is OK


def test_who_no_longer_waits_ends_the_program() -> None:
    begun, ended = threading.Event(), threading.Event()

    def look(run: Run) -> Observation:
        begun.set()
        try:
            capture(LOCAL, Command(("sleep", "60")), run)
        finally:
            ended.set()
        raise AssertionError

    async def leave() -> None:
        async with Asker(Connectivity(())) as asker:
            asking = asyncio.create_task(asker.ask(Looks(look, Timing(timeout=60))))
            await asyncio.to_thread(begun.wait, 20)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking

    asyncio.run(leave())
    assert ended.is_set(), "leaving the asker waits for its threads"


async def _closed_port() -> str:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    place = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    await server.wait_closed()
    return place


def test_f29_our_own_line_is_down() -> None:
    nowhere = asyncio.run(_closed_port())
    seen = ask(Says(FAILED, outside=True), (nowhere,))
    assert seen.verdict is Verdict.INCONCLUSIVE
    assert seen.why == f"our own line is down: no answer from {nowhere}. The check said: no"
    assert ask(Says(FAILED), (nowhere,)) is FAILED, "what is near needs no line"
    assert ask(Says(OK, outside=True), (nowhere,)) is OK, "an answer is an answer"


def test_f29_our_line_works_when_one_place_answers() -> None:
    async def both() -> Observation:
        nowhere = await _closed_port()
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        place = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server, Asker(Connectivity((nowhere, place))) as asker:
            return await asker.ask(Says(FAILED, outside=True))

    assert asyncio.run(both()) is FAILED
