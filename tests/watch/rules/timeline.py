"""Time lines: what happens when, in words, played on real rules, a real state and real numbers.

    10:00 web failed                     an observation of a check: ok, failed, warns, unsure
    10:01 web.duration 2.5               a number of a series
    10:00..10:05 1m web failed           the same every minute, both ends included
    10:02 restart                        the daemon is killed and comes back at once
    10:02 stop, 12:00 start              it is stopped for two hours
    10:02 crash                          it is killed and stays away until `start`
    12:00 jump                           the machine slept, or its clock was set forward
    09:00 back                           its clock was set back
    10:05 reload                         the configuration is read again (see `World.rules`)

Between two lines the daemon judges every fifteen seconds, unless `World.stroke` says otherwise. `World.play` gives what
was told, in words, too.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from daytwo.config.watching import Rule
from daytwo.core.check import Check, Observation, Timing, Verdict
from daytwo.core.units import Duration
from daytwo.store.database import Database
from daytwo.store.tables import checks as checks_table
from daytwo.watch.numbers import Numbers, Point
from daytwo.watch.rules import Book, Evaluator, State, Transition

DAY = datetime(2026, 11, 21, tzinfo=UTC)
TICK = timedelta(seconds=15)
OBSERVED = {
    "ok": Observation.ok(), "failed": Observation.failed("no answer"),
    "warns": Observation.failed("slow", facts={"level": "warning"}), "unsure": Observation.inconclusive("who knows"),
}  # fmt: skip
Event = tuple[datetime, list[str]]


class Probe(Check):
    """A check that only has a name and a rhythm."""

    about = "nothing"

    def __init__(self, name: str, every: float = 60, failures: int = 3) -> None:
        super().__init__(name, name.partition(".")[0], Timing(every=every, failures=failures))

    async def probe(self, around: object) -> Observation:
        raise NotImplementedError


def clock(text: str) -> datetime:
    """`10:00` or `10:00:30` of the day, `+1/10:00` of the next."""
    match = re.fullmatch(r"(?:\+(\d+)/)?(\d+):(\d+)(?::(\d+))?", text)
    assert match is not None, text
    days, hours, minutes, seconds = (int(one or 0) for one in match.groups())
    return DAY + timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def events(script: str) -> Iterator[Event]:
    """The lines of a script, with repeated ones written out."""
    found: list[Event] = []
    for line in filter(None, (line.partition("#")[0].strip() for line in script.splitlines())):
        when, *words = line.split()
        if ".." in when:
            begin, end = map(clock, when.split(".."))
            every = Duration.parse(words.pop(0)).delta
            found += [(begin + n * every, words) for n in range((end - begin) // every + 1)]
        else:
            found.append((clock(when), words))
    setting = any(words == ["back"] for _, words in found)
    yield from found if setting else sorted(found, key=lambda one: one[0])


def told(changes: list[Transition], seconds: bool = False) -> list[str]:
    """Changes in words: `10:03 web firing critical`."""
    lines = []
    for one in changes:
        at = f"{one.at:%H:%M:%S}" if seconds or one.at.second else f"{one.at:%H:%M}"
        level = f" {one.move.level}" if one.move.new is State.FIRING else ""
        cause = f" because of {one.move.because_of}" if one.move.because_of else ""
        subject = "" if one.key.rule == one.key.subject else f" ({one.key.subject})"
        lines.append(f"{at} {one.key.rule}{subject} {one.move.new}{level}{cause}")
    return lines


class World:
    """Rules at work in a state, and a clock."""

    def __init__(
        self,
        database: Database,
        connection: sa.Connection,
        checks: list[str],
        totals: list[str],
        rules: dict[str, Any],
    ) -> None:
        self.connection = connection
        self.numbers = Numbers(database, "shop", "production")
        self.book = Book("shop", "production")
        self.checks = {name: Probe(name) for name in checks}
        self.totals = totals
        self.rules = {name.replace("_", "-"): Rule.model_validate(rule) for name, rule in rules.items()}
        self.told: list[Transition] = []
        self.evaluator: Evaluator | None = None
        self.now = DAY
        self.stroke = TICK

    def play(self, script: str, *, restarts: frozenset[int] = frozenset()) -> list[str]:
        """Play a time line.

        Args:
            script: its lines.
            restarts: after which of its events the daemon is killed and comes back at once.
        """
        before = len(self.told)
        for number, (at, words) in enumerate(events(script)):
            if self.evaluator is None and words[0] not in ("start", "stop"):
                self.start(at)
            self._wait(at, jump=words in (["jump"], ["back"]))
            self._happen(words)
            if number in restarts:
                self.start(at)
        return told(self.told[before:])

    def start(self, at: datetime) -> None:
        self.now = at
        self.evaluator = Evaluator(self.book, self.numbers)
        self.told += self.evaluator.follow(self.connection, self.rules, self.checks, at)

    def judge(self) -> None:
        if self.evaluator is not None:
            self.told += self.evaluator.judge(self.connection, self.now)

    def number(self, name: str, value: float, at: datetime | None = None) -> None:
        point = Point(name, "", name in self.totals, round((at or self.now).timestamp() * 1000), value)
        self.numbers.add(self.connection, [point], max(self.now, at or self.now))

    def state(self, rule: str, subject: str | None = None) -> State:
        """How a rule stands, as it is written down."""
        found = [
            m for k, m in self.book.memories(self.connection).items() if k.rule == rule and subject in (None, k.subject)
        ]
        return found[0].state if found else State.OK

    def _wait(self, until: datetime, jump: bool) -> None:
        while not jump and self.now + self.stroke < until:
            self.now += self.stroke
            self.judge()
        self.now = until

    def _happen(self, words: list[str]) -> None:
        match words:
            case ["restart"]:
                self.start(self.now)
            case ["start"]:
                self.start(self.now)
            case ["stop"]:
                if self.evaluator is not None:
                    self.evaluator.rest(self.connection, self.now)
                self.evaluator = None
            case ["crash"]:
                self.evaluator = None
            case ["jump" | "back"]:
                self.judge()
            case ["reload"]:
                assert self.evaluator is not None
                self.told += self.evaluator.follow(self.connection, self.rules, self.checks, self.now)
            case ["judge"]:
                self.judge()
            case [name, verdict] if verdict in OBSERVED:
                self._observe(name, OBSERVED[verdict])
            case [name, value]:
                self.number(name, float(value))
                self.judge()
            case _:
                raise AssertionError(f"what is {words}?")

    def _observe(self, name: str, observation: Observation) -> None:
        assert self.evaluator is not None, "nobody is there to observe"
        self.told += self.evaluator.observe(self.connection, name, observation, self.now)
        own = {"app": "shop", "environment": "production", "name": name}
        row = self.connection.scalar(sa.select(checks_table.c.failures).filter_by(**own)) or 0
        failures = {Verdict.OK: 0, Verdict.FAILED: row + 1}.get(observation.verdict, row)
        self.connection.execute(sa.delete(checks_table).filter_by(**own))
        values = {"service": name, "verdict": observation.verdict.value, "since": self.now, "at": self.now, "every": 60}
        self.connection.execute(checks_table.insert().values(**own, **values, failures=failures))
        self.judge()
