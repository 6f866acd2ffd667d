"""Looking through a million export records: p50 and p95 of every sort of query, with random parameters.

The records come through the real insert path, with their audit events, sums and search index, in big transactions.
Each query is one call of the register, as the API and the command line make it: counts, query, and records made of the
rows. What is wanted is a p95 under 20 ms.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from daytwo.core.records import DataClass
from daytwo.core.units import Size
from daytwo.ledger.audit import Audit, Event
from daytwo.ledger.exports import By, ExportFilter, Exports, Status, Submission
from daytwo.store.database import Database, open_database
from daytwo.store.url import StateUrl

WANTED = 20.0
"""Milliseconds."""
_BATCH = 5000
_BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
_YEARS = 2 * 365 * 86400
_FIRST = (
    "anna", "ben", "carla", "david", "emma", "felix", "greta", "henry", "ida", "jonas", "karla", "leo", "mia", "noah",
    "olga", "paul", "rosa", "sven", "tina", "uwe",
)  # fmt: skip
_LAST = (
    "miller", "smith", "jones", "garcia", "brown", "wilson", "moore", "taylor", "lee", "clark", "lewis", "walker",
    "hall", "young", "king",
)  # fmt: skip
_NOUNS = (
    "orders", "customers", "invoices", "leads", "payments", "visits", "tickets", "stock", "salaries", "contracts",
)  # fmt: skip
_KINDS = ("monthly", "weekly", "full", "open", "late", "new", "archived")
_PLACES = ("acme", "globex", "initech", "umbrella", "stark", "wayne", "hooli", "vandelay", "wonka", "cyberdyne")
_REASONS = (
    "audit", "tax", "handover", "campaign", "review", "migration", "request", "support", "legal", "analysis",
    "forecast", "backup",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One sort of query, in milliseconds: the wall clock's middle, 95th percentile and slowest call, and the processor
    time's 95th percentile, which tells on a busy machine what the query itself took."""

    name: str
    p50: float
    p95: float
    worst: float
    cpu: float


class World:
    """Where random records and random questions come from; some people export far more than others.

    Args:
        seed: the same one gives the same world.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.people = [f"{first}.{last}@example.com" for first in _FIRST for last in _LAST]
        self.data = [f"{kind} {noun}" for kind in _KINDS for noun in _NOUNS]
        self.places = [f"sftp://{place}.example/in/{n:02}" for place in _PLACES for n in range(15)]

    def pick(self, names: Sequence[str]) -> str:
        """One of them: the first ones far more often than the last."""
        return names[int(len(names) * self.random.random() ** 2.5)]

    def submission(self) -> Submission:
        """A record to hand in."""
        chance = self.random
        return Submission.model_construct(
            who=self.pick(self.people),
            what=self.pick(self.data),
            rows=chance.randrange(100_000),
            destination=self.pick(self.places),
            bytes=chance.randrange(10_000_000),
            format=chance.choice(("csv", "xlsx", "json")),
            sha256=f"{chance.getrandbits(256):064x}",
            data_class=chance.choices(tuple(DataClass), (10, 70, 18, 2))[0],
            status=chance.choices(tuple(Status), (4, 94, 2))[0],
            note=f"{chance.choice(_REASONS)} {chance.choice(_REASONS)} case {chance.randrange(200_000):06}",
            key=None,
        )

    def word(self) -> str:
        """Something to search for: rare, frequent, part of a word, two words."""
        chance = self.random
        return chance.choice(
            (
                f"{chance.randrange(200_000):06}",
                chance.choice(_LAST),
                chance.choice(_REASONS),
                chance.choice(_NOUNS)[1:5],
                f"{chance.choice(_FIRST)}.{chance.choice(_LAST)}",
                f"{chance.choice(_REASONS)} {chance.choice(_PLACES)}",
            )
        )

    def span(self) -> tuple[datetime, datetime]:
        """A day, a month or a year."""
        since = _BEGIN + timedelta(seconds=self.random.randrange(_YEARS))
        return since, since + timedelta(days=self.random.choice((1, 30, 365)))

    def days(self) -> tuple[date, date]:
        """The same as days."""
        since, until = self.span()
        return since.date(), until.date()


def fill(database: Database, register: Exports, world: World, count: int) -> float:
    """Add records until there are so many.

    Returns:
        Records a second.
    """
    begin, step = time.monotonic(), timedelta(seconds=_YEARS / count)
    for start in range(0, count, _BATCH):
        given = [world.submission() for _ in range(min(_BATCH, count - start))]
        with database.begin() as connection:
            register.add_all(connection, given, Event("", actor="bench", via="cli"), _BEGIN + start * step)
        if start % 100_000 == 0:
            print(f"{start:>9,} records after {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
    return count / (time.monotonic() - begin)


def questions(register: Exports, world: World) -> Iterator[tuple[str, Callable[[], object]]]:
    """Every sort of query, as something that asks it once with new random parameters."""

    def single(name: str) -> object:
        return {
            "who": lambda: world.pick(world.people),
            "what": lambda: world.pick(world.data),
            "destination": lambda: world.pick(world.places),
            "data_class": lambda: world.random.choice(tuple(DataClass)),
            "status": lambda: world.random.choice(tuple(Status)),
            "text": world.word,
        }[name]()

    def ask(*names: str, span: bool = False) -> Callable[[], object]:
        def call() -> object:
            since, until = world.span() if span else (None, None)
            values = {name: single(name) for name in names}
            return register.page(ExportFilter(since=since, until=until, **values), 50)  # type: ignore[arg-type]

        return call

    yield "list, newest page", ask()
    yield "list, a page deep inside", lambda: register.page(ExportFilter(), 50, str(world.random.randrange(1, 900_000)))
    names = ("who", "what", "destination", "data_class", "status")
    for name in names:
        yield f"filter {name}", ask(name)
    yield "filter since, until", ask(span=True)
    for place, name in enumerate(names):
        for other in names[place + 1 :]:
            yield f"filter {name}, {other}", ask(name, other)
    yield "filter who, class, status", ask("who", "data_class", "status")
    yield "filter who, what, destination", ask("who", "what", "destination")
    yield "filter all five", ask(*names)
    yield "filter who, since, until", ask("who", span=True)
    yield "filter all five, since, until", ask(*names, span=True)
    yield "search", ask("text")
    for name in names:
        yield f"search, filter {name}", ask("text", name)
    yield "search, since, until", ask("text", span=True)
    yield "search, filter who, what, status", ask("text", "who", "what", "status")
    for by in By:
        yield f"report by {by}", lambda by=by: register.report(by)  # type: ignore[misc]
        yield f"report by {by}, since, until", lambda by=by: register.report(by, *world.days())  # type: ignore[misc]


def measured(name: str, ask: Callable[[], object], rounds: int) -> Line:
    """Ask many times."""
    wall, cpu = [], []
    for _ in range(rounds):
        begin, used = time.perf_counter(), time.process_time()
        ask()
        wall.append((time.perf_counter() - begin) * 1000)
        cpu.append((time.process_time() - used) * 1000)
    wall.sort()
    cpu.sort()
    late = int(rounds * 0.95)
    return Line(name, wall[rounds // 2], wall[late], wall[-1], cpu[late])


def inserts(database: Database, register: Exports, world: World, rounds: int) -> Line:
    """Single records, each acknowledged after its own commit."""

    def add() -> None:
        with database.begin() as connection:
            register.add(connection, world.submission(), actor="bench", via="cli")

    return measured("insert, acknowledged after commit", add, rounds)


def main(argv: Sequence[str] | None = None) -> int:
    """Fill, ask, print.

    Returns:
        0, or 1 when a query is slower than wanted.
    """
    options = _options(argv)
    folder = Path(tempfile.mkdtemp(prefix="bench-exports-", dir=options.folder))
    try:
        return _run(options.state or folder / "state.db", options)
    finally:
        shutil.rmtree(folder)


def _run(file: Path, options: argparse.Namespace) -> int:
    database = open_database(StateUrl(f"sqlite:///{file}"))
    audit = Audit(database, "shop", "production", lambda: datetime.now(UTC))
    register, world = Exports(database, audit, "shop", "production", lambda: datetime.now(UTC)), World(options.seed)
    if not register.page(ExportFilter(), 1)[0]:
        print(f"{options.records:,} records at {fill(database, register, world, options.records):,.0f} a second")
    print(f"state: {Size(file.stat().st_size).human}")
    lines = [measured(name, ask, options.rounds) for name, ask in questions(register, world)]
    added = inserts(database, register, world, options.rounds)
    print(f"\n{'query':<36}{'p50 ms':>9}{'p95 ms':>9}{'worst ms':>10}{'p95 CPU':>9}")
    for line in [*lines, added]:
        late = "  behind" if line is not added and line.p95 >= WANTED else ""
        print(f"{line.name:<36}{line.p50:>9.2f}{line.p95:>9.2f}{line.worst:>10.2f}{line.cpu:>9.2f}{late}")
    if options.verify:
        begin = time.monotonic()
        verdict = audit.verify()
        print(f"\naudit verify: {verdict.events:,} events in {time.monotonic() - begin:.0f} s, whole: {verdict.whole}")
    database.close()
    return 1 if any(line.p95 >= WANTED for line in lines) else 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.exports", description="Ask a million export records.")
    parser.add_argument("--records", type=int, default=1_000_000, help="how many (1000000)")
    parser.add_argument("--rounds", type=int, default=200, help="how often every query is asked (200)")
    parser.add_argument("--folder", type=Path, help="where to make the temporary folder")
    parser.add_argument("--state", type=Path, help="a SQLite file to use, and to keep; filled when it is empty")
    parser.add_argument("--seed", type=int, default=1, help="of the random records and questions (1)")
    parser.add_argument("--verify", action="store_true", help="verify the audit trail at the end, too")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
