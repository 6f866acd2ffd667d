"""Retention: golden tables for situations, and laws that hold for all."""

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from daytwo.config.models import Keep
from daytwo.core.manifest import Level, Manifest, Mark, MarkKind, Snapshot
from daytwo.core.units import Duration
from daytwo.protect.retention import Candidate, plan
from tests.protect.retention_cases import BERLIN, CASES, DAY, MINUTES, NIGHTS, NOW, altered, nightly, render, utc

GOLDEN = Path(__file__).parent / "golden" / "retention"


@pytest.mark.parametrize("name", sorted(CASES))
def test_golden(name: str) -> None:
    """Write them anew with `DAYTWO_GOLDEN=write`, and read the difference before you commit it."""
    path, text = GOLDEN / f"{name}.txt", render(CASES[name])
    if os.environ.get("DAYTWO_GOLDEN") == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert path.read_text() == text


def test_no_golden_file_is_without_a_case() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(CASES)


def test_a_snapshot_of_a_repository_is_judged_by_its_marks() -> None:
    def snapshot(number: int, *kinds: MarkKind) -> Snapshot:
        at = utc("2026-11-01 02:00") + DAY * number
        manifest = Manifest(id=f"s{number}", run="r", sequence=number, app="a", environment="e", backup="nightly",
                            at=at, ended=at, host="h", daytwo="0", config="c")  # fmt: skip
        return Snapshot(repository="local", manifest=manifest, marks=tuple(Mark(kind=k, at=at) for k in kinds))

    found = [snapshot(1, MarkKind.VERIFIED), snapshot(2, MarkKind.PINNED), snapshot(3), snapshot(4, MarkKind.DAMAGED)]
    decided = plan(found, Keep(last=1), utc("2026-11-05 02:10"), BERLIN)
    assert {one.id for one in decided.kept} == {"s1", "s2", "s3", "s4"}
    decided = plan([*found, snapshot(5, MarkKind.DRILLED)], Keep(last=1), utc("2026-11-06 02:10"), BERLIN)
    assert {one.id for one in decided.kept} == {"s2", "s5"}


@pytest.mark.parametrize("name", sorted(name for name in CASES if name.startswith("f07")))
def test_f07_a_clock_in_doubt_removes_nothing(name: str) -> None:
    case = CASES[name]
    calm = name in ("f07-off-for-a-month-believed", "f07-a-person-looked")
    assert bool(case.plan().removed) is calm
    assert bool(case.plan().doubt) is not calm


def test_f07_a_clock_that_is_wrong_by_minutes_is_no_reason_to_stop() -> None:
    early = NIGHTS[-1].at - timedelta(minutes=20)
    assert plan(NIGHTS, Keep(last=7), early, BERLIN, NIGHTS[-1].at).removed


def test_f07_a_weekly_backup_and_a_first_one_are_no_jump() -> None:
    """The interval must not be taken for a jump before it is known: from the second snapshot on, week by week."""
    first = utc("2026-01-05 02:00")
    kept: tuple[Candidate, ...] = ()
    for week in range(30):
        at = first + week * 7 * DAY + timedelta(minutes=week % 7)
        kept = (*kept, Candidate(f"w{week}", week, at, at))
        decided = plan(kept, Keep(last=2), at + MINUTES, BERLIN)
        assert decided.doubt == ""
        kept = decided.kept
    assert len(kept) == 2


@pytest.mark.parametrize("keep", [Keep(last=1), Keep(last=1, monthly=3), Keep(yearly=1), Keep(daily=2, weekly=2)])
def test_night_after_night_thinning_is_never_taken_for_a_jump(keep: Keep) -> None:
    kept: tuple[Candidate, ...] = ()
    for one in nightly("2025-10-01", 250):
        decided = plan((*kept, one), keep, one.ended, BERLIN)
        assert decided.doubt == ""
        kept = decided.kept
    assert len(kept) <= 5


def test_pins_far_back_are_not_taken_for_a_jump() -> None:
    """The removed ones between a pinned week and now are missing in time, but not in sequence."""
    kept: tuple[Candidate, ...] = ()
    for one in nightly("2026-01-01", 100):
        pinned = replace(one, pinned=one.sequence <= 7)
        decided = plan((*kept, pinned), Keep(last=1), one.ended, BERLIN)
        assert decided.doubt == ""
        kept = decided.kept
    assert len(kept) == 8


def test_f08_fifteen_failed_nights_do_not_empty_the_repository() -> None:
    """Nothing new for weeks and only the clock moves on: night by night, nothing more is removed."""
    kept = plan(NIGHTS, Keep(last=3, within=Duration(86400)), NOW, BERLIN).kept
    for night in range(1, 60):
        assert plan(kept, Keep(last=3, within=Duration(86400)), NOW + night * DAY, BERLIN).removed == ()


def test_f08_damaged_snapshots_do_not_push_out_whole_ones() -> None:
    damaged = altered(NIGHTS, **{f"s{i:03}": {"level": Level.DAMAGED} for i in range(8, 21)})
    kept = {one.id for one in plan(damaged, Keep(last=3), NOW, BERLIN).kept}
    assert {"s007", "s006", "s005"} <= kept


def test_f08_snapshots_of_some_services_do_not_push_out_whole_ones() -> None:
    parts = altered(NIGHTS, **{one.id: {"only": ("db",)} for one in NIGHTS[-10:]})
    kept = {one.id for one in plan(parts, Keep(last=3), NOW, BERLIN).kept}
    assert kept == {one.id for one in (*NIGHTS[-3:], *NIGHTS[-13:-10])}
    followed = {one.id for one in plan(altered(parts, **{one.id: {"only": ()} for one in NIGHTS[-3:]}),
                                       Keep(last=3), NOW, BERLIN).kept}  # fmt: skip
    assert followed == {one.id for one in NIGHTS[-3:]}  # a whole one holds what those of a part hold


levels = st.sampled_from([Level.STORED, Level.STORED, Level.VERIFIED, Level.DRILLED, Level.DAMAGED])
rules = st.fixed_dictionaries(
    {}, optional={name: st.integers(1, 6) for name in ("last", "hourly", "daily", "weekly", "monthly", "yearly")}
    | {"within": st.integers(3600, 40 * 86400).map(Duration)},
).filter(bool)  # fmt: skip
keeps = rules.map(lambda some: Keep(**some))


@st.composite
def histories(draw: st.DrawFn) -> list[Candidate]:
    """Snapshots at uneven distances, over the autumn change and the year's end; sequences with holes."""
    at, sequence, found = utc("2026-10-20 01:00"), draw(st.integers(1, 50)), []
    for _ in range(draw(st.integers(1, 30))):
        at += timedelta(minutes=draw(st.integers(1, 3 * 1440)))
        sequence += draw(st.integers(1, 3))
        found.append(Candidate(f"s{sequence}", sequence, at, at + MINUTES, draw(levels),
                               draw(st.integers(0, 9)) == 0, draw(st.integers(0, 5)) == 0))  # fmt: skip
    return draw(st.permutations(found))


def after(history: list[Candidate]) -> timedelta:
    return max(one.at for one in history) - utc("2026-01-01 00:00") + timedelta(hours=1)


many = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.slow
@many
@given(histories(), keeps)
def test_planning_again_removes_nothing_more(history: list[Candidate], keep: Keep) -> None:
    now = utc("2026-01-01 00:00") + after(history)
    first = plan(history, keep, now, BERLIN)
    second = plan(first.kept, keep, now, BERLIN)
    assert second.removed == ()


@pytest.mark.slow
@many
@given(histories(), keeps)
def test_f08_something_to_restore_from_always_stays(history: list[Candidate], keep: Keep) -> None:
    now = utc("2026-01-01 00:00") + after(history)
    kept = plan(history, keep, now, BERLIN, trust_clock=True).kept
    assert kept
    regular = sorted((one for one in history if one.whole and not one.safety), key=lambda one: one.sequence)
    verified = [one for one in regular if one.level is not Level.STORED]
    if regular:
        assert (verified or regular)[-1] in kept
    assert {one for one in history if one.pinned} <= set(kept)


@pytest.mark.slow
@many
@given(histories(), keeps, st.data())
def test_a_more_generous_policy_keeps_a_superset(history: list[Candidate], keep: Keep, data: st.DataObject) -> None:
    now = utc("2026-01-01 00:00") + after(history)
    more: dict = {name: (value or 0) + data.draw(st.integers(0, 4)) or None for name, value in keep}
    more["within"] = Duration(more["within"]) if more["within"] else None
    narrow = plan(history, keep, now, BERLIN, trust_clock=True)
    wide = plan(history, Keep(**more), now, BERLIN, trust_clock=True)
    assert set(narrow.kept) <= set(wide.kept)


@pytest.mark.slow
@many
@given(histories(), keeps)
def test_every_snapshot_gets_one_decision_with_a_reason(history: list[Candidate], keep: Keep) -> None:
    now = utc("2026-01-01 00:00") + after(history)
    decided = plan(history, keep, now, BERLIN)
    assert [one.candidate for one in decided.decisions] == sorted(history, key=lambda one: -one.sequence)
    assert all(one.reasons and all(one.reasons) for one in decided.decisions)


@pytest.mark.slow
@many
@given(histories(), keeps, st.integers(0, 29), st.integers(-4000, 4000))
def test_f07_one_wrong_time_never_removes_what_right_times_keep(
    history: list[Candidate], keep: Keep, which: int, days: int
) -> None:
    """However the time of one snapshot is forged, by far enough to matter, the true plan's snapshots are there."""
    assume(abs(days) > 90)
    now = utc("2026-01-01 00:00") + after(history)
    victim = history[which % len(history)]
    forged = replace(victim, at=victim.at + days * DAY, ended=victim.ended + days * DAY)
    decided = plan([forged if one is victim else one for one in history], keep, now, BERLIN)
    oldest = min(one.sequence for one in history)
    if victim.sequence != oldest or days > 0:
        assert decided.removed == () and decided.doubt
