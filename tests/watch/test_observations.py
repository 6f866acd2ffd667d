"""What is written down of observations, and the uptime that comes of it."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from daytwo.core.check import Around, Check, Observation, Timing, Verdict
from daytwo.store.database import Database, open_database
from daytwo.store.url import StateUrl
from daytwo.watch.observations import NOBODY, Observations, Stretch
from daytwo.watch.prober import Answer
from daytwo.watch.uptime import Hours, uptime

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Web(Check):
    about = "nothing"

    async def probe(self, around: Around) -> Observation:
        raise AssertionError("nobody asks it here")


WEB = Web("web", "web", Timing(every=60))
SAID = {
    "o": Observation.ok({"duration": 0.1}, {"status": "200"}),
    "x": Observation.failed("HTTP 503"),
    "?": Observation.inconclusive("no tool"),
}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(StateUrl.parse("state.db", tmp_path))
    yield opened
    opened.close()


def take(book: Observations, database: Database, said: str, begin: datetime = NOON) -> None:
    """One observation a minute; a blank is a minute without."""
    for number, letter in enumerate(said):
        if letter != " ":
            with database.begin() as connection:
                book.take(connection, [Answer(WEB, SAID[letter], begin + number * MINUTE)])


def verdicts(book: Observations, database: Database, until: int = 1000) -> list[tuple[int, str, str]]:
    with database.read() as connection:
        found = book.stretches(connection, "web", NOON, NOON + until * MINUTE)
    return [(int((one.begin - NOON) / MINUTE), one.verdict.value, one.why) for one in found]


def test_only_changes_are_rows(database: Database) -> None:
    book = Observations(database, "shop", "production")
    take(book, database, "oooxxo")
    assert verdicts(book, database) == [(0, "ok", ""), (3, "failed", "HTTP 503"), (5, "ok", "")]
    with database.read() as connection:
        state = book.all(connection)["web"]
    assert (state.verdict, state.failures, state.since, state.at) == (
        Verdict.OK,
        0,
        NOON + 5 * MINUTE,
        NOON + 5 * MINUTE,
    )
    assert state.numbers == {"duration": 0.1}
    assert state.facts == {"status": "200"}


def test_failures_in_a_row_survive_a_restart_and_what_is_inconclusive(database: Database) -> None:
    take(Observations(database, "shop", "production"), database, "oxx?")
    again = Observations(database, "shop", "production")
    take(again, database, "x", NOON + 4 * MINUTE)
    with database.read() as connection:
        assert again.all(connection)["web"].failures == 3


def test_a_time_in_which_nobody_looked_is_no_outage_and_no_uptime(database: Database) -> None:
    take(Observations(database, "shop", "production"), database, "oo")
    again = Observations(database, "shop", "production")
    take(again, database, "oo", NOON + 120 * MINUTE)
    assert verdicts(again, database) == [(0, "ok", ""), (2, "inconclusive", NOBODY), (120, "ok", "")]


def test_a_short_restart_leaves_no_gap(database: Database) -> None:
    take(Observations(database, "shop", "production"), database, "oo")
    take(Observations(database, "shop", "production"), database, "o", NOON + 3 * MINUTE)
    assert verdicts(Observations(database, "shop", "production"), database) == [(0, "ok", "")]


def test_a_clock_that_was_put_right_changes_nothing(database: Database) -> None:
    book = Observations(database, "shop", "production")
    take(book, database, "o")
    with database.begin() as connection:
        book.take(connection, [Answer(WEB, SAID["x"], NOON - MINUTE / 2)])
    with database.read() as connection:
        assert book.all(connection)["web"].verdict is Verdict.OK


@pytest.mark.parametrize("now", ["o", "x", "?"])
def test_a_clock_that_was_set_back_is_believed_again_at_once(database: Database, now: str) -> None:
    book = Observations(database, "shop", "production")
    take(book, database, "x")
    take(book, database, "oxo", NOON + 1000 * MINUTE)
    take(book, database, now, NOON + 10 * MINUTE)
    take(book, database, now, NOON + 11 * MINUTE)
    with database.read() as connection:
        state = book.all(connection)["web"]
        assert (state.observation, state.since) == (SAID[now], NOON + 10 * MINUTE)
        assert book.standing(connection, NOON + 12 * MINUTE) == [("web", SAID[now].verdict)]
    assert verdicts(book, database, 2000) == [
        (0, "failed", "HTTP 503"), (1, "inconclusive", NOBODY), (10, SAID[now].verdict.value, SAID[now].why),
    ], "and nothing of what was to come"  # fmt: skip


def test_a_clock_that_was_set_back_within_one_write(database: Database) -> None:
    book = Observations(database, "shop", "production")
    said = [(1000, "o"), (1001, "x"), (10, "x"), (11, "o"), (12, "o")]
    with database.begin() as connection:
        book.take(connection, [Answer(WEB, SAID[letter], NOON + at * MINUTE) for at, letter in said])
    assert verdicts(book, database, 2000) == [(10, "failed", "HTTP 503"), (11, "ok", "")]


@pytest.mark.parametrize(("removed", "failed"), [(2, MINUTE + timedelta(milliseconds=1)), (200, 2 * MINUTE)])
def test_while_it_is_not_watched_it_is_neither_down_nor_up(database: Database, removed: int, failed: timedelta) -> None:
    book = Observations(database, "shop", "production")
    take(book, database, "oox")
    with database.begin() as connection:
        book.keep(connection, [], NOON + removed * MINUTE)
    take(book, database, "x", NOON + 300 * MINUTE)
    with database.read() as connection:
        found = book.stretches(connection, "web", NOON, NOON + 301 * MINUTE)
    assert [one.why for one in found] == ["", "HTTP 503", NOBODY, "HTTP 503"]
    counted = uptime(found, NOON, NOON + 301 * MINUTE)
    assert (counted.ok, counted.failed, counted.ok + counted.failed + counted.unknown) == (
        2 * MINUTE, failed, 301 * MINUTE,
    )  # fmt: skip


def test_apps_do_not_see_each_other(database: Database) -> None:
    take(Observations(database, "shop", "production"), database, "x")
    other = Observations(database, "shop", "staging")
    with database.read() as connection:
        assert other.all(connection) == {}
    assert verdicts(other, database) == []


def test_a_write_that_was_undone_is_forgotten(database: Database) -> None:
    book = Observations(database, "shop", "production")
    with pytest.raises(ZeroDivisionError), database.begin() as connection:
        book.take(connection, [Answer(WEB, SAID["x"], NOON)])
        raise ZeroDivisionError
    book.forget_memory()
    take(book, database, "x", NOON + MINUTE)
    assert verdicts(book, database) == [(1, "failed", "HTTP 503")]
    with database.read() as connection:
        assert book.all(connection)["web"].failures == 1


def test_pruning(database: Database) -> None:
    book = Observations(database, "shop", "production")
    take(book, database, "oxoxo")
    with database.begin() as connection:
        book.prune(connection, NOON + 2 * MINUTE + MINUTE / 2)
    assert [minute for minute, _, _ in verdicts(book, database)] == [2, 3, 4], "what began before and lasts is kept"
    with database.begin() as connection:
        book.keep(connection, ["web"], NOON)
        assert list(book.all(connection)) == ["web"]
        book.keep(connection, [], NOON)
        assert book.all(connection) == {}


def stretches(text: str) -> list[Stretch]:
    kinds = {"o": Verdict.OK, "x": Verdict.FAILED, "?": Verdict.INCONCLUSIVE}
    return [Stretch(NOON + number * MINUTE, kinds[letter]) for number, letter in enumerate(text)]


def test_uptime() -> None:
    found = uptime(stretches("oooxo??oxx"), NOON, NOON + 10 * MINUTE)
    assert (found.ok, found.failed, found.unknown) == (5 * MINUTE, 3 * MINUTE, 2 * MINUTE)
    assert found.share == pytest.approx(5 / 8)


def test_uptime_of_a_window_within() -> None:
    found = uptime(
        [Stretch(NOON - 60 * MINUTE, Verdict.FAILED), Stretch(NOON, Verdict.OK)], NOON - MINUTE, NOON + 3 * MINUTE
    )
    assert (found.ok, found.failed, found.outages) == (3 * MINUTE, MINUTE, 1)


def test_before_the_first_observation_nothing_is_known() -> None:
    found = uptime(stretches("o"), NOON - 5 * MINUTE, NOON + 5 * MINUTE)
    assert (found.ok, found.unknown, found.share) == (5 * MINUTE, 5 * MINUTE, 1.0)
    nothing = uptime([], NOON, NOON + MINUTE)
    assert (nothing.unknown, nothing.share) == (MINUTE, None)


def test_business_hours() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    hours = Hours(time(9), time(17), berlin)
    friday = datetime(2026, 11, 20, 0, 0, tzinfo=berlin)
    found = uptime([Stretch(friday, Verdict.FAILED)], friday, friday + timedelta(days=4), hours)
    assert found.failed == timedelta(hours=16), "Friday and Monday"
    assert uptime([Stretch(friday, Verdict.FAILED)], friday, friday + timedelta(hours=9), hours).failed == timedelta()


def test_business_hours_on_a_day_with_another_length() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    spring = datetime(2026, 3, 29, 0, 0, tzinfo=berlin)
    hours = Hours(time(0), time(12), berlin, days=tuple(range(7)))
    found = uptime(
        [Stretch(spring, Verdict.OK)], spring.astimezone(UTC), spring.astimezone(UTC) + timedelta(hours=20), hours
    )
    assert found.ok == timedelta(hours=11)
