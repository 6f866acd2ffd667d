"""Incidents from their beginning to their review: states, timeline, checklists, promises."""

from datetime import timedelta

import pytest

from daytwo.core.errors import ConflictError, NotFoundError, UsageError
from daytwo.respond.incidents.model import State
from daytwo.respond.incidents.orders import (
    Acknowledge,
    Assign,
    Note,
    Publish,
    Regrade,
    Reopen,
    Resolve,
    Tick,
    Update,
)
from daytwo.store.tables import runs
from tests.respond.stage import Stage


def test_from_open_to_resolved_and_back(stage: Stage) -> None:
    number = stage.open(services=("web",), note="Customers call.").number
    assert stage.views.get(number).suggestion == f"Nobody has taken it: daytwo incidents ack {number}"
    stage.clock.advance(minutes=4)
    taken = stage.act(number, Acknowledge())
    assert (taken.state, taken.acknowledged_by, taken.responded) == (State.ACKNOWLEDGED, "anna", stage.clock())
    stage.act(number, Assign(person="bob"))
    stage.act(number, Note(text="The cable is loose."))
    stage.act(number, Update(phase="identified", text="We know why."))
    assert stage.views.get(number).suggestion == "Next on its checklist: 1 Assess the impact"
    with pytest.raises(ConflictError, match="has open lines: 5 Root cause identified; 6 Fix implemented"):
        stage.act(number, Resolve(cause="a cable"))
    for line in range(5, 10):
        stage.act(number, Tick(item=line))
    stage.clock.advance(minutes=20)
    over = stage.act(number, Resolve(cause="a cable"))
    assert (over.state, over.resolved_by, over.cause) == (State.RESOLVED, "anna", "a cable")
    with pytest.raises(ConflictError, match="is resolved"):
        stage.act(number, Acknowledge())
    stage.act(number, Reopen(why="it was another cable"))
    assert stage.what(number) == [
        "opened", "acknowledged", "assigned", "note", "update", *["ticked"] * 5, "resolved", "reopened"
    ]  # fmt: skip
    assert stage.actions() == [
        "incident.open", "incident.ack", "incident.assign", "incident.note", "incident.update",
        *["incident.tick"] * 5, "incident.resolve", "incident.reopen",
    ]  # fmt: skip
    assert stage.views.get(number).incident.responded == taken.responded, "who took it first stays known"
    assert ("notice", "pager", ("bob",)) in stage.told(), "whom it was assigned to"


def test_what_changes_nothing_is_not_written_down(stage: Stage) -> None:
    number = stage.open().number
    for _ in range(2):
        stage.act(number, Acknowledge())
        stage.act(number, Tick(item=1))
        stage.act(number, Publish(public=True))
        stage.act(number, Regrade(severity="P1", why="the same"))
    assert stage.what(number) == ["opened", "acknowledged", "ticked"]
    stage.act(number, Tick(item=1, ticked=False))
    assert stage.views.get(number).items[0].ticked is None


def test_names_that_are_not_there_are_told(stage: Stage) -> None:
    number = stage.open().number
    with pytest.raises(UsageError, match="there is no severity P9; there are P1, P2 and P3"):
        stage.open("P9")
    with pytest.raises(UsageError, match="no service webb; did you mean `web`"):
        stage.open(services=("webb",))
    with pytest.raises(UsageError, match="no person anne; did you mean `anna`"):
        stage.act(number, Assign(person="anne"))
    with pytest.raises(NotFoundError, match="has no line 99"):
        stage.act(number, Tick(item=99))
    with pytest.raises(NotFoundError, match="there is no incident 77"):
        stage.act(77, Acknowledge())
    assert stage.what(number) == ["opened"], "what is refused leaves nothing behind"


def test_promises_are_measured(stage: Stage) -> None:
    number = stage.open().number
    stage.clock.advance(minutes=14)
    [one] = stage.views.all()
    assert one.respond is not None and (one.respond.missed, one.respond.done) == (False, False)
    stage.clock.advance(minutes=2)
    [one] = stage.views.all()
    assert one.respond is not None and one.respond.missed and one.respond.took == 16 * 60
    stage.act(number, Acknowledge())
    stage.clock.advance(hours=1)
    stage.act(number, Resolve(cause="x", anyway=True))
    [one] = stage.views.all(over=True)
    assert one.respond is not None and one.respond.took == 16 * 60 and one.respond.done
    assert one.resolve is not None and not one.resolve.missed


def test_mean_times_by_severity(stage: Stage) -> None:
    for minutes in (10, 20):
        number = stage.open().number
        stage.clock.advance(minutes=minutes)
        stage.act(number, Acknowledge())
        stage.act(number, Resolve(cause="x", anyway=True))
    stage.open("P3")
    figures = {one.severity: one for one in stage.views.figures(30).grades}
    assert (figures["P1"].incidents, figures["P1"].mtta, figures["P1"].mttr, figures["P1"].late) == (2, 900, 900, 1)
    assert (figures["P2"].incidents, figures["P2"].mtta) == (0, None)
    assert (figures["all"].incidents, figures["all"].open, figures["P3"].mttr) == (3, 1, None)
    stage.clock.advance(days=31)
    assert stage.views.figures(30).grades[-1].incidents == 0
    assert stage.views.figures(90).grades[-1].incidents == 3


def test_the_timeline_has_what_ran_meanwhile_and_suggests_what_ran_before(stage: Stage) -> None:
    def ran(id: str, kind: str, before: timedelta) -> None:
        at = stage.clock() - before
        row = {
            "id": id, "app": "shop", "environment": "production", "kind": kind, "subject": "nightly", "owner": "o",
            "actor": "anna", "begun": at, "ended": at + timedelta(minutes=1), "outcome": "succeeded", "summary": "fine",
        }  # fmt: skip
        stage.write(lambda connection: connection.execute(runs.insert().values(**row)))

    ran("r1", "restore", timedelta(hours=1))
    ran("r2", "backup", timedelta(hours=3))
    number = stage.open().number
    stage.clock.advance(minutes=10)
    ran("r3", "backup", timedelta(minutes=5))
    found = stage.views.get(number)
    assert [one.text for one in found.changes] == ["restore nightly succeeded: fine", "restore nightly begins"]
    assert [one.text for one in found.timeline if one.source == "run"] == [
        "backup nightly begins", "backup nightly succeeded: fine"
    ]  # fmt: skip


def test_hostile_words_stay_words_in_the_review(stage: Stage) -> None:
    number = stage.open(title="<script>alert(1)</script> | [x](javascript:1)").number
    stage.act(number, Note(text="line one\n# no heading\n| no | table | `code`"))
    draft = stage.reviews.draft(number)
    assert "<script>" not in draft and "[x](" not in draft
    assert r"\[x\](javascript:1)" in draft
    assert "\n# no heading" not in draft
    assert r"line one \# no heading \| no \| table \| \`code\`" in draft
    assert "**It is not over yet.**" in draft


def test_the_review_says_what_is_known_and_asks_for_the_rest(stage: Stage) -> None:
    stage.alert()
    stage.tick()
    stage.clock.advance(minutes=30)
    stage.act(1, Acknowledge())
    stage.act(1, Resolve(cause="A cable was loose.", anyway=True))
    draft = stage.reviews.draft(1)
    for part in (
        "# Review: P1 incident 1, web: no answer within 10s", "Found by daytwo, 0 s after it began.",
        "**late**: promised within 15 min", "A cable was loose.", "## Lessons", "- [ ] Tested",
    ):  # fmt: skip
        assert part in draft, part


def test_a_security_incident_has_a_class_and_says_what_can_be_done(stage: Stage) -> None:
    number = stage.open("P2", "A key is on GitHub", category="key-exposure").number
    assert "daytwo tokens revoke NAME" in stage.views.get(number).containment
    assert stage.views.get(stage.open().number).containment == ()
