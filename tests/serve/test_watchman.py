"""The watchman: what he notices, and what he does not take for silence."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from daytwo.ledger.heartbeats import Book, Kind, Report, State, Watches
from daytwo.serve.pulse import Pulse
from daytwo.serve.site import Site
from daytwo.serve.watchman import Watchman, follow, ping_url, promises
from daytwo.store.database import open_database
from daytwo.store.url import StateUrl
from daytwo.store.writer import Writer

pytestmark = pytest.mark.slow

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HEAD = "app: shop\ntimezone: UTC\nservices: {data: {kind: files, path: data}}\n"
TWO = HEAD + "heartbeats: {hourly: {every: 1h}, nightly: {at: '0 13 * * *', grace: 10m}}\n"


class Night:
    """A state that outlives its daemons, and both clocks."""

    def __init__(self, folder: Path, text: str = TWO) -> None:
        self.path = folder / "daytwo.yaml"
        self.path.write_text(text)
        self.site = Site(self.path)
        self.database = open_database(StateUrl.of(self.site.config))
        self.writer = Writer(self.database)
        self.writer.__enter__()
        self.book = Book(self.database, "shop", "production")
        self.wall, self.real = NOON, 0.0
        self.watchman = self.daemon()

    def daemon(self) -> Watchman:
        """A daemon that has just been started."""
        follow(self.site, self.book, self.writer, lambda: self.wall)
        watches = Watches(self.database, "shop", "production")
        return Watchman(
            Pulse(), self.site, self.book, watches, self.writer, lambda: self.wall, lambda: self.real
        )  # fmt: skip

    def restart(self) -> None:
        self.watchman = self.daemon()

    def later(self, minutes: float) -> None:
        """Time passes with nobody there."""
        self.wall += timedelta(minutes=minutes)
        self.real += 60 * minutes

    def set_clock(self, minutes: float) -> None:
        self.wall += timedelta(minutes=minutes)

    def tick(self) -> dict[str, State]:
        return {row.name: verdict.state for row, verdict in asyncio.run(self.watchman.tick())}

    def watch(self, minutes: float) -> list[tuple[str, State]]:
        """Time passes with the watchman going his rounds."""
        found: list[tuple[str, State]] = []
        for _ in range(round(minutes * 4)):
            self.later(0.25)
            found += self.tick().items()
        return found

    def report(self, *names: str) -> None:
        promised = promises(self.site.config)

        def write(connection: sa.Connection) -> None:
            for name in names:
                self.book.record(connection, name, Report(Kind.SUCCESS), promised.get(name), self.wall)

        self.writer.run(write)

    def states(self) -> dict[str, State]:
        return {one.name: one.state for one in self.book.all()}

    def close(self) -> None:
        self.writer.__exit__(None, None, None)
        self.database.close()


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    made = Night(tmp_path)
    made.tick()
    made.report("hourly", "nightly")
    yield made
    made.close()


def test_silence_is_noticed(night: Night) -> None:
    assert night.watch(60) == []
    assert night.watch(1) == [("hourly", State.LATE), ("nightly", State.LATE)]
    assert night.watch(4.5) == [("hourly", State.DOWN)]
    assert night.watch(5) == [("nightly", State.DOWN)]
    assert night.watch(60) == []


def test_a_restart_changes_nothing(night: Night) -> None:
    night.watch(66)
    before = night.states()
    night.later(0.2)
    night.restart()
    assert night.tick() == {}
    assert night.states() == before == {"hourly": State.DOWN, "nightly": State.LATE}


def test_f28_what_fell_due_with_no_daemon_there_has_its_whole_grace_time_again(night: Night) -> None:
    night.watch(10)
    night.later(600)
    night.restart()
    assert night.tick() == {"hourly": State.LATE, "nightly": State.LATE}
    assert night.watch(4.75) == []
    assert night.watch(0.5) == [("hourly", State.DOWN)]
    assert night.watch(4.5) == []
    assert night.watch(0.75) == [("nightly", State.DOWN)]


def test_f28_what_was_down_before_stays_so(night: Night) -> None:
    night.watch(66)
    night.later(600)
    night.restart()
    assert night.tick() == {}
    assert night.states()["hourly"] is State.DOWN


def test_f28_a_machine_that_slept(night: Night) -> None:
    night.watch(10)
    night.later(600)
    assert night.tick() == {"hourly": State.LATE, "nightly": State.LATE}
    assert night.watch(4.75) == []
    assert night.watch(0.5) == [("hourly", State.DOWN)]


def test_a_daemon_that_dies_every_minute_excuses_nobody(night: Night) -> None:
    found: list[tuple[str, State]] = []
    for _ in range(70):
        found += night.watch(0.75)
        night.later(0.25)
        night.restart()
    assert ("hourly", State.DOWN) in found


@pytest.mark.parametrize("minutes", [-600, 600], ids=["back", "forward"])
def test_f34_a_clock_that_is_set_is_no_silence(night: Night, minutes: float) -> None:
    night.watch(10)
    night.set_clock(minutes)
    night.later(0.05)
    assert night.tick() == {}
    assert night.watch(59) == []
    silent = [name for name, state in night.watch(7) if state is State.DOWN]
    assert "hourly" in silent


@pytest.mark.parametrize("minutes", [-600, 600], ids=["back", "forward"])
def test_f34_a_clock_that_is_set_while_no_daemon_runs(night: Night, minutes: float) -> None:
    night.watch(10)
    night.set_clock(minutes)
    night.restart()
    assert State.DOWN not in night.tick().values()
    assert night.watch(4.5) == []


def test_f34_a_clock_set_back_by_less_than_the_last_report_is_old(night: Night) -> None:
    night.watch(30)
    night.set_clock(-20)
    night.restart()
    night.tick()
    assert night.book.get("hourly").counted == night.wall


def test_f34_reports_from_the_future_are_no_alarm_and_no_excuse_for_ever(night: Night) -> None:
    night.set_clock(60 * 24 * 300)
    night.report("hourly")
    night.set_clock(-60 * 24 * 300)
    assert night.watch(59) == []
    assert ("hourly", State.DOWN) in night.watch(7)


def test_it_is_known_how_long_somebody_listened_also_after_a_crash(night: Night) -> None:
    night.watch(3)
    last = Watches(night.database, "shop", "production").last()
    assert last is not None
    assert last.since == NOON
    assert night.wall - last.seen < timedelta(seconds=21)


def test_the_configuration_is_followed(night: Night) -> None:
    night.path.write_text(HEAD + "heartbeats: {hourly: {every: 1h}, other: {every: 1d}}\n")
    night.site.reload()
    night.writer.run(lambda connection: None)
    missing = {one.name: one.missing is not None for one in night.book.all()}
    assert missing == {"hourly": False, "nightly": True, "other": False}
    assert "nightly" not in dict(night.watch(90))


def test_nothing_is_written_where_there_is_nothing_to_watch(tmp_path: Path) -> None:
    made = Night(tmp_path, HEAD)
    made.tick()
    assert made.watch(1) == []
    assert Watches(made.database, "shop", "production").last() is None
    made.close()


def test_at_its_end_it_writes_down_that_it_listened(night: Night) -> None:
    night.later(0.1)
    night.tick()
    night.watchman.stop()
    asyncio.run(night.watchman.work())
    last = Watches(night.database, "shop", "production").last()
    assert last is not None
    assert last.seen == night.wall


@pytest.mark.parametrize(
    ("serve", "url"),
    [
        ("", "http://127.0.0.1:8470/ping/x"),
        ("serve: {url: 'https://ops.example.com/'}", "https://ops.example.com/ping/x"),
        ("serve: {listen: '[::1]:90'}", "http://[::1]:90/ping/x"),
        ("serve: {listen: '127.0.0.1:90', tls: {cert: a, key: b}}", "https://127.0.0.1:90/ping/x"),
    ],
)
def test_where_a_job_reports(tmp_path: Path, serve: str, url: str) -> None:
    path = tmp_path / "daytwo.yaml"
    path.write_text(HEAD + serve + "\n")
    assert ping_url(Site(path).config.serve, "x") == url
