"""Scores and reports."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daytwo.core.check import Around, Check, Observation, Timing
from daytwo.core.errors import NotFoundError, UsageError
from daytwo.store.database import Database, open_database
from daytwo.store.url import StateUrl
from daytwo.watch.numbers import Numbers, Point
from daytwo.watch.observations import Observations
from daytwo.watch.prober import Answer
from daytwo.watch.reports import score
from daytwo.watch.views import Views, length

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OWN = ("shop", "production")


class Web(Check):
    about = "nothing"

    async def probe(self, around: Around) -> Observation:
        raise AssertionError("nobody asks it here")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(StateUrl.parse("state.db", tmp_path))
    yield opened
    opened.close()


def observe(database: Database, name: str, said: str, seconds: float) -> None:
    """One observation a minute up to noon."""
    check = Web(name, name, Timing(every=60))
    observations, numbers = Observations(database, *OWN), Numbers(database, *OWN)
    begin = NOON - len(said) * MINUTE
    for number, letter in enumerate(said):
        at = begin + number * MINUTE
        seen = Observation.ok({"duration": seconds}) if letter == "o" else Observation.failed("no")
        with database.begin() as connection:
            observations.take(connection, [Answer(check, seen, at)])
            if letter == "o":
                numbers.add(
                    connection, [Point(f"{name}.duration", "s", False, int(at.timestamp() * 1000), seconds)], at
                )


def views(database: Database) -> Views:
    return Views(database, *OWN, lambda: NOON)


@pytest.mark.parametrize(
    ("availability", "p95", "expected"),
    [(1.0, 0.2, 100), (1.0, 1.0, 100), (1.0, 4.0, 50), (1.0, 60.0, 50), (0.5, 0.1, 50), (1.0, 2.5, 75), (0.0, 0.1, 0)],
)
def test_the_formula_of_the_score(availability: float, p95: float, expected: float) -> None:
    assert score(availability, p95) == pytest.approx(expected)


def test_of_what_nobody_knows_there_is_no_score() -> None:
    assert score(None, 1.0) is None
    assert score(1.0, None) is None


def test_performance_names_the_worst_first(database: Database) -> None:
    observe(database, "fast", "oooooooooo", 0.1)
    observe(database, "slow", "oooooxxxxx", 6.0)
    found = views(database).performance("1h")
    assert [one.check for one in found.checks] == ["slow", "fast"]
    assert found.checks[1].score == pytest.approx(100)
    assert found.checks[0].score == pytest.approx(25)
    assert found.overall.score == pytest.approx(62.5)
    assert found.status == "poor"
    assert found.checks[0].p95 == pytest.approx(6.0, rel=0.01)


def test_without_numbers_performance_is_unknown(database: Database) -> None:
    found = views(database).performance("1h")
    assert (found.status, found.overall.score, found.checks) == ("unknown", None, [])


def test_uptimes(database: Database) -> None:
    observe(database, "web", "ooooooooox", 0.1)
    found = views(database).uptimes()["web"]
    assert list(found) == ["24h", "7d", "30d", "90d"]
    assert found["24h"].share == pytest.approx(0.9)
    assert found["24h"].failed == 60
    assert found["24h"].unknown == 86400 - 600


def test_what_is_too_old_to_be_believed_is_unknown(database: Database) -> None:
    observe(database, "web", "oo", 0.1)
    later = Views(database, *OWN, lambda: NOON + timedelta(hours=1))
    assert later.checks()[0].stale
    up = later.uptimes()["web"]["24h"]
    assert up.ok < 300
    assert up.share == 1.0


def test_charts(database: Database) -> None:
    observe(database, "web", "oooooooooo", 0.25)
    found = views(database).chart("web.duration", "1h", 60)
    assert found.count == 10
    assert found.mean == pytest.approx(0.25)
    assert sum(one.count for one in found.chart) == 10
    with pytest.raises(NotFoundError, match="no series nothing"):
        views(database).chart("nothing", "1h", 60)
    with pytest.raises(NotFoundError, match="no check nothing"):
        views(database).check("nothing", "1h")


@pytest.mark.parametrize("text", ["0s", "yesterday", "11y", "-1h", ""])
def test_a_length_that_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="since"):
        length(text)
