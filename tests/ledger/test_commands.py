"""`daytwo audit` and `daytwo exports`, from the command line to the state and the snapshots."""

import contextlib
import hashlib
import json
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from daytwo.cli.main import run
from daytwo.ledger.audit import Event
from daytwo.ledger.audit.event import NOTHING, hash_of
from daytwo.store.url import StateUrl
from tests.ledger.books import opened, submission

CONFIG = """\
app: shop
timezone: Europe/Berlin
services:
  data: {kind: files, path: ./data}
repositories:
  local: {kind: archive, path: ./backups}
backups:
  nightly: {services: [data], floor: 1MB}
records:
  internal: 30d
"""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file.csv").write_text("a,b\n1,2\n")
    (tmp_path / "daytwo.yaml").write_text(CONFIG)
    monkeypatch.setenv("DAYTWO_CONFIG", str(tmp_path / "daytwo.yaml"))
    return tmp_path


class Said:
    """Runs commands, and has what they said."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *argv: str, code: int = 0) -> str:
        self._capsys.readouterr()
        done = run(list(argv))
        out, err = self._capsys.readouterr()
        assert done == code, (out, err)
        return out + err

    def json(self, *argv: str, code: int = 0) -> Any:
        return json.loads(self(*argv, "--json", code=code))


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Said:
    return Said(capsys)


def test_an_export_with_its_file(app: Path, say: Said) -> None:
    file = app / "data" / "file.csv"
    add = (
        "exports",
        "add",
        "orders",
        "--to",
        "acme",
        "--rows",
        "1",
        "--file",
        str(file),
        "--key",
        "k",
        "--who",
        "anna",
    )
    made = say.json(*add)
    assert (made["new"], made["format"], made["bytes"]) == (True, "csv", 8)
    assert made["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert "recorded already, as export 1" in say(*add)
    assert "something else" in say(*add, "--note", "other", code=5)
    assert "orders" in say("exports", "list", "acm", "--who", "anna", "--since", "1d", "--class", "internal")
    assert "no such exports" in say("exports", "list", "--until", "2020-01-01")
    assert made["sha256"] in say("exports", "show", "1")
    assert say("exports", "list", "--csv").splitlines()[0].startswith("number,at,who")
    assert say("exports", "report", "--by", "destination").splitlines()[1].split()[:2] == ["acme", "1"]
    assert "export.add" in say("audit", "list", "--action", "export")
    assert made["digest"] in say("audit", "show", "internal/1")


@pytest.mark.parametrize(
    "argv",
    [
        ("exports", "add", "x", "--to", "y", "--rows", "1", "--file", "nowhere.csv"),
        ("exports", "add", "x", "--to", "y", "--rows", "-1"),
        ("exports", "add", "x", "--to", "y", "--rows", "1", "--status", "done"),
        ("exports", "show", "7"),
        ("exports", "list", "--status", "done"),
        ("exports", "list", "--since", "yesterday"),
        ("exports", "report", "--by", "colour"),
        ("audit", "show", "internal/7"),
        ("audit", "verify", "--anchor", "nowhere.json"),
    ],
)
def test_mistakes_are_told_without_a_traceback(app: Path, say: Said, argv: tuple[str, ...]) -> None:
    out = say(*argv, code=2)
    assert "rror" in out
    assert "defect" not in out


def test_a_snapshot_tells_that_the_trail_was_written_anew(app: Path, say: Said) -> None:
    add = ("exports", "add", "orders", "--to", "acme", "--rows")
    for rows in ("1", "2"):
        say(*add, rows)
    say("backup", "--quiet")
    say(*add, "3")
    verdict = say.json("audit", "verify")
    assert (verdict["whole"], verdict["anchors"]) == (True, 1)
    _rewrite(app)
    assert say.json("audit", "verify", "--no-snapshots")["whole"]
    out = say("audit", "verify", code=4)
    assert "rewritten" in out
    (app / "backups").rename(app / "elsewhere")
    (app / "backups").write_text("in the way")
    verdict = say.json("audit", "verify")
    assert verdict["notes"], "that no head could be read must be told"


def test_heads_kept_in_a_file_tell_it_too(app: Path, say: Said) -> None:
    say("exports", "add", "orders", "--to", "acme", "--rows", "1")
    heads = app / "heads.json"
    heads.write_text(say("audit", "heads"))
    assert "whole" in say("audit", "verify", "--anchor", str(heads))
    _rewrite(app)
    say("audit", "verify", "--anchor", str(heads), code=4)
    heads.write_text(heads.read_text().replace("shop", "blog"))
    assert "another app" in say("audit", "verify", "--anchor", str(heads), code=2)


def test_the_trail_is_exported_and_pruned(app: Path, say: Said) -> None:
    say("exports", "add", "orders", "--to", "acme", "--rows", "1")
    assert json.loads(say("audit", "export"))["action"] == "export.add"
    assert say("audit", "export", "--format", "csv").startswith("chain,seq")
    assert "old enough" in say("audit", "prune")


def _rewrite(app: Path) -> None:
    """Change who acted, and write the whole chain, its segments and its recorded end anew."""
    state = next(path for path in app.rglob("*.db") if b"SQLite" in path.read_bytes()[:16])
    with sqlite3.connect(state) as connection:
        connection.row_factory = sqlite3.Row
        previous = NOTHING
        rows = connection.execute("SELECT * FROM audit_events WHERE chain = 'internal' ORDER BY seq").fetchall()
        for row in rows:
            values = {**dict(row), "actor": "eve", "previous": previous}
            previous = hash_of(values)
            connection.execute(
                "UPDATE audit_events SET actor = 'eve', previous = ?, hash = ? WHERE chain = 'internal' AND seq = ?",
                (values["previous"], previous, row["seq"]),
            )
        connection.execute("UPDATE audit_segments SET head = ? WHERE chain = 'internal'", (previous,))
        connection.execute("UPDATE audit_chains SET hash = ? WHERE chain = 'internal'", (previous,))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "UTC"])
def test_a_report_is_about_the_days_that_were_named_whatever_the_zone(app: Path, say: Said, zone: str) -> None:
    (app / "daytwo.yaml").write_text(CONFIG.replace("Europe/Berlin", zone))
    books = opened(StateUrl.parse(".daytwo/state.db", app))
    with contextlib.closing(books.database), books.database.begin() as connection:
        for day in ("2026-10-31", "2026-11-01", "2026-11-30", "2026-12-01"):
            at = datetime.fromisoformat(f"{day}T12:00:00+00:00")
            books.exports.add_all(connection, [submission()], Event("export.add", actor="anna", via="cli"), at)

    def counted(*more: str) -> int:
        return int(say.json("exports", "report", *more)["exports"])

    assert counted("--since", "2026-11-01", "--until", "2026-12-01") == 2
    assert counted("--until", "2026-11-01") == 1
    assert counted("--since", "2026-11-30T23:59Z") == 2
    assert counted("--until", "2026-11-30T00:01Z") == 3
