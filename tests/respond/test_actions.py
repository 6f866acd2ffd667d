"""Action items: kept, reminded, done."""

from datetime import date

import pytest

from daytwo.core.errors import NotFoundError
from daytwo.respond.incidents.orders import AddAction
from tests.respond.stage import ANNA, Stage


def add(stage: Stage, due: date, owner: str = "bob") -> None:
    number = stage.open("P3").number
    stage.act(number, AddAction(text="Buy a better cable", owner=owner, due=due))


def reminded(stage: Stage) -> list[tuple[str, ...]]:
    stage.tick()
    return [(one["title"], *(person["name"] for person in one["to"])) for one in stage.messages()]


def test_reminded_the_day_before_when_overdue_and_then_once_a_week(stage: Stage) -> None:
    add(stage, date(2026, 11, 25))
    ahead, late = ("To do: Buy a better cable", "bob"), ("Overdue: Buy a better cable", "bob")
    expected: list[tuple[str, ...]] = []
    for day in range(21, 42):
        assert reminded(stage) == expected, f"day {day}, seven in the morning in Berlin"
        stage.clock.advance(hours=3)
        expected += {24: [ahead], 26: [late], 33: [late], 40: [late]}.get(day, [])
        assert reminded(stage) == expected, f"day {day}, ten in the morning"
        stage.clock.advance(hours=21)


def test_what_is_done_is_not_reminded_of(stage: Stage) -> None:
    add(stage, date(2026, 11, 21))
    stage.write(lambda connection: stage.desk.finish_action(connection, 1, ANNA, stage.clock()))
    stage.clock.advance(days=3)
    assert reminded(stage) == []
    assert stage.views.actions() == ()
    [one] = stage.views.actions(done=True)
    assert (one.done_by, one.overdue) == ("anna", False)
    assert stage.actions()[-1] == "incident.action_done"
    with pytest.raises(NotFoundError, match="there is no action 9"):
        stage.write(lambda connection: stage.desk.finish_action(connection, 9, ANNA, stage.clock()))


def test_overdue_is_a_day_of_the_apps_zone(stage: Stage) -> None:
    add(stage, date(2026, 11, 21))
    stage.clock.advance(hours=16, minutes=59)
    assert [one.overdue for one in stage.views.actions()] == [False]
    stage.clock.advance(minutes=1)
    assert [one.overdue for one in stage.views.actions()] == [True], "midnight in Berlin"
