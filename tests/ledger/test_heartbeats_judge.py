"""How a heartbeat stands: all of it pure, so all of it in tables."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daytwo.config.serving import Heartbeat
from daytwo.core.schedule import Cron
from daytwo.ledger.heartbeats import Facts, Promise, State, assess

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOURLY = Promise(timedelta(hours=1), None, "UTC", timedelta(minutes=5))
NIGHTLY = Promise(None, Cron("0 3 * * *"), "UTC", timedelta(minutes=30))


def ago(minutes: float) -> datetime:
    return NOON - timedelta(minutes=minutes)


OLD = ago(100_000)
CASES = [
    ("made just now", Facts(ago(1)), State.NEW),
    ("its first report is due: what is in the file is a promise", Facts(ago(61)), State.LATE),
    ("it never came", Facts(ago(66)), State.DOWN),
    ("reported", Facts(OLD, ago(59)), State.UP),
    ("due this moment", Facts(OLD, ago(60)), State.UP),
    ("due", Facts(OLD, ago(61)), State.LATE),
    ("the last moment of its grace", Facts(OLD, ago(65)), State.LATE),
    ("silent", Facts(OLD, ago(65.1)), State.DOWN),
    ("failed", Facts(OLD, ago(10), failed=True), State.FAILING),
    ("failed, and due: no better than that", Facts(OLD, ago(61), failed=True), State.FAILING),
    ("failed, then silent", Facts(OLD, ago(66), failed=True), State.DOWN),
    ("at work", Facts(OLD, ago(50), started=ago(1)), State.STARTED),
    ("at work after a failure", Facts(OLD, ago(50), failed=True, started=ago(1)), State.STARTED),
    ("its start came in time: that it is at work is no silence", Facts(OLD, ago(66), started=ago(4)), State.STARTED),
    ("began and did not end in time", Facts(OLD, ago(50), started=ago(5.1)), State.DOWN),
    ("began and did not end, though its next report is not due", Facts(OLD, ago(9), started=ago(8)), State.DOWN),
    ("was found down", Facts(OLD, ago(10), overdue=ago(9)), State.DOWN),
    ("was found down, and has begun since", Facts(OLD, ago(90), started=ago(1), overdue=ago(30)), State.DOWN),
    ("its promise was changed, so it counts anew", Facts(ago(10), ago(500)), State.UP),
]


@pytest.mark.parametrize(("facts", "state"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_how_it_stands(facts: Facts, state: State) -> None:
    assert assess(HOURLY, facts, NOON).state is state


def test_since_when_its_report_is_missing() -> None:
    verdict = assess(HOURLY, Facts(OLD, ago(300)), NOON)
    assert (verdict.state, verdict.overdue) == (State.DOWN, ago(240))
    hung = assess(HOURLY, Facts(OLD, ago(300), started=ago(200)), NOON)
    assert (hung.state, hung.overdue) == (State.DOWN, ago(195))
    assert assess(HOURLY, Facts(OLD, ago(30)), NOON).overdue is None


# The clock (F34)

AHEAD = NOON + timedelta(days=400)


@pytest.mark.parametrize(
    "facts",
    [
        Facts(OLD, AHEAD),
        Facts(AHEAD, ago(500)),
        Facts(AHEAD),
        Facts(OLD, ago(500), started=AHEAD),
        Facts(OLD, AHEAD, watched=AHEAD),
    ],
    ids=["report", "promise", "never reported", "start", "watch"],
)
def test_f34_what_lies_ahead_of_the_clock_is_no_alarm(facts: Facts) -> None:
    assert assess(HOURLY, facts, NOON).state.good


def test_f34_a_start_ahead_of_the_clock_does_not_excuse_for_ever() -> None:
    """Nor does a report: `Book.clock_was_set` has them count from the moment that is noticed."""
    assert assess(HOURLY, Facts(OLD, AHEAD), NOON).deadline == NOON + timedelta(minutes=65)
    assert assess(HOURLY, Facts(OLD, ago(9), started=AHEAD), NOON).deadline == NOON + timedelta(minutes=5)


# Nobody listened (F28)


@pytest.mark.parametrize(
    ("minutes", "state"),
    [(1, State.LATE), (4.9, State.LATE), (5.1, State.DOWN)],
)
def test_f28_after_a_time_without_a_daemon_there_is_a_whole_grace_time(minutes: float, state: State) -> None:
    facts = Facts(OLD, ago(300), watched=ago(minutes))
    assert assess(HOURLY, facts, NOON).state is state


def test_f28_a_run_whose_end_could_not_be_reported_too() -> None:
    facts = Facts(OLD, ago(300), started=ago(200), watched=ago(3))
    assert assess(HOURLY, facts, NOON).state is State.STARTED


def test_f28_what_was_down_before_is_down_after() -> None:
    assert assess(HOURLY, Facts(OLD, ago(300), overdue=ago(240), watched=ago(1)), NOON).state is State.DOWN


def test_f28_who_is_due_later_gets_nothing_from_it() -> None:
    facts = Facts(OLD, ago(65.1), watched=ago(5.05))
    assert assess(HOURLY, facts, NOON).state is State.DOWN


# Wall clocks


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)


@pytest.mark.parametrize(
    ("reported", "due"),
    [
        ("2026-03-28T02:31", "2026-03-29T03:00"),
        ("2026-03-29T03:01", "2026-03-30T02:30"),
        ("2026-10-24T02:31", "2026-10-25T02:30"),
        ("2026-10-25T02:31", "2026-10-26T02:30"),
    ],
)
def test_f32_due_on_the_days_on_which_the_clock_is_changed(reported: str, due: str) -> None:
    promise = Promise(None, Cron("30 2 * * *"), "Europe/Berlin", timedelta(minutes=10))
    facts = Facts(berlin("2026-01-01"), berlin(reported))
    assert assess(promise, facts, berlin(reported)).due == berlin(due)
    assert assess(promise, facts, berlin(due) + timedelta(minutes=9)).state is State.LATE
    assert assess(promise, facts, berlin(due) + timedelta(minutes=11)).state is State.DOWN


def test_the_zone_of_the_expression_goes_before_the_apps() -> None:
    settings = Heartbeat.model_validate({"at": "0 3 * * * America/New_York", "grace": "1h"})
    promise = Promise.of(settings, "Europe/Berlin")
    assert promise.after(NOON) == datetime(2026, 11, 22, 8, tzinfo=UTC)
    assert promise.text == "at 0 3 * * * America/New_York (America/New_York), grace 1:00:00"


def test_a_report_some_seconds_early_is_the_report_of_that_time() -> None:
    early = datetime(2026, 11, 22, 2, 59, 50, tzinfo=UTC)
    assert NIGHTLY.after(early) == datetime(2026, 11, 23, 3, tzinfo=UTC)
    assert NIGHTLY.after(early - timedelta(minutes=1)) == datetime(2026, 11, 22, 3, tzinfo=UTC)


def test_times_close_together_are_not_taken_for_each_other() -> None:
    promise = Promise(None, Cron("* * * * *"), "UTC", timedelta(minutes=1))
    assert promise.after(NOON + timedelta(seconds=45)) == NOON + timedelta(minutes=1)


# Without reports nothing gets better

RANK = {State.NEW: 0, State.UP: 0, State.STARTED: 0, State.LATE: 1, State.FAILING: 1, State.DOWN: 2}
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))
lengths = st.timedeltas(timedelta(seconds=1), timedelta(days=40))
every = st.builds(Promise, lengths, st.none(), st.just("UTC"), lengths)
at = st.builds(
    Promise,
    st.none(),
    st.sampled_from([Cron("*/5 * * * *"), Cron("30 2 * * *"), Cron("0 4 * * sun#1"), Cron("0 * * * *")]),
    st.sampled_from(["UTC", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe"]),
    lengths,
)
maybe = st.none() | moments
facts = st.builds(Facts, moments, maybe, st.booleans(), maybe, maybe, maybe)


@given(every | at, facts, moments, st.timedeltas(timedelta(), timedelta(days=400)))
def test_without_reports_nothing_gets_better_with_time(
    promise: Promise, facts: Facts, now: datetime, later: timedelta
) -> None:
    first, second = assess(promise, facts, now), assess(promise, facts, now + later)
    assert RANK[second.state] >= RANK[first.state]


@given(every | at, facts, moments)
def test_what_has_its_deadline_behind_it_is_down_and_nothing_else_is(
    promise: Promise, facts: Facts, now: datetime
) -> None:
    verdict = assess(promise, facts, now)
    assert (verdict.state is State.DOWN) == (facts.overdue is not None or now > verdict.deadline)
    assert (verdict.overdue is not None) == (verdict.state is State.DOWN)


@given(every | at, facts)
def test_silence_is_noticed_at_last(promise: Promise, facts: Facts) -> None:
    assert assess(promise, facts, datetime(2040, 1, 1, tzinfo=UTC)).state is State.DOWN
