"""The part that asks the checks, and writes down what they say."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from daytwo.config import Config
from daytwo.core.check import Check, Measure, Unit, Verdict
from daytwo.core.errors import RefusedError
from daytwo.respond.intake import Taker, nobody
from daytwo.serve.part import Part
from daytwo.serve.pulse import Pulse
from daytwo.serve.site import Site
from daytwo.store.database import said_by
from daytwo.store.writer import Writer
from daytwo.watch.asking import Asker
from daytwo.watch.connectivity import Connectivity
from daytwo.watch.numbers import Numbers, Point
from daytwo.watch.observations import Observations
from daytwo.watch.prober import Answer, Prober
from daytwo.watch.rules import Evaluator, Transition

_log = logging.getLogger(__name__)
_ROUND = 1.0
"""Seconds between two writes: what is observed in between shares a transaction."""
_SOONEST = 0.1
"""Seconds between two writes when a check failed: somebody may be waiting to be told."""
_LAG_EVERY = 60.0
_MOST_KEPT = 100_000
"""Answers that wait while the state cannot be written; the oldest go first."""
OWN = (
    Measure("lag", Unit.SECONDS, "how late the latest probe of the last minute began"),
    Measure("probes", Unit.COUNT, "probes of the last minute"),
    Measure("skipped", Unit.COUNT, "probes of the last minute that were left out, the one before still on its way"),
)
"""What the daemon takes of itself: `daytwo.lag` and so on."""


class Lookout(Part):
    """Asks every check in its rhythm; hands the observations to the state, the numbers and the rules.

    Args:
        pulse: where it shows that it goes round.
        site: the configuration.
        checks: makes the checks of a configuration.
        observations: where verdicts are written down.
        numbers: where numbers are.
        evaluator: judges observations.
        writer: writes to the state.
        clock: the time now.
        taker: makes alerts of what the rules report, in the same transaction.
        told: called when there was something, and it is committed.
    """

    name = "prober"
    limit = 60.0

    def __init__(
        self,
        pulse: Pulse,
        site: Site,
        checks: Callable[[Config], Mapping[str, Check]],
        observations: Observations,
        numbers: Numbers,
        evaluator: Evaluator,
        writer: Writer,
        clock: Callable[[], datetime],
        taker: Taker = nobody,
        told: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(pulse)
        self._site = site
        self._checks = checks
        self._observations = observations
        self._numbers = numbers
        self._evaluator = evaluator
        self._writer = writer
        self._clock = clock
        self._taker = taker
        self._told = told
        self._answers: list[Answer] = []
        self._config: Config | None = None
        self._lag_at = 0.0
        self._prober: Prober | None = None

    async def ask_now(self, name: str) -> Answer:
        """Ask a check at once; see `Prober.ask_now`. To be called in the event loop.

        Raises:
            NotFoundError, BusyError: see there.
            RefusedError: nothing is watched right now.
        """
        if self._prober is None:
            raise RefusedError("nothing is watched right now", hint="`daytwo status` shows the daemon's parts")
        return await self._prober.ask_now(name)

    async def work(self) -> None:
        """Ask, and write once a second."""
        watch = self._site.config.watch
        async with Asker(Connectivity(watch.connectivity)) as asker:
            prober = self._prober = Prober(asker, self._heard, self._clock, watch.concurrency)
            try:
                while not self.stopping.is_set():
                    if self._site.config is not self._config:
                        await self._write(())
                        await self._follow(prober)
                    trouble = await self._write(self._own(prober))
                    self.beat(trouble)
                    await asyncio.sleep(_SOONEST)
                    await self.sleep(_ROUND - _SOONEST)
            finally:
                self._prober = None
                await prober.stop()
                self._config = None
                await self._write(())

    def _heard(self, answer: Answer) -> None:
        self._answers.append(answer)
        if answer.observation.verdict is Verdict.FAILED:
            self.wake()

    async def _follow(self, prober: Prober) -> None:
        """Ask what the configuration has now, and judge by its rules."""
        config, now = self._site.config, self._clock()
        checks = self._checks(config)

        ages: dict[str, float] = {}

        def follow(connection: sa.Connection) -> list[Transition]:
            self._observations.keep(connection, checks, now)
            for name, state in self._observations.all(connection).items():
                checks[name].recall(state.observation)
                ages[name] = (now - state.at).total_seconds()
            found = self._evaluator.follow(connection, config.rules, checks, now)
            self._taker(connection, found, now)
            return found

        self._tell(await asyncio.wrap_future(self._writer.submit(follow)))
        await prober.watch(checks, ages)
        self._answers.clear()  # of checks that may not be there any more
        for said in self._evaluator.unknown():
            _log.warning("%s", said)
        self._config = config

    def _own(self, prober: Prober) -> Sequence[Point]:
        now = asyncio.get_running_loop().time()
        if now - self._lag_at < _LAG_EVERY:
            return ()
        self._lag_at = now
        lag = prober.take_lag()
        at = round(self._clock().timestamp() * 1000)
        values = {"lag": lag.worst, "probes": lag.count, "skipped": lag.skipped}
        return [Point(f"daytwo.{one.name}", one.unit, one.total, at, values[one.name]) for one in OWN]

    async def _write(self, own: Sequence[Point]) -> str:
        """Write what has been observed; what the state does not take is kept for the next time."""
        answers = self._answers[:]
        if not answers and not own:
            return ""
        try:
            transitions = await asyncio.wrap_future(
                self._writer.submit(lambda connection: self._take(connection, answers, own))
            )
        except sa.exc.SQLAlchemyError as error:
            self._observations.forget_memory()
            self._evaluator.forget_memory()
            del self._answers[: max(0, len(self._answers) - _MOST_KEPT)]
            return f"observations wait to be written: {said_by(error)}"
        del self._answers[: len(answers)]
        self._tell(transitions)
        return ""

    def _tell(self, transitions: Sequence[Transition]) -> None:
        for one in transitions:
            _log.warning("%s", one)
        if transitions:
            self._told()

    def _take(self, connection: sa.Connection, answers: Sequence[Answer], own: Sequence[Point]) -> list[Transition]:
        self._observations.take(connection, answers)
        points = [*own]
        for answer in answers:
            points += _points(answer)
        now = self._clock()
        self._numbers.add(connection, points, now)
        observed = [(one.check.name, one.observation, one.at) for one in answers]
        found = self._evaluator.observe_all(connection, observed)
        self._taker(connection, found, now)
        return found


def _points(answer: Answer) -> list[Point]:
    at = round(answer.at.timestamp() * 1000)
    measures = {one.name: one for one in answer.check.measures}
    found = []
    for name, value in answer.observation.numbers.items():
        measure = measures.get(name)
        unit, total = (measure.unit, measure.total) if measure else (Unit.COUNT, False)
        found.append(Point(f"{answer.check.name}.{name}", unit, total, at, value))
    return found
