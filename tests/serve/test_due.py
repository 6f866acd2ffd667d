"""What is due, on ordinary days and on odd ones."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from daytwo.core.schedule import Cron, occurrences
from daytwo.ledger.schedules import Remembered
from daytwo.serve.due import Decision, changed, look

BERLIN = "Europe/Berlin"


@dataclass(frozen=True)
class Backup:
    at: Cron | None
    missed: str = "run"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NIGHTLY = {"nightly": Backup(Cron("0 3 * * *"))}


def seen(at: datetime, **more: object) -> dict[str, Remembered]:
    return {"nightly": Remembered("nightly", at, **more)}  # type: ignore[arg-type]


def test_a_schedule_that_was_never_seen_begins_now() -> None:
    now = utc("2026-11-21T12:00")
    found = look(NIGHTLY, BERLIN, {}, now)
    assert found.due == ()
    assert found.seen == {"nightly": now}
    assert found.next == utc("2026-11-22T02:00")


def test_on_time_it_runs_and_is_seen() -> None:
    now = utc("2026-11-21T02:00:01")
    found = look(NIGHTLY, BERLIN, seen(utc("2026-11-21T01:59:50")), now)
    assert [(one.at, one.decision, one.earlier) for one in found.due] == [(utc("2026-11-21T02:00"), Decision.RUN, 0)]
    assert found.seen == {"nightly": now}
    assert look(NIGHTLY, BERLIN, seen(now), now).due == ()


def test_f16_down_for_days_is_made_up_once_or_reported() -> None:
    now, before = utc("2026-11-21T12:00"), utc("2026-11-18T12:00")
    one = look(NIGHTLY, BERLIN, seen(before), now).due[0]
    assert (one.at, one.decision, one.earlier) == (utc("2026-11-21T02:00"), Decision.MAKE_UP, 2)
    report = {"nightly": Backup(Cron("0 3 * * *"), "report")}
    assert look(report, BERLIN, seen(before), now).due[0].decision is Decision.MISSED


def test_paused_nothing_is_due_and_the_others_go_on() -> None:
    now = utc("2026-11-21T02:00:01")
    both = {**NIGHTLY, "hourly": Backup(Cron("0 * * * *"))}
    known = {**seen(utc("2026-11-20T12:00"), paused=utc("2026-11-20T12:00")),
             "hourly": Remembered("hourly", utc("2026-11-21T01:30"))}  # fmt: skip
    found = look(both, BERLIN, known, now)
    assert [one.name for one in found.due] == ["hourly"]


def test_f06_a_clock_that_was_set_back_does_not_silence_a_schedule() -> None:
    """It was once seen in 2030; without noticing, nothing would happen until then."""
    now = utc("2026-11-21T12:00")
    found = look(NIGHTLY, BERLIN, seen(utc("2030-01-01T00:00")), now)
    assert found.set_back == ("nightly",)
    assert found.seen == {"nightly": now}
    assert found.due == ()


def test_a_clock_that_is_corrected_by_seconds_is_no_matter() -> None:
    found = look(NIGHTLY, BERLIN, seen(utc("2026-11-21T12:00:20")), utc("2026-11-21T12:00"))
    assert (found.set_back, found.due, found.seen) == ((), (), {})


def test_other_times_count_from_their_change_on() -> None:
    """A weekly backup that is made nightly on a Friday missed no night since Sunday."""
    friday, sunday = utc("2026-11-20T10:00"), utc("2026-11-15T02:00")
    weekly = {"nightly": Backup(Cron("0 3 * * sun"), "report")}
    anew = changed(weekly, NIGHTLY, (BERLIN, BERLIN))
    found = look(NIGHTLY, BERLIN, seen(sunday), friday, anew)
    assert (found.due, found.seen) == ((), {"nightly": friday})
    assert found.next == utc("2026-11-21T02:00")


def test_what_has_changed_is_the_times_and_not_how_they_are_written() -> None:
    told = {"nightly": Backup(Cron("0  3 * * * Europe/Berlin"), "report")}
    assert changed(NIGHTLY, told, (BERLIN, "UTC")) == frozenset()
    assert changed(NIGHTLY, NIGHTLY, (BERLIN, "UTC")) == {"nightly"}
    assert changed({"nightly": Backup(None)}, NIGHTLY, (BERLIN, BERLIN)) == {"nightly"}
    assert changed({}, NIGHTLY, (BERLIN, BERLIN)) == {"nightly"}
    assert changed(NIGHTLY, {"nightly": Backup(None)}, (BERLIN, BERLIN)) == {"nightly"}


def test_f32_daylight_saving_days() -> None:
    """02:30 does not exist on the spring day and comes twice on the autumn one: once each, all the same."""
    backup = {"nightly": Backup(Cron("30 2 * * *"))}
    for day, expected in (("2026-03-29", "2026-03-29T01:00"), ("2026-10-25", "2026-10-25T00:30")):
        at = utc(f"{day}T00:00") - timedelta(hours=3)
        known, ran = at, []
        while at < utc(f"{day}T12:00"):
            at += timedelta(seconds=20)
            found = look(backup, BERLIN, seen(known), at)
            ran += [one.at for one in found.due]
            known = found.seen.get("nightly", known)
        assert ran == [utc(expected)]


@given(st.lists(st.integers(min_value=1, max_value=5 * 3600), min_size=1, max_size=40))
def test_however_often_one_looks_every_occurrence_is_dealt_with_once(steps: list[int]) -> None:
    backup = {"nightly": Backup(Cron("*/20 * * * *"))}
    begin = now = known = utc("2026-03-28T20:00")
    dealt = 0
    for step in steps:
        now += timedelta(seconds=step)
        found = look(backup, BERLIN, seen(known), now)
        dealt += sum(1 + one.earlier for one in found.due)
        known = found.seen.get("nightly", known)
    assert dealt == len(list(occurrences(Cron("*/20 * * * *"), BERLIN, begin, now)))
