"""What cron is told, and what it asks, is the same schedule: minute by minute over years."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from daytwo.core.schedule import Cron, occurrences
from daytwo.install.due import MISUSED, is_due, main
from daytwo.install.timing import Timing, timing, understood
from tests.install.stage import NOW

YEAR = timedelta(days=366)


@pytest.mark.parametrize(
    "expression", ["0 3 * * *", "*/15 * * * *", "30 4 1 * mon", "0 9-17/2 * jan-mar 1-5", "@daily"]
)
def test_in_the_machines_own_zone_cron_is_told_as_it_is_written(expression: str) -> None:
    cron = Cron(expression)
    assert timing(cron, "Europe/Berlin", "Europe/Berlin", NOW) == Timing(cron.expression)


def test_a_zone_of_another_name_and_the_same_clock_needs_no_question() -> None:
    assert timing(Cron("0 3 * * *"), "Europe/Berlin", "Europe/Vienna", NOW) == Timing("0 3 * * *")
    assert timing(Cron("0 3 * * *"), "Etc/UTC", "UTC", NOW) == Timing("0 3 * * *")


def test_the_schedules_own_zone_goes_first() -> None:
    assert timing(Cron("0 3 * * * UTC"), "Europe/Berlin", "UTC", NOW) == Timing("0 3 * * *")


@pytest.mark.parametrize(
    ("expression", "zone", "machine", "fields"),
    [
        ("0 3 * * *", "Europe/Berlin", "UTC", "0 * * * *"),
        ("30 4 * * *", "Europe/Berlin", "UTC", "0,30 * * * *"),
        ("15 3 * * *", "Asia/Kolkata", "UTC", "30,45 * * * *"),
        ("* 3 * * *", "Europe/Berlin", "UTC", "* * * * *"),
        ("0 4 * * sun#1", "Europe/Berlin", "Europe/Berlin", "0 * * * *"),
        ("0 4 L * *", "Europe/Berlin", "Europe/Berlin", "0 * * * *"),
        ("0 4 * * 5L", "Europe/Berlin", "Europe/Berlin", "0 * * * *"),
        ("5/20 * * * *", "UTC", "UTC", "0,5,25,45 * * * *"),
    ],
)
def test_what_cron_cannot_know_it_asks(expression: str, zone: str, machine: str, fields: str) -> None:
    assert timing(Cron(expression), zone, machine, NOW) == Timing(fields, asks=True)


@pytest.mark.parametrize("expression", ["0 3 * * wed", "0 0 1 jul *", "*/5 1,2 * apr-aug sat"])
def test_names_of_days_and_months_are_not_taken_for_special_days(expression: str) -> None:
    assert understood(Cron(expression))


@pytest.mark.parametrize(
    ("expression", "zone", "machine"),
    [
        ("0 3 * * *", "Europe/Berlin", "UTC"),
        ("30 2 * * *", "Europe/Berlin", "UTC"),  # skipped in spring, twice in autumn
        ("30 2 * * *", "Europe/Berlin", "America/New_York"),  # whose clocks change on other days
        ("15 3 * * sun", "Asia/Kolkata", "UTC"),
        ("0 0 1 1 *", "Pacific/Auckland", "America/Los_Angeles"),
        ("0 4 * * sun#1", "Europe/Berlin", "Europe/Berlin"),
    ],
)
def test_every_occurrence_of_a_year_is_started_and_nothing_else(expression: str, zone: str, machine: str) -> None:
    """Walks the minutes in which the machine's cron would start the line, and puts the question in each."""
    cron, here = Cron(expression), ZoneInfo(machine)
    told = timing(cron, zone, machine, NOW)
    minutes = {int(minute) for minute in told.fields.split()[0].split(",")}
    expected = set(occurrences(cron, zone, NOW, NOW + YEAR))
    assert expected
    for at in expected:
        assert at.astimezone(here).minute in minutes
        assert is_due(cron, zone, at + timedelta(seconds=20))
    for wrong in (timedelta(hours=1), timedelta(hours=-1), timedelta(minutes=1), timedelta(seconds=-1)):
        for at in list(expected)[:40]:
            assert is_due(cron, zone, at + wrong) is (any(at + wrong - timedelta(minutes=1) < e <= at + wrong
                                                          for e in expected))  # fmt: skip


def test_the_question_is_answered_by_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    at = datetime(2026, 11, 20, 2, 0, 5, tzinfo=UTC)
    assert main(["0 3 * * *", "Europe/Berlin"], at) == 0
    assert main(["0 3 * * *", "UTC"], at) == 1
    assert main(["0 3 * *", "UTC"], at) == MISUSED
    assert main(["0 3 * * *", "Europe/Nowhere"], at) == MISUSED
    assert main([], at) == MISUSED
    assert "Europe/Nowhere" in capsys.readouterr().err
