"""Heartbeats in the state: what reports do, what is kept, what is found when somebody looks."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daytwo.core import secrets
from daytwo.core.errors import NotFoundError
from daytwo.ledger.heartbeats import EXCERPT, KEPT, Book, Kind, Promise, Report, State, Watch, Watches
from daytwo.store.database import Database, open_database
from daytwo.store.url import StateUrl

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOURLY = Promise(timedelta(hours=1), None, "UTC", timedelta(minutes=5))
START, SUCCESS, FAIL = Report(Kind.START), Report(Kind.SUCCESS), Report(Kind.FAIL)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


class Scene:
    """A book, and short words for what is done with it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.book = Book(database, "shop", "production")
        self.promises: Mapping[str, Promise] = {"job": HOURLY}
        self.configure(0, job=HOURLY)

    def configure(self, minutes: float, **promises: Promise) -> None:
        self.promises = promises
        with self.database.begin() as connection:
            self.book.synchronise(connection, promises, at(minutes))

    def say(self, minutes: float, report: Report, name: str = "job") -> int:
        with self.database.begin() as connection:
            return self.book.record(connection, name, report, self.promises.get(name), at(minutes))

    def judge(self, minutes: float, watched: float | None = None) -> list[tuple[str, State]]:
        since = None if watched is None else at(watched)
        with self.database.begin() as connection:
            found = self.book.judge(connection, self.promises, since, at(minutes))
        return [(row.name, verdict.state) for row, verdict in found]

    def kinds(self) -> list[str]:
        return [ping.kind.value for ping in reversed(self.book.pings("job", 1000))]

    def state(self) -> State:
        return self.book.get("job").state


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    database = open_database(StateUrl.parse("state.db", tmp_path))
    yield Scene(database)
    database.close()


def test_a_new_one_has_an_id_that_nobody_can_guess(scene: Scene) -> None:
    scene.configure(0, job=HOURLY, other=HOURLY)
    job, other = scene.book.all()
    assert len({job.ping, other.ping}) == 2
    assert len(job.ping) == 36
    assert job.ping[14] == "4"  # a random UUID: RFC 9562, 5.4
    assert (job.state, job.due) == (State.NEW, at(60))


def test_taking_the_configuration_over_again_changes_nothing(scene: Scene) -> None:
    before = scene.book.all()
    scene.configure(30, job=HOURLY)
    assert scene.book.all() == before


@pytest.mark.parametrize(
    ("reports", "state", "failed"),
    [
        ([START], State.STARTED, False),
        ([SUCCESS], State.UP, False),
        ([FAIL], State.FAILING, True),
        ([FAIL, START], State.STARTED, True),
        ([START, SUCCESS], State.UP, False),
        ([FAIL, SUCCESS], State.UP, False),
        ([Report.exited(0)], State.UP, False),
        ([Report.exited(3)], State.FAILING, True),
        ([Report(Kind.LOG)], State.NEW, False),
        ([SUCCESS, Report(Kind.LOG)], State.UP, False),
        ([FAIL, Report(Kind.LOG)], State.FAILING, True),
    ],
)
def test_what_reports_do(scene: Scene, reports: list[Report], state: State, failed: bool) -> None:
    for minute, report in enumerate(reports):
        scene.say(minute, report)
    job = scene.book.get("job")
    assert (job.state, job.failed) == (state, failed)
    assert scene.judge(len(reports)) == []  # what is written is what would be judged


def test_what_is_remembered_of_a_run(scene: Scene) -> None:
    scene.say(0, Report(Kind.START, rid="a"))
    scene.say(2, Report(Kind.FAIL, 3, "a", excerpt="boom", source="192.0.2.1", agent="curl/8"))
    job = scene.book.get("job")
    assert (job.started, job.reported, job.succeeded) == (at(0), at(2), None)
    assert (job.exit_code, job.duration, job.due) == (3, 120_000, at(62))
    ping = scene.book.pings("job", 1)[0]
    assert (ping.seq, ping.kind, ping.exit_code, ping.duration) == (2, Kind.FAIL, 3, 120_000)
    assert (ping.excerpt, ping.rid, ping.source, ping.agent) == ("boom", "a", "192.0.2.1", "curl/8")


def test_runs_side_by_side_are_told_apart(scene: Scene) -> None:
    scene.say(0, Report(Kind.START, rid="a"))
    scene.say(1, Report(Kind.START, rid="b"))
    scene.say(3, Report(Kind.SUCCESS, rid="a"))
    assert scene.book.pings("job", 1)[0].duration == 180_000
    assert scene.state() is State.STARTED
    scene.say(4, Report(Kind.SUCCESS, rid="b"))
    assert scene.book.pings("job", 1)[0].duration == 180_000
    assert scene.state() is State.UP


def test_a_run_that_died_unheard_is_given_up_with_the_next_that_works(scene: Scene) -> None:
    scene.say(0, Report(Kind.START, rid="killed with its machine"))
    scene.say(1, Report(Kind.START, rid="b"))
    scene.say(2, Report(Kind.SUCCESS, rid="b"))
    assert scene.judge(50) == []
    assert scene.state() is State.UP


def test_an_end_without_a_known_start_closes_all(scene: Scene) -> None:
    scene.say(0, Report(Kind.START, rid="a"))
    scene.say(1, Report(Kind.SUCCESS))
    assert scene.state() is State.UP
    assert scene.book.pings("job", 1)[0].duration is None


def test_a_job_that_always_begins_and_never_ends_is_down(scene: Scene) -> None:
    for number in range(40):
        scene.say(number / 10, Report(Kind.START, rid=str(number)))
    assert scene.judge(4.9) == []
    assert scene.judge(5.1) == [("job", State.DOWN)]


def test_a_start_does_not_bring_back_what_is_down(scene: Scene) -> None:
    scene.judge(66)
    scene.say(70, START)
    assert scene.state() is State.DOWN
    assert scene.judge(71) == []
    scene.say(72, SUCCESS)
    assert (scene.state(), scene.book.get("job").overdue) == (State.UP, None)


def test_when_it_fell_silent_is_written_down_once(scene: Scene) -> None:
    scene.say(0, SUCCESS)
    assert scene.judge(59) == []
    assert scene.judge(61) == [("job", State.LATE)]
    assert scene.judge(62) == []
    assert scene.judge(66) == [("job", State.DOWN)]
    assert scene.judge(1000) == []
    assert scene.kinds() == ["success", "late", "down"]
    job = scene.book.get("job")
    assert (job.state, job.since, job.overdue) == (State.DOWN, at(66), at(60))
    assert scene.book.pings("job", 1)[0].excerpt == (
        "a report was due at 2026-11-21T13:00:00+00:00; last report 2026-11-21T12:00:00+00:00"
    )


def test_a_run_that_hangs_is_told_from_silence(scene: Scene) -> None:
    scene.say(0, START)
    assert scene.judge(6) == [("job", State.DOWN)]
    assert scene.book.pings("job", 1)[0].excerpt == (
        "a run began at 2026-11-21T12:00:00+00:00 and has not ended; it has never reported"
    )


def test_only_the_newest_are_kept(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daytwo.ledger.heartbeats.book.KEPT", 3)
    for minute in range(10):
        scene.say(minute, SUCCESS)
    assert [ping.seq for ping in scene.book.pings("job", 100)] == [10, 9, 8]
    assert KEPT == 1000


def test_pages_of_pings(scene: Scene) -> None:
    for minute in range(5):
        scene.say(minute, SUCCESS)
    assert [ping.seq for ping in scene.book.pings("job", 2)] == [5, 4]
    assert [ping.seq for ping in scene.book.pings("job", 2, before=4)] == [3, 2]


def test_of_what_a_job_prints_the_end_is_kept_without_secrets(scene: Scene) -> None:
    secrets.remember("correct-horse")
    scene.say(0, Report(Kind.FAIL, excerpt="é" * EXCERPT + "\x00 password is correct-horse"))
    kept = scene.book.pings("job", 1)[0].excerpt
    assert kept.endswith(" password is ***")
    assert "\x00" not in kept
    assert EXCERPT - 4 <= len(kept.encode()) <= EXCERPT


def test_one_gone_from_the_configuration_is_kept_but_silent(scene: Scene) -> None:
    scene.say(0, SUCCESS)
    scene.configure(10)
    assert scene.judge(1000) == []
    assert scene.book.get("job").missing == at(10)
    assert scene.say(1001, SUCCESS) == 2
    assert scene.judge(2000) == []
    scene.configure(3000, job=HOURLY)
    assert scene.judge(3001) == []
    job = scene.book.get("job")
    assert (job.missing, job.due, job.state) == (None, at(3060), State.UP)


def test_another_promise_counts_from_when_it_was_made(scene: Scene) -> None:
    scene.say(0, SUCCESS)
    scene.configure(50, job=Promise(timedelta(minutes=5), None, "UTC", timedelta(minutes=1)))
    assert scene.judge(51) == []
    assert scene.judge(57) == [("job", State.DOWN)]


def test_another_promise_does_not_bring_back_what_is_down(scene: Scene) -> None:
    scene.say(0, SUCCESS)
    scene.judge(1000)
    scene.configure(1001, job=Promise(timedelta(hours=2), None, "UTC", timedelta(minutes=5)))
    assert scene.judge(1002) == []
    assert scene.state() is State.DOWN
    scene.configure(1003, job=Promise(timedelta(days=2), None, "UTC", timedelta(minutes=5)))
    assert scene.judge(1004) == [("job", State.UP)]


def test_a_new_id_makes_the_old_one_worthless(scene: Scene) -> None:
    old = scene.book.get("job").ping
    scene.book.learn()
    assert scene.book.name_of(old) == "job"
    with scene.database.begin() as connection:
        new = scene.book.rotate(connection, "job")
    with pytest.raises(NotFoundError), scene.database.begin() as connection:
        scene.book.record(connection, "job", SUCCESS, HOURLY, at(1), old)
    with scene.database.begin() as connection:
        scene.book.record(connection, "job", SUCCESS, HOURLY, at(1), new)
    assert scene.kinds() == ["success"]


def test_what_is_not_there(scene: Scene) -> None:
    with pytest.raises(NotFoundError):
        scene.book.get("nothing")
    with pytest.raises(NotFoundError):
        scene.say(0, SUCCESS, "nothing")


def test_apps_do_not_see_each_others(scene: Scene) -> None:
    other = Book(scene.database, "shop", "staging")
    assert other.all() == []
    with pytest.raises(NotFoundError):
        other.get("job")


def test_f34_after_the_clock_was_set_all_count_from_then_on(scene: Scene) -> None:
    scene.say(0, Report(Kind.START, rid="a"))
    scene.say(5, Report(Kind.SUCCESS, rid="a"))
    scene.say(6, START)
    with scene.database.begin() as connection:
        scene.book.clock_was_set(connection, at(-600))
    job = scene.book.get("job")
    assert (job.counted, job.reported, job.open[0].at) == (at(-600), at(-600), at(-600))
    assert scene.judge(-596) == []
    assert scene.judge(-594) == [("job", State.DOWN)]


def test_f34_a_clock_that_is_set_does_not_bring_back_what_is_down(scene: Scene) -> None:
    scene.judge(66)
    with scene.database.begin() as connection:
        scene.book.clock_was_set(connection, at(-600))
    assert scene.judge(-599) == []
    assert scene.state() is State.DOWN


def test_a_watch_goes_on_until_there_is_a_gap(scene: Scene) -> None:
    watch = Watch(at(0), at(0)).on(at(0.5)).on(at(1))
    assert watch == Watch(at(0), at(1))
    assert watch.on(at(2)) == Watch(at(2), at(2))
    assert watch.on(at(0.5)) == Watch(at(0.5), at(0.5))
    watches = Watches(scene.database, "shop", "production")
    assert watches.last() is None
    for one in (watch, watch.on(at(2))):
        with scene.database.begin() as connection:
            watches.write(connection, one)
        assert watches.last() == one
