"""Incidents that open by themselves, what joins them, and when they are over."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from daytwo.respond.acts import Acts
from daytwo.respond.incidents.model import State
from daytwo.respond.incidents.opening import class_of
from daytwo.respond.incidents.orders import Acknowledge, Resolve
from daytwo.store.tables import alerts, security_findings
from tests.respond.stage import ANNA, CONFIG, Stage, staged


def test_an_alert_opens_one_and_others_of_the_service_join_it(stage: Stage) -> None:
    first = stage.alert()
    stage.tick()
    second = stage.alert("slow", level="critical")
    stage.tick()
    stage.tick()
    [one] = stage.views.all()
    assert (one.incident.severity, one.incident.opened_by, one.alerts) == ("P1", "daytwo", 2)
    assert one.incident.title == "web: no answer within 10s"
    assert one.incident.services == ("web",)
    assert {stage.alert_row(number).incident for number in (first, second)} == {one.incident.number}
    assert stage.what(one.incident.number) == ["opened", "escalated", "alert"]


@pytest.mark.parametrize(
    "alert",
    [
        {"level": "warning"},
        {"rule": "other", "service": "db"},
        {"held": "silenced"},
        {"because_of": "network"},
    ],
    ids=["not bad enough", "no rule says so", "silenced", "a consequence"],
)
def test_what_opens_none(stage: Stage, alert: dict[str, Any]) -> None:
    stage.alert(**alert)
    stage.tick()
    assert stage.views.all() == ()


def test_when_a_silence_ends_and_it_is_still_there_it_opens_one(stage: Stage) -> None:
    number = stage.alert(held="silenced")
    stage.tick()
    assert stage.views.all() == ()
    ended = alerts.update().where(alerts.c.id == number).values(held="")
    stage.write(lambda connection: connection.execute(ended))
    stage.tick()
    assert len(stage.views.all()) == 1


def test_after_so_long_only(stage: Stage) -> None:
    stage.alert("db", "db")
    stage.clock.advance(minutes=9)
    stage.tick()
    assert stage.views.all() == ()
    stage.clock.advance(minutes=1)
    stage.tick()
    [one] = stage.views.all()
    assert one.incident.began == stage.clock() - timedelta(minutes=10)


def test_a_consequence_joins_the_incident_of_its_cause(stage: Stage) -> None:
    stage.alert()
    stage.tick()
    follows = stage.alert("db", "db", because_of="web")
    stage.tick()
    assert stage.alert_row(follows).incident == 1
    assert len(stage.views.all()) == 1


def test_taking_an_alert_takes_its_incident_and_all_that_belongs_to_it(stage: Stage) -> None:
    first, second = stage.alert(), stage.alert("slow")
    stage.tick()
    acts = Acts(lambda: stage.config, stage.audit, stage.clock)
    stage.write(lambda connection: acts.acknowledge(connection, ANNA, first))
    [one] = stage.views.all()
    assert (one.incident.state, one.incident.acknowledged_by) == (State.ACKNOWLEDGED, "anna")
    assert stage.alert_row(second).acknowledged_by == "anna"
    before = stage.told()
    stage.clock.advance(hours=3)
    stage.tick()
    assert stage.told() == before


def test_an_alert_that_is_taken_opens_an_incident_that_is_taken(stage: Stage) -> None:
    alert = stage.alert("db", "db")
    acts = Acts(lambda: stage.config, stage.audit, stage.clock)
    stage.write(lambda connection: acts.acknowledge(connection, ANNA, alert))
    stage.clock.advance(minutes=10)
    stage.tick()
    [one] = stage.views.all()
    assert (one.incident.state, one.incident.acknowledged_by) == (State.ACKNOWLEDGED, "anna")
    stage.clock.advance(hours=3)
    stage.tick()
    assert "trigger" not in [event for event, *_ in stage.told()]


def test_taking_it_acknowledges_its_alerts_and_those_that_join_later(stage: Stage) -> None:
    first = stage.alert()
    stage.tick()
    stage.act(1, Acknowledge())
    assert stage.alert_row(first).acknowledged_by == "anna"
    later = stage.alert("slow")
    stage.tick()
    assert stage.alert_row(later).acknowledged_by == "anna"


def test_when_its_alerts_are_over_it_asks_and_resolves_nothing(stage: Stage) -> None:
    number = stage.alert()
    stage.tick()
    stage.act(1, Acknowledge())
    stage.over(number)
    stage.tick()
    stage.clock.advance(days=2)
    stage.tick()
    [one] = stage.views.all()
    assert one.incident.state is State.ACKNOWLEDGED
    assert one.suggestion.startswith("All its alerts are over. Is it resolved?")
    stage.alert()
    stage.tick()
    assert stage.views.get(1).incident.quiet is None, "it came again"
    assert stage.what(1) == ["opened", "escalated", "acknowledged", "quiet", "alert"]


def test_it_resolves_itself_where_the_configuration_wants_that(tmp_path: Path) -> None:
    text = CONFIG.replace("incidents:\n", "incidents:\n  resolve_after: 10m\n")
    with staged(tmp_path, text) as stage:
        number = stage.alert()
        stage.tick()
        stage.over(number)
        stage.tick()
        stage.clock.advance(minutes=9)
        stage.tick()
        assert stage.views.get(1).incident.state is State.OPEN
        stage.clock.advance(minutes=1)
        stage.tick()
        one = stage.views.get(1).incident
        assert (one.state, one.resolved_by) == (State.RESOLVED, "daytwo")
        assert stage.told()[-1] == ("resolve", "pager", ("bob",))
        figures = stage.views.figures(30).grades[-1]
        assert (figures.mtta, figures.mttr, figures.late) == (None, 600, 0), "nobody took it"
        stage.clock.advance(days=1)
        [row] = stage.views.all(over=True)
        assert row.respond is not None and (row.respond.took, row.respond.done) == (600, True)


def test_after_it_was_resolved_by_hand_the_same_alert_opens_no_other(stage: Stage) -> None:
    number = stage.alert()
    stage.tick()
    stage.act(1, Resolve(cause="it is a false alarm", anyway=True))
    stage.tick()
    assert stage.views.all() == ()
    stage.over(number)
    stage.alert()
    stage.tick()
    assert [one.incident.number for one in stage.views.all()] == [2], "a new alert does"


@pytest.mark.parametrize(
    ("kind", "category"),
    [
        ("breach", "breach"),
        ("key_exposure", "key-exposure"),
        ("auth_failure", "abuse"),
        ("own_word", "abuse"),
        ("", "abuse"),
    ],
)
def test_the_class_of_a_finding(kind: str, category: str) -> None:
    assert class_of(kind) == category


def finding(stage: Stage, kind: str, source: str, **more: Any) -> None:
    row = {
        "app": "shop", "environment": "production", "kind": kind, "source": source, "per": "source", "state": "open",
        "begin": stage.clock(), "last": stage.clock(), "found": stage.clock(), "count": 9, "limit": 5, "within": 900.0,
        "first_event": 1, "last_event": 9,
    }  # fmt: skip
    stage.write(lambda connection: connection.execute(security_findings.insert().values(**{**row, **more})))


def test_a_security_finding_opens_one_and_those_of_its_kind_join_it(stage: Stage) -> None:
    finding(stage, "brute_force", "192.0.2.9")
    finding(stage, "scan", "192.0.2.9")
    finding(stage, "brute_force", "192.0.2.8", found=stage.clock() - timedelta(days=2))
    stage.tick()
    finding(stage, "brute_force", "192.0.2.10")
    stage.tick()
    stage.tick()
    [one] = stage.views.all()
    assert (one.incident.title, one.incident.severity) == ("brute_force from 192.0.2.9", "P2")
    assert stage.what(1) == ["opened", "finding"]
    assert stage.views.get(1).timeline[0].text == "brute_force from 192.0.2.9: 9 within 15 min, 5 are too many"
    stage.act(1, Acknowledge())
    stage.clock.advance(hours=1)
    stage.tick()
    assert stage.views.get(1).incident.quiet is None, "only people know when that is over"


def test_something_worse_makes_it_worse(tmp_path: Path) -> None:
    text = CONFIG.replace('{rules: ["*"], services: [web], severity: P1}', (
        "{rules: [web], severity: P2}\n    - {rules: [gone], severity: P1}"
    ))  # fmt: skip
    with staged(tmp_path, text) as stage:
        stage.alert()
        stage.tick()
        stage.alert("gone")
        stage.tick()
        assert stage.views.get(1).incident.severity == "P1"
        assert "P2 -> P1: something worse belongs to it" in [one.text for one in stage.views.get(1).timeline]


def test_an_alert_that_gets_worse_makes_its_incident_worse(tmp_path: Path) -> None:
    text = CONFIG.replace('{rules: ["*"], services: [web], severity: P1}', (
        "{services: [web], severity: P1}\n    - {services: [web], level: warning, severity: P2}"
    ))  # fmt: skip
    with staged(tmp_path, text) as stage:
        number = stage.alert(level="warning")
        stage.tick()
        assert stage.views.get(1).incident.severity == "P2"
        worse = alerts.update().where(alerts.c.id == number).values(level="critical")
        stage.write(lambda connection: connection.execute(worse))
        stage.tick()
        assert stage.views.get(1).incident.severity == "P1"


def test_many_alerts_that_open_nothing_do_not_keep_another_from_opening_one(stage: Stage) -> None:
    for at in range(600):
        stage.alert(f"rule-{at}", "other", "warning")
    stage.clock.advance(minutes=1)
    stage.alert()
    stage.tick()
    assert len(stage.views.all()) == 1
