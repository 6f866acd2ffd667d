"""What systemd makes of the calendar events, compared with what the schedule means."""

import itertools
import os
import re
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from daytwo.core.errors import ConfigError
from daytwo.core.schedule import Cron, occurrences
from daytwo.install.calendar import left_out, on_calendar
from tests.parts.need import require

ZONE = "Europe/Berlin"
BEGIN = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FAR = BEGIN + timedelta(days=20 * 365)
NUMBER = 40
"""Times that are compared, up to the spring day (on which systemd goes its own way) where there are any before it."""
WRITTEN = {
    "0 3 * * *": ("*-*-* 03:00:00 Europe/Berlin",),
    "*/15 * * * *": ("*-*-* *:00/15:00 Europe/Berlin",),
    "5 4 * * sun": ("Sun *-*-* 04:05:00 Europe/Berlin",),
    "5 4 * * 7": ("Sun *-*-* 04:05:00 Europe/Berlin",),
    "0 9-17/2 * * mon-fri": ("Mon..Fri *-*-* 09,11,13,15,17:00:00 Europe/Berlin",),
    "30 4 1 * *": ("*-*-01 04:30:00 Europe/Berlin",),
    "30 4 1,15 * fri": ("*-*-01,15 04:30:00 Europe/Berlin", "Fri *-*-* 04:30:00 Europe/Berlin"),
    "0 4 * * sun#1 UTC": ("Sun *-*-01..07 04:00:00 UTC",),
    "0 4 L * *": ("*-*~01 04:00:00 Europe/Berlin",),
    "0 4 L feb,mar *": ("*-02,03~01 04:00:00 Europe/Berlin",),
    "@hourly": ("*-*-* *:00:00 Europe/Berlin",),
    "@yearly America/New_York": ("*-01-01 00:00:00 America/New_York",),
}
MORE = (
    "0 4 * * 5L", "0 4 LW * *", "0 4 * * mon#2,wed#5", "17 10/5 * * *", "0 0 31 * *", "1,2,59 23 29 2 *",
    "0 12 */7 * mon,tue", "0 12 1-7 * */2", "0 4 L * mon", "0 4 LW * */2", "0 4 13 * fri", "0 4 * */3 sat,7",
    "10-50/20 1-5 10-20/5 * *", "0 6 L,15 * *", "0 4 * * sun,fri#2", "0 5 30,L * 3#5", "0 0 * jan-mar,dec 1-5",
    "*/7 */5 * * * Asia/Kathmandu", "0 1 */2 * sun#1",
)  # fmt: skip


def elapses(events: tuple[str, ...], number: int, begin: datetime = BEGIN) -> set[datetime]:
    """The next times of each of the events, as systemd calculates them."""
    tool = require("systemd-analyze", package="systemd")
    found = set()
    for event in events:
        done = subprocess.run(
            [tool, "calendar", f"--iterations={number}", f"--base-time={begin:%Y-%m-%d %H:%M:%S} UTC", event],
            capture_output=True, text=True, check=False, timeout=60, env={**os.environ, "TZ": "UTC", "LC_ALL": "C"},
        )  # fmt: skip
        assert done.returncode == 0, f"{event}: {done.stderr}"
        for text in re.findall(r"(?:Next elapse|Iter\. #\d+|\(in UTC\)): \w{3} (\S+ \S+) UTC", done.stdout):
            found.add(datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC))
    return found


@pytest.mark.parametrize("expression", WRITTEN)
def test_it_is_written_as_a_person_would(expression: str) -> None:
    assert on_calendar(Cron(expression), ZONE) == WRITTEN[expression]


@pytest.mark.parametrize("expression", [*WRITTEN, *MORE])
def test_systemd_finds_the_same_times(expression: str) -> None:
    cron = Cron(expression)
    end = spring if next(occurrences(cron, ZONE, BEGIN, FAR)) < (spring := datetime(2027, 3, 12, tzinfo=UTC)) else FAR
    meant = list(itertools.islice(occurrences(cron, ZONE, BEGIN, end), NUMBER))
    found = sorted(at for at in elapses(on_calendar(cron, ZONE), NUMBER) if at <= end)
    assert meant
    assert found[: len(meant)] == meant
    assert len(meant) == NUMBER or len(found) == len(meant)


def test_what_systemd_cannot_say_is_refused() -> None:
    with pytest.raises(ConfigError, match="has no words for"):
        on_calendar(Cron("0 4 */2 * 5L"), "UTC")


@pytest.mark.parametrize("expression", ["30 2 * * *", "0 3 * * *", "*/5 2 * * *", "15 * * * *", "30 2 * * * UTC"])
def test_a_time_that_the_clock_skips_is_left_out_and_that_is_known(expression: str) -> None:
    cron = Cron(expression)
    spring = datetime(2027, 3, 28, tzinfo=UTC)
    meant = set(occurrences(cron, ZONE, spring, spring + timedelta(hours=23)))
    found = {at for at in elapses(on_calendar(cron, ZONE), 30, spring) if at < spring + timedelta(hours=23)}
    known = left_out(cron, ZONE, BEGIN)
    assert (known is None) == (found == meant)
    assert known in (None, spring.date())
    assert (known is not None) == (expression == "30 2 * * *")
