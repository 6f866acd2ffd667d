"""Facts become the page: states, bars, stories, maintenance; and nothing that is not for users."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from daytwo.core.check import Verdict
from daytwo.respond.incidents import orders
from daytwo.respond.status_page.model import Health
from daytwo.respond.status_page.render import feed
from daytwo.respond.windows import Maintenances
from tests.respond.status_page.stage import ANN, CONFIG, Stage, staged

OK, FAILED, UNSURE = Verdict.OK, Verdict.FAILED, Verdict.INCONCLUSIVE
HOUR = timedelta(hours=1)


def states(stage: Stage) -> dict[str, Health]:
    return {one.name: one.state for one in stage.view().components}


def all_well(stage: Stage) -> None:
    for name in ("web", "api", "db"):
        stage.seen(name, OK)


def test_all_is_well(stage: Stage) -> None:
    all_well(stage)
    shown = stage.view()
    assert shown.sentence == "All systems operational"
    assert [one.title for one in shown.components] == ["Shop front", "Storage"]
    assert (shown.title, shown.url) == ("The Shop", "https://status.example.com/")


@pytest.mark.parametrize(
    ("web", "api", "state", "sentence"),
    [
        (OK, FAILED, Health.PARTIAL, "Some systems are disturbed"),
        (FAILED, FAILED, Health.OUTAGE, "Some systems are disturbed"),
        (UNSURE, UNSURE, Health.UNKNOWN, "The state of some systems is not known"),
        (UNSURE, OK, Health.OPERATIONAL, "All systems operational"),
    ],
)
def test_a_component_is_as_its_checks_are(
    stage: Stage, web: Verdict, api: Verdict, state: Health, sentence: str
) -> None:
    all_well(stage)
    stage.seen("web", web)
    stage.seen("api", api)
    assert states(stage)["front"] is state
    assert stage.view().sentence == sentence


def test_everything_down_is_an_outage(stage: Stage) -> None:
    for name in ("web", "api", "db"):
        stage.seen(name, FAILED)
    assert stage.view().sentence == "Outage"


def test_one_failed_answer_is_no_disturbance_yet(stage: Stage) -> None:
    all_well(stage)
    stage.seen("web", FAILED, failures=1)
    assert states(stage)["front"] is Health.OPERATIONAL
    stage.seen("web", FAILED, failures=2)
    assert states(stage)["front"] is Health.PARTIAL


def test_only_the_first_check_of_a_service_counts_unless_others_are_named(tmp_path: Path) -> None:
    text = CONFIG.replace("services: db}", "services: db, checks: ['db*']}")
    (tmp_path / "named").mkdir()
    for config, wanted in ((CONFIG, Health.OPERATIONAL), (text, Health.PARTIAL)):
        with staged(tmp_path if config is CONFIG else tmp_path / "named", config) as stage:
            all_well(stage)
            stage.seen("db.certificate", FAILED, service="db")
            assert states(stage)["store"] is wanted


def test_what_nobody_looked_at_lately_is_not_known(stage: Stage) -> None:
    all_well(stage)
    stage.clock.advance(3600)
    assert set(states(stage).values()) == {Health.UNKNOWN}


def test_people_can_say_that_it_is_worse_and_not_that_it_is_better(stage: Stage) -> None:
    all_well(stage)
    first = stage.tell("Slow", components={"front": "degraded", "store": "operational"})
    stage.seen("db", FAILED)
    assert states(stage) == {"front": Health.DEGRADED, "store": Health.OUTAGE}
    stage.tell("Over", state="resolved", notice=first.number, components={"front": "operational"})
    assert states(stage)["front"] is Health.OPERATIONAL


def test_a_bar_has_the_share_of_its_day_and_leaves_out_what_nobody_knows(stage: Stage) -> None:
    noon = datetime(2026, 11, 18, 12, tzinfo=UTC)
    stage.was("db", (noon, OK), (noon + 3 * HOUR, FAILED), (noon + 4 * HOUR, OK), (noon + 9 * HOUR, UNSURE),
              (noon + 12 * HOUR, OK))  # fmt: skip
    stage.seen("db", OK)
    store = stage.view().components[1]
    assert len(store.days) == 90
    by_day = {one.day.isoformat(): one for one in store.days}
    bad = by_day["2026-11-18"]
    assert (bad.ok, bad.failed, bad.unknown) == (8 * 3600, 3600, 15 * 3600)
    assert bad.uptime == pytest.approx(8 / 9)
    assert by_day["2026-11-19"].uptime == 1
    assert by_day["2026-11-17"].uptime is None
    assert by_day["2026-11-21"].ok == 6 * 3600, "today, until now"
    assert store.uptime == pytest.approx((8 + 24 + 24 + 6) / (9 + 24 + 24 + 6))


def test_days_that_are_over_are_remembered_and_today_goes_on(stage: Stage) -> None:
    stage.was("db", (stage.clock.now - 30 * HOUR, OK))
    stage.seen("db", OK)
    before = stage.view().components[1].days
    stage.clock.advance(600)
    stage.was("db", (stage.clock.now, FAILED))
    stage.clock.advance(1800)
    stage.seen("db", FAILED)
    after = stage.view().components[1].days
    assert after[:-1] == before[:-1]
    assert (after[-1].failed, after[-1].ok) == (1800, 6 * 3600 + 600)
    stage.clock.advance(24 * 3600)
    stage.seen("db", FAILED)
    moved = stage.view().components[1].days
    assert [one.day for one in moved[:-1]] == [one.day for one in after[1:]]
    assert moved[-2].failed == 24 * 3600 - (6 * 3600 + 600)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_days_are_as_long_as_the_clock_on_the_wall_says(tmp_path: Path, day: str, hours: int) -> None:
    with staged(tmp_path, CONFIG.replace("timezone: UTC", "timezone: Europe/Berlin")) as stage:
        stage.clock.now = datetime.fromisoformat(f"{day}T12:00:00+00:00") + timedelta(days=3)
        stage.was("db", (stage.clock.now - timedelta(days=20), OK))
        stage.seen("db", OK)
        by_day = {one.day.isoformat(): one for one in stage.view().components[1].days}
        assert by_day[day].ok == hours * 3600


def test_maintenance_is_shown_ahead_is_no_downtime_and_wins_over_what_fails(tmp_path: Path) -> None:
    window = 'maintenance: {move: {from: "2026-11-21T05:00", to: "2026-11-21T08:00", services: [db]}}\n'
    with staged(tmp_path, CONFIG + window) as stage:
        all_well(stage)
        stage.clock.now = datetime(2026, 11, 21, 4, tzinfo=UTC)
        [ahead] = stage.view().maintenance
        assert (ahead.open, ahead.components) == (False, ("Storage",))
        stage.was("db", (datetime(2026, 11, 21, tzinfo=UTC), OK), (datetime(2026, 11, 21, 5, tzinfo=UTC), FAILED))
        stage.clock.now = datetime(2026, 11, 21, 7, tzinfo=UTC)
        all_well(stage)
        stage.seen("db", FAILED)
        shown = stage.view()
        assert shown.components[1].state is Health.MAINTENANCE
        assert shown.sentence == "Maintenance is under way"
        today = shown.components[1].days[-1]
        assert (today.failed, today.maintenance, today.ok) == (0, 2 * 3600, 5 * 3600)
        stage.clock.now = datetime(2026, 11, 21, 8, tzinfo=UTC)
        stage.seen("db", FAILED)
        assert (stage.view().maintenance, stage.view().components[1].state) == ((), Health.OUTAGE)


def test_maintenance_that_somebody_begins_is_shown(stage: Stage) -> None:
    all_well(stage)
    with stage.database.begin() as connection:
        Maintenances("shop", "production").begin(connection, ["db"], HOUR, stage.clock(), by="ann", why="SECRET")
    shown = stage.view()
    assert [one.open for one in shown.maintenance] == [True]
    assert "SECRET" not in shown.model_dump_json()


def test_a_story_from_its_first_word_to_the_past_and_out_of_it(stage: Stage) -> None:
    all_well(stage)
    first = stage.tell("Looking", title="Slow search", components={"front": "degraded"})
    stage.clock.advance(60)
    stage.tell("Found", state="identified", notice=first.number)
    [story] = stage.view().current
    assert (story.title, story.state, story.components) == ("Slow search", "identified", ("Shop front",))
    assert [one.text for one in story.updates] == ["Found", "Looking"]
    stage.clock.advance(60)
    stage.tell("Done", state="resolved", notice=first.number)
    shown = stage.view()
    assert (shown.current, [one.id for one in shown.past]) == ((), [f"notice-{first.number}"])
    stage.clock.advance(14 * 24 * 3600 + 1)
    assert stage.view().past == ()


def test_a_public_incident_is_there_at_once_and_goes_when_it_is_resolved(stage: Stage) -> None:
    all_well(stage)
    number = stage.incident("The shop is slow", services=("db",))
    [story] = stage.view().current
    assert (story.title, story.components, story.updates) == ("The shop is slow", ("Storage",), ())
    assert states(stage)["store"] is Health.DEGRADED
    stage.act(number, orders.Resolve(cause="SECRET", anyway=True))
    shown = stage.view()
    assert (shown.current, len(shown.past), states(stage)["store"]) == ((), 1, Health.OPERATIONAL)
    assert "SECRET" not in shown.model_dump_json()


def test_an_incident_that_is_not_public_is_not_there(stage: Stage) -> None:
    number = stage.incident("SECRET", public=False)
    assert "SECRET" not in stage.view().model_dump_json()
    with pytest.raises(Exception, match="not on the status page"):
        stage.tell("Hello", incident=number)


def test_an_update_written_in_an_incident_is_the_pages_too_and_only_once(stage: Stage) -> None:
    number = stage.incident("The shop is slow")
    stage.act(number, orders.Update(phase="identified", text="We found it"))
    for _ in range(2):
        stage.spread()
    stage.tell("It is being mended", state="monitoring", incident=number)
    stage.spread()
    [story] = stage.view().current
    assert [one.text for one in story.updates] == ["It is being mended", "We found it"]
    assert story.state == "monitoring"
    with stage.database.read() as connection:
        told = [one.text for one in stage.incidents.book.events(connection, number) if one.what == "update"]
    assert told == ["We found it", "It is being mended"], "the timeline has both"


def test_what_is_withdrawn_leaves_a_mark_and_no_words(stage: Stage) -> None:
    made = stage.tell("All customers are to panic", components={"front": "outage"})
    with stage.database.begin() as connection:
        stage.desk.withdraw(connection, made.number, ANN, stage.clock())
    shown = stage.view()
    assert shown.current == ()
    [story] = shown.past
    assert (story.updates[0].withdrawn, story.updates[0].text) == (True, "")
    assert "panic" not in shown.model_dump_json()


def test_readers_of_the_feed_get_a_withdrawal_as_news(stage: Stage) -> None:
    """A reader that has an entry takes it anew only when its time of change is later (RFC 4287, 4.2.15)."""
    made = stage.tell("All customers are to panic")
    stage.clock.advance(600)
    with stage.database.begin() as connection:
        stage.desk.withdraw(connection, made.number, ANN, stage.clock())
    entry = ElementTree.fromstring(feed(stage.view())).find("{*}entry")
    assert entry is not None
    assert entry.findtext("{*}published") == made.at.isoformat()
    assert entry.findtext("{*}updated") == stage.clock().isoformat()


def test_nothing_of_what_is_behind_it_is_shown(stage: Stage) -> None:
    noon = stage.clock.now - 3 * HOUR
    stage.was("web", (noon, OK), (noon + HOUR, FAILED))
    stage.seen("web", FAILED)
    stage.seen("db.SECRET-CHECK", FAILED, service="db")
    shot = stage.site.now(anew=True)
    for content in (*shot.files.values(), *shot.served.values()):
        for secret in (b"SECRET", b"10.0.0.1", b"internal.example", b"production", b"ops@example.com"):
            assert secret not in content
