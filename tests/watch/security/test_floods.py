"""Floods: counted exactly, in few rows, whatever comes."""

from datetime import timedelta

import pytest

from daytwo.core.errors import ConflictError, UsageError
from daytwo.store.database import Database
from daytwo.watch.security.book import MANY, WHOLE
from daytwo.watch.security.budget import Budget
from daytwo.watch.security.event import Happening
from tests.watch.security.conftest import Scene, clock


def flood(scene: Scene, happened: list[Happening]) -> None:
    with scene.writing() as connection:
        scene.book.add(connection, happened, scene.now)


def test_one_source_writes_few_rows_and_every_event_counts(scene: Scene) -> None:
    scene.at("10:00:59")
    events = [
        Happening(
            "auth_failure", "192.0.2.1", clock("10:00") + timedelta(milliseconds=5 * n), "log ssh", evidence=str(n)
        )
        for n in range(10_000)
    ]
    for start in range(0, 10_000, 1000):
        flood(scene, events[start : start + 1000])
    assert scene.rows() == WHOLE
    found = scene.events()
    assert sum(one.count for one in found) == 10_000
    assert (found[0].evidence, found[-1].evidence, found[-1].newest) == ("0", str(WHOLE - 1), "9999")
    assert found[-1].last == clock("10:00:49.995")
    scene.judge()
    assert scene.told() == [("192.0.2.1", "open", 10_000)]
    with scene.database.read() as connection:
        assert (
            scene.numbers.summary(connection, "security.auth_failure", clock("10:00"), clock("10:01")).count == 10_000
        )


@pytest.mark.slow
def test_a_hundred_thousand_addresses_write_no_more_than_the_budget(database: Database) -> None:
    scene = Scene(database, budget=Budget(500, 0), most=50)
    scene.limits = {"auth_failure": {"count": 2, "within": "1m"}}
    scene.at("10:00:59")
    sources = [f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(100_000)]
    for start in range(0, 100_000, 10_000):
        flood(
            scene,
            [
                Happening("auth_failure", one, clock("10:00:30"), "log ssh", count=2)
                for one in sources[start : start + 10_000]
            ],
        )
    assert scene.rows() == 501
    [crowd] = [one for one in scene.events() if one.via == MANY]
    assert (crowd.source, crowd.count) == ("", 2 * (100_000 - 500))
    scene.judge()
    told = scene.found()
    assert len(told) == 52, "fifty by themselves, those without an address, and the rest as one"
    assert [one.count for one in told if one.per == "app"] == [200_000]
    assert scene.judge() == []


def test_the_same_key_in_a_log_is_one_event(scene: Scene) -> None:
    scene.limits = {"key_exposure": {"count": 1, "within": "1h", "per": "app"}}
    for hour in range(10, 20):
        scene.at(f"{hour}:00")
        scene.happen(scene.now, "", "key_exposure", fingerprint="f00", route="github_token")
        scene.judge()
    [one] = scene.events()
    assert (one.count, one.at, one.last) == (10, clock("10:00"), clock("19:00"))
    assert [(one.state, one.count) for one in scene.found()] == [("over", 1)]


def test_a_key_repeats_safely_and_means_one_thing(scene: Scene) -> None:
    given = {"kind": "suspicious", "source": "192.0.2.1", "key": "k"}
    assert (scene.report(given).new, scene.report(given, given).known) == (1, 2)
    with pytest.raises(ConflictError, match="the key 'k' was used for something else"):
        scene.report({"kind": "other"}, {**given, "user": "bob"})
    assert len(scene.events()) == 1, "of a batch that is refused nothing is written"
    scene.at("10:01").now += timedelta(days=1)
    with scene.writing() as connection:
        scene.book.prune_keys(connection, scene.now)
    assert scene.report(given).new == 1


def test_there_are_only_so_many_kinds(scene: Scene) -> None:
    for number in range(100):
        scene.report({"kind": f"k{number}"})
    with pytest.raises(UsageError, match="100 kinds"):
        scene.report({"kind": "one-more"})
    assert scene.report({"kind": "k7"}).new == 1


def test_what_is_told_has_no_secrets(scene: Scene) -> None:
    key = "ghp_" + "a1B2c3D4e5F6" * 3
    scene.report({"kind": "suspicious", "user": key, "route": f"/?token={key}", "detail": f"with {key} in it"})
    [one] = scene.events()
    assert key not in one.model_dump_json()
    assert one.evidence == "with ghp_*** in it"


def test_a_budget_comes_back_slowly() -> None:
    now = [0.0]
    budget = Budget(2, 86400, lambda: now[0])
    assert [budget.take() for _ in range(3)] == [True, True, False]
    now[0] = 1.5
    assert [budget.take() for _ in range(2)] == [True, False]
