"""Who has which turn: every moment has exactly one person or a reported gap, also when the clocks change."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from daytwo.config.responding import Layer, Override, Rota
from daytwo.respond.oncall import Takeover, gaps, on_call, shifts

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia")


def rota(**block: Any) -> Rota:
    return Rota.model_validate(block)


def wall(year: int, month: int, day: int, hour: int = 0, minute: int = 0, fold: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=BERLIN, fold=fold)


def test_weeks_change_on_monday_at_nine_by_the_clock_on_the_wall() -> None:
    weekly = rota(people=["anna", "bob", "carl"])
    found = shifts(weekly, "Europe/Berlin", wall(2026, 3, 20), wall(2026, 4, 8))
    # Summer time begins on Sunday, 29 March.
    assert [(one.person, one.end.astimezone(BERLIN)) for one in found] == [
        ("bob", wall(2026, 3, 23, 9)), ("carl", wall(2026, 3, 30, 9)), ("anna", wall(2026, 4, 6, 9)),
        ("bob", wall(2026, 4, 8)),
    ]  # fmt: skip
    lengths = [one.end - one.begin for one in found[1:3]]
    assert lengths == [timedelta(days=7, hours=-1), timedelta(days=7)]


@pytest.mark.parametrize(
    ("day", "hours"),
    [((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 6, 1), 24)],
    ids=["spring", "autumn", "summer"],
)
def test_days_are_days_of_the_wall_clock(day: tuple[int, int, int], hours: int) -> None:
    daily = rota(layers=[{"people": ["anna", "bob"], "every": "day", "at": "00:00"}])
    begin = wall(*day)
    [first, *_] = shifts(daily, "Europe/Berlin", begin, begin + timedelta(days=2))
    assert first.end - first.begin == timedelta(hours=hours)
    assert first.begin == begin.astimezone(UTC)


def test_a_turn_that_begins_in_the_hour_that_is_skipped_begins_an_hour_later() -> None:
    daily = rota(layers=[{"people": ["anna", "bob"], "every": "day", "at": "02:30"}])
    before, jumped, after = wall(2026, 3, 29, 1, 59), wall(2026, 3, 29, 3, 10), wall(2026, 3, 29, 3, 31)
    assert on_call(daily, "Europe/Berlin", before) == on_call(daily, "Europe/Berlin", jumped) == "anna"
    assert on_call(daily, "Europe/Berlin", after) == "bob"


def test_a_turn_that_begins_in_the_hour_that_comes_twice_begins_at_the_first() -> None:
    daily = rota(layers=[{"people": ["anna", "bob"], "every": "day", "at": "02:30"}])
    first, second = wall(2026, 10, 25, 2, 31), wall(2026, 10, 25, 2, 15, fold=1)
    assert on_call(daily, "Europe/Berlin", first) == on_call(daily, "Europe/Berlin", second), "it does not change back"


def test_layers_hours_and_overrides() -> None:
    two = rota(
        layers=[
            {"people": ["anna"], "hours": "mon-fri 09:00-17:00"},
            {"people": ["bob"], "hours": "mon-sat 00:00-24:00"},
        ],
        overrides=[{"person": "carl", "from": "2026-11-24T10:00", "to": "2026-11-24T11:00"}],
    )
    at = {
        (23, 8): "bob", (23, 9): "anna", (23, 16): "anna", (23, 17): "bob", (24, 10): "carl", (24, 11): "anna",
        (28, 12): "bob", (29, 12): None,
    }  # fmt: skip
    assert {key: on_call(two, "Europe/Berlin", wall(2026, 11, *key)) for key in at} == at
    [gap] = gaps(two, "Europe/Berlin", wall(2026, 11, 23), wall(2026, 11, 30))
    assert (gap.begin, gap.end) == (wall(2026, 11, 29), wall(2026, 11, 30))


def test_by_hand_goes_before_the_configuration_and_the_newest_before_the_others() -> None:
    one = rota(people=["anna"], overrides=[{"person": "bob", "from": "2026-11-23", "to": "2026-11-30"}])
    at = wall(2026, 11, 24)
    by_hand = [Takeover(name, at - timedelta(hours=1), at + timedelta(hours=1)) for name in ("dora", "carl")]
    assert on_call(one, "Europe/Berlin", at, by_hand) == "dora"
    assert on_call(one, "Europe/Berlin", at + timedelta(hours=1), by_hand) == "bob"


def test_a_rota_has_a_zone_of_its_own() -> None:
    there = rota(layers=[{"people": ["anna", "bob"], "every": "day"}], zone="America/New_York")
    [first, _] = shifts(there, "Europe/Berlin", wall(2026, 7, 1, 12), wall(2026, 7, 2, 12))
    assert first.end == datetime(2026, 7, 1, 13, tzinfo=UTC)


def test_turns_go_back_before_their_first_day() -> None:
    later = rota(layers=[{"people": ["anna", "bob"], "since": "2030-01-07"}])
    assert on_call(later, "UTC", datetime(2030, 1, 7, 9, tzinfo=UTC)) == "anna"
    assert on_call(later, "UTC", datetime(2030, 1, 7, 8, tzinfo=UTC)) == "bob"
    assert on_call(later, "UTC", datetime(2026, 1, 7, 8, tzinfo=UTC)) is not None


@pytest.mark.parametrize("block", [{"every": "10m", "people": ["a"]}, {"every": "0s", "people": ["a"]}])
def test_turns_are_not_hectic(block: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Layer.model_validate(block)


def test_an_override_goes_forward() -> None:
    with pytest.raises(ValidationError):
        Override.model_validate({"person": "a", "from": "2026-11-24T10:00", "to": "2026-11-24T10:00"})


PEOPLE = st.lists(st.sampled_from(["anna", "bob", "carl", "dora"]), min_size=1, max_size=4)
CLOCKS = st.builds(lambda hour, minute: f"{hour:02}:{minute:02}", st.integers(0, 23), st.sampled_from([0, 30]))
HOURS = st.one_of(
    st.none(),
    st.builds(lambda a, b: [f"mon-fri {a}-{b}"], CLOCKS, CLOCKS),
    st.just(["sat 00:00-24:00", "sun 02:30-03:30"]),
)
LAYERS = st.builds(
    lambda people, every, at, day, hours: {
        "people": people, "every": every, "at": at, "day": day, **({"hours": hours} if hours else {})
    },
    PEOPLE, st.sampled_from(["day", "week", "1h", "12h", "36h", "30d"]), CLOCKS, st.sampled_from(["mon", "wed", "sun"]), HOURS,
)  # fmt: skip
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(lambda at: at.replace(tzinfo=UTC))


@settings(max_examples=150, deadline=None)
@given(st.lists(LAYERS, min_size=1, max_size=3), st.sampled_from(ZONES), MOMENTS, st.integers(1, 200), st.data())
def test_every_moment_has_exactly_one_person_or_is_in_a_gap(
    layers: list[dict[str, Any]], zone: str, begin: datetime, length: int, data: st.DataObject
) -> None:
    end = begin + timedelta(hours=length)
    some = rota(layers=layers)
    found, bare = shifts(some, zone, begin, end), gaps(some, zone, begin, end)
    pieces = sorted([(one.begin, one.end) for one in found] + [(one.begin, one.end) for one in bare])
    assert pieces[0][0] == begin and pieces[-1][1] == end
    assert all(before[1] == after[0] for before, after in itertools.pairwise(pieces)), "no overlap, no hole"
    at = begin + (end - begin) * data.draw(st.floats(0, 0.999))
    expected = next((one.person for one in found if one.begin <= at < one.end), None)
    assert on_call(some, zone, at) == expected, "however much is looked at"


@settings(max_examples=60, deadline=None)
@given(LAYERS.filter(lambda one: "hours" not in one), st.sampled_from(ZONES), MOMENTS)
def test_a_layer_without_hours_has_no_gap(layer: dict[str, Any], zone: str, begin: datetime) -> None:
    assert gaps(rota(layers=[layer]), zone, begin, begin + timedelta(days=10)) == ()
