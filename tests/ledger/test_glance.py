"""A glance at the state: what `daytwo status` says, without SQLAlchemy and without a daemon."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from daytwo.cli.main import run
from daytwo.ledger.glance import Glance, Wrong, glance_and_wrong
from daytwo.store.database import open_database
from daytwo.store.tables import alerts, incidents, runs
from daytwo.store.url import StateUrl

OWN = {"app": "shop", "environment": "production"}
BEGAN = datetime.now(UTC) - timedelta(days=5)
CONFIG = "app: shop\ntimezone: UTC\nservices: {data: {kind: files, path: data}}\nstate: state.db\n"


@pytest.fixture
def connection(state: StateUrl) -> Iterator[sa.Connection]:
    with contextlib.closing(open_database(state)) as database, database.begin() as connection:
        yield connection


def alert(connection: sa.Connection, **given: Any) -> int:
    row = {
        "fingerprint": "f", "rule": "web", "subject": "web", "service": "web", "level": "critical", "begin": BEGAN,
        "why": "no answer",
    }  # fmt: skip
    made = alerts.insert().values(**OWN, **row | given).returning(alerts.c.id)
    return int(connection.execute(made).scalar_one())


def incident(connection: sa.Connection, **given: Any) -> int:
    row = {
        "title": "The shop is down", "severity": "P1", "state": "open", "began": BEGAN, "opened": BEGAN,
        "opened_by": "daytwo", "round_began": BEGAN,
    }  # fmt: skip
    made = incidents.insert().values(**OWN, **row | given).returning(incidents.c.id)
    return int(connection.execute(made).scalar_one())


def test_what_is_wrong_and_not_what_was(state: StateUrl, connection: sa.Connection) -> None:
    stands = alert(connection, acknowledged_by="anna", acknowledged=BEGAN)
    alert(connection, end=BEGAN)
    alert(connection, because_of="network")
    open_one = incident(connection)
    incident(connection, state="resolved")
    connection.commit()
    _, seen = glance_and_wrong(state, "shop", "production")
    assert [(one.id, one.begin, one.acknowledged_by) for one in seen.alerts] == [(stands, BEGAN, "anna")]
    assert [(one.id, one.severity, one.opened) for one in seen.incidents] == [(open_one, "P1", BEGAN)]
    assert glance_and_wrong(state, "shop", "staging") == (Glance(), Wrong())


def test_a_backup_of_every_five_minutes_does_not_hide_how_the_nightly_one_ended(
    state: StateUrl, connection: sa.Connection
) -> None:
    def ran(number: int, subject: str, outcome: str, kind: str = "backup") -> None:
        begun = BEGAN + timedelta(minutes=number)
        row = {"id": f"{subject}{number}", "kind": kind, "subject": subject, "owner": "", "actor": "schedule"}
        connection.execute(runs.insert().values(**OWN, **row, begun=begun, ended=begun, outcome=outcome))

    ran(0, "nightly", "partial")
    for number in range(1, 300):
        ran(number, "often", "succeeded")
        ran(number, "latest", "succeeded", kind="verify")
    connection.commit()
    seen, _ = glance_and_wrong(state, *OWN.values())
    assert [one.outcome for one in seen.runs if one.subject == "nightly"] == ["partial"]
    assert [one.begun for one in seen.runs] == sorted((one.begun for one in seen.runs), reverse=True)
    assert len({one.id for one in seen.runs}) == len(seen.runs)


def test_a_state_from_before_there_were_alerts(state: StateUrl, connection: sa.Connection) -> None:
    for table in ("tellings", "alert_steps", "alerts", "schedules"):
        connection.execute(sa.text(f"drop table {table}"))
    open_one = incident(connection)
    connection.commit()
    _, seen = glance_and_wrong(state, "shop", "production")
    assert seen.alerts == () and [one.id for one in seen.incidents] == [open_one]


def test_status_begins_with_it_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "daytwo.yaml").write_text(CONFIG)
    monkeypatch.setenv("DAYTWO_CONFIG", str(tmp_path / "daytwo.yaml"))
    with contextlib.closing(open_database(StateUrl.parse("state.db", tmp_path))) as database:
        with database.begin() as connection:
            for _ in range(7):
                alert(connection)
            incident(connection)
            incident(connection, acknowledged_by="anna", severity="P2", state="acknowledged")
    assert run(["status"]) == 1
    out = capsys.readouterr().out
    assert "1  P1  The shop is down  for 5d" in out
    assert "nobody has taken it\n       daytwo incidents ack 1\n" in out
    assert "taken by anna" in out and "incidents ack 2" not in out
    assert out.count("critical  web: no answer  for 5d") == 5 and "and more: daytwo alerts" in out
    assert out.index("incidents") < out.index("alerts") < out.index("no backups are configured")
