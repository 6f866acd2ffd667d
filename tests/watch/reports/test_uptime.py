"""Uptime with what does not count: hours, maintenance, and what nobody knows."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daytwo.core.check import Verdict
from daytwo.core.periods import Period, Periods
from daytwo.respond.windows import Maintenances
from daytwo.watch.observations import Stretch
from daytwo.watch.uptime import Counting, Uptime
from tests.watch.reports.conftest import MINUTE, OWN, Shop, utc

NOW = utc("2026-11-20T18:00")  # a Friday
HOUR = timedelta(hours=1)


def test_the_budget_and_what_is_left_of_it() -> None:
    found = Uptime(ok=999 * MINUTE, failed=MINUTE)
    assert found.budget(0.999) == MINUTE
    assert (found.left(0.999), found.met(0.999)) == (timedelta(), True), "just kept is kept"
    assert (found.left(0.9995), found.met(0.9995)) == (-MINUTE / 2, False)
    assert Uptime(unknown=HOUR).met(0.999) is None


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from([0.9, 0.99, 0.999, 0.9995, 0.9999, 1.0]))
def test_a_promise_is_kept_while_something_is_left(ok: int, failed: int, wanted: float) -> None:
    found = Uptime(ok=timedelta(seconds=ok), failed=timedelta(seconds=failed))
    if ok + failed:
        kept = found.share is not None and found.share >= wanted - 1e-12
        assert found.met(wanted) == kept


def test_business_hours_and_maintenance_are_told_apart(shop: Shop) -> None:
    shop.promise(
        zone="Europe/Berlin", uptime="99.9%", hours="mon-fri 09:00-17:00",
        maintenance={"lunch": {"at": "0 12 * * *", "length": "1h"}},
    )  # fmt: skip
    # In Berlin it is an hour later. Down 10:00-10:30, in the lunch hour, and after work.
    said = {"10:00": "x", "10:30": "o", "12:00": "x", "13:00": "o", "17:00": "x"}
    for hour in range(24 * 60 + 60):
        at = NOW - 25 * HOUR + hour * MINUTE
        wall = f"{at + HOUR:%H:%M}"
        today = at + HOUR >= utc("2026-11-20T00:00")
        verdict = next((said[key] for key in reversed(said) if key <= wall), "o") if today else "o"
        shop.observe("web", at, verdict)
    found = shop.views(NOW).uptimes()["web"]["24h"]
    # From Thursday 19:00 to Friday 19:00 in Berlin: eight hours of business, one of them maintenance.
    assert (found.ok, found.failed) == (6.5 * 3600, 1800)
    assert (found.maintenance, found.closed, found.unknown) == (3600, 16 * 3600, 0)
    assert (found.outages, found.share) == pytest.approx((1, 6.5 / 7))
    assert (found.objective, found.met) == pytest.approx((0.999, False))
    assert (found.budget, found.left) == pytest.approx((25.2, 25.2 - 1800))


def test_maintenance_of_one_service_is_not_that_of_another(shop: Shop) -> None:
    for name in ("web", "db", "db.slow"):
        shop.observe(name, NOW - 60 * MINUTE, "o" * 30 + "x" * 30)
    shop.promise(maintenance={"move": {"from": "2026-11-20T17:30", "to": "2026-11-20T18:00", "services": "db"}})
    found = {name: one["24h"] for name, one in shop.views(NOW).uptimes().items()}
    assert {name: (one.failed, one.maintenance) for name, one in found.items()} == {
        "web": (1800, 0), "db": (0, 1800), "db.slow": (0, 1800),
    }  # fmt: skip
    assert found["web"].objective is None
    assert found["web"].met is None


def test_maintenance_that_was_begun_by_hand_counts_until_it_was_ended(shop: Shop) -> None:
    for name in ("web", "db"):
        shop.observe(name, NOW - 60 * MINUTE, "o" * 30 + "x" * 30)
    with shop.database.begin() as connection:
        book, half = Maintenances(*OWN), NOW - 30 * MINUTE
        begun = book.begin(connection, ["w*"], 5 * HOUR, half, by="anna")
        book.end(connection, begun.id, NOW - 10 * MINUTE)
        Maintenances("another", "production").begin(connection, [], HOUR, half, by="bob")
    found = {name: one["24h"] for name, one in shop.views(NOW).uptimes().items()}
    assert {name: (one.failed, one.maintenance) for name, one in found.items()} == {"web": (600, 1200), "db": (1800, 0)}


def test_a_window_on_the_day_on_which_the_clocks_change(shop: Shop) -> None:
    """F32: at three in Berlin it is one in UTC in summer, and two in winter."""
    shop.promise(zone="Europe/Berlin", maintenance={"night": {"at": "0 3 * * *", "length": "1h"}})
    begin, now = utc("2026-10-23T12:00"), utc("2026-10-26T12:00")
    for day in ("24T01:00", "25T02:00", "26T02:00"):
        at = utc(f"2026-10-{day}")
        shop.observe("web", begin, "o" * int((at - begin) / MINUTE))
        shop.observe("web", at, "x" * 60)
        begin = at + HOUR
    shop.observe("web", begin, "o" * int((now - begin) / MINUTE))
    found = shop.views(now).uptimes()["web"]["7d"]
    assert (found.failed, found.maintenance) == (0, 7 * 3600)


def test_what_nobody_knows_is_in_neither(shop: Shop) -> None:
    shop.observe("web", NOW - 60 * MINUTE, "o" * 10 + "?" * 10 + "x" * 10)
    shop.promise(uptime="90%")
    found = shop.views(NOW).uptimes()["web"]["24h"]
    assert (found.ok, found.share) == pytest.approx((600, 600 / (600 + found.failed)))
    assert found.met is False
    assert found.ok + found.failed + found.unknown == 86400
    assert found.failed < 15 * 60, "an outage that nobody looked at any more is not known to have gone on"


LENGTHS = st.lists(st.tuples(st.integers(1, 30), st.sampled_from(list(Verdict))), max_size=12)


@given(LENGTHS, st.integers(0, 60), st.integers(0, 60), st.integers(0, 40), st.integers(0, 40))
def test_together_it_is_the_whole_time(
    said: list[tuple[int, Verdict]], first: int, length: int, one: int, other: int
) -> None:
    begin = NOW + first * MINUTE
    end = begin + length * MINUTE
    stretches, at = [], NOW
    for minutes, verdict in said:
        stretches.append(Stretch(at, verdict))
        at += minutes * MINUTE
    window = Periods([Period(NOW + one * MINUTE, NOW + (one + other) * MINUTE)])
    found = Counting.of(begin, end, (), window).uptime(stretches)
    assert found.ok + found.failed + found.unknown + found.maintenance + found.closed == end - begin
    assert min(found.ok, found.failed, found.unknown, found.maintenance, found.closed) >= timedelta()


def test_many_checks_and_long_histories_at_once(shop: Shop) -> None:
    """What is read in two queries is what is read check by check."""
    for number in range(20):
        shop.observe(f"s{number}", NOW - 90 * MINUTE, ("o" * number + "x" + "?" * (number % 3)) * 3)
    with shop.database.read() as connection:
        for begin in (NOW - 100 * MINUTE, NOW - 50 * MINUTE, NOW - 90 * MINUTE):
            every = shop.observations.histories(connection, begin, NOW)
            singly = {n: shop.observations.stretches(connection, n, begin, NOW) for n in (f"s{i}" for i in range(20))}
            assert every == singly
