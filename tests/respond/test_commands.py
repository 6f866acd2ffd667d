"""The commands, on a state of their own, without a daemon."""

import json
import subprocess
import tarfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from daytwo.cli import evidence
from daytwo.cli.main import run
from daytwo.config import load
from daytwo.store.database import open_database
from daytwo.store.tables import security_findings
from daytwo.store.url import StateUrl
from tests.respond.stage import CONFIG


class Shell:
    """Types commands in a folder with a configuration."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], text: str = CONFIG) -> None:
        self.config = folder / "daytwo.yaml"
        (folder / "data").mkdir()
        self.config.write_text(text)
        self._capsys = capsys

    def __call__(self, *words: str, code: int = 0) -> str:
        ended = run([*words, "--config", str(self.config)])
        told = self._capsys.readouterr()
        assert ended == code, told.out + told.err
        return told.out if code == 0 else told.err

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "--json"))


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path, capsys)


def test_a_life(shell: Shell) -> None:
    assert shell("incidents") == "There is no incident that is not over.\n"
    said = shell("incidents", "open", "The shop is down", "-s", "P1", "--service", "web")
    assert said.startswith("Incident 1 is open: P1, The shop is down\n")
    assert "does not escalate until one does" in said, "there is no daemon"
    assert "not yet: " in shell("incidents", "list")
    shell("incidents", "ack", "1")
    shell("incidents", "note", "1", "The cable is loose.")
    assert "has open lines: 5 Root cause" in shell("incidents", "resolve", "1", "--cause", "a cable", code=5)
    for line in range(5, 10):
        shell("incidents", "tick", "1", str(line))
    shell("incidents", "resolve", "1", "--cause", "a cable")
    shell("incidents", "action", "add", "1", "A better cable", "--owner", "bob", "--due", "2030-01-01")
    shown = shell("incidents", "show", "1")
    for part in (
        "Incident 1, P1, resolved",
        "note: The cable is loose.",
        "[x] 5 Root cause identified",
        "A better cable",
    ):
        assert part in shown
    assert shell.json("incidents", "report")["grades"][0]["incidents"] == 1
    assert "a cable" in shell("incidents", "review", "1")
    assert shell.json("audit", "list")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("open", "x", "-s", "P9"), "there is no severity P9"),
        (("open", "x\ny", "-s", "P1"), "title: write it on one line, without control characters"),
        (("open", "x", "-s", "P 1"), "severity: 'P 1' has characters that do not belong there"),
        (("open", "x", "-s", "P1", "--class", "theft"), "category: "),
        (("ack", "7"), "there is no incident 7"),
        (("review", "7"), "there is no incident 7"),
        (("action", "done", "7"), "there is no action 7"),
    ],
)
def test_mistakes_are_sentences(shell: Shell, words: tuple[str, ...], said: str) -> None:
    assert said in shell("incidents", *words, code=2)


def test_on_call(shell: Shell) -> None:
    before = shell.json("oncall")["oncall"][0]["person"]
    other = "carl"
    assert f"{other} is on call in primary from now on" in shell(
        "oncall", "take", "primary", "--for", "4h", "--person", other
    )
    assert shell.json("oncall")["oncall"][0]["person"] == other
    assert shell.json("oncall", "show", "primary")["shifts"][1]["person"] == before
    assert shell("oncall", "calendar", "primary").startswith("BEGIN:VCALENDAR")
    assert "say for how long" in shell("oncall", "take", "primary", "--person", other, code=2)
    assert "there is no rota primari; did you mean `primary`?" in shell("oncall", "show", "primari", code=2)


def test_a_gap_is_a_warning_of_the_check_and_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = CONFIG.replace(
        "primary: {people: [anna, bob]}", "primary: {layers: [{people: [anna], hours: mon-fri 09:00-17:00}]}"
    )
    shell = Shell(tmp_path, capsys, text)
    assert "warning: nobody is on call in primary from" in shell("config", "check")
    assert shell.json("oncall")["oncall"][0]["gap"] is not None
    assert "everybody of it would be told" in shell("oncall", "show", "primary")


def test_who_can_be_reached(shell: Shell) -> None:
    said = shell("oncall", "people")
    assert "carl@example.com" in said
    assert shell.json("oncall", "people")["people"]["anna"]["rotas"] == ["primary"]


def test_who_is_told_twice_is_a_warning_of_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = Shell(tmp_path, capsys, f"{CONFIG}routes: {{loud: {{to: [primary]}}}}\n")("config", "check")
    assert "by pager is told twice at once: by the route loud, and by the first level of P1" in said


def test_evidence_holds_no_secret_and_sha256sum_can_check_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hook").write_text("https://hooks.example.com/T0P-SECRET\n")
    (tmp_path / "hook").chmod(0o600)
    (tmp_path / "app.log").write_text("connecting with password=hunter2-in-a-log\nordinary line\n")
    text = CONFIG.replace("{env: HOOK}", "{file: hook}") + "logs: {app: {file: app.log}}\n"
    Shell(tmp_path, capsys, text)("evidence", "collect", "-o", str(tmp_path / "e.tar.gz"))
    into = tmp_path / "opened"
    into.mkdir()
    subprocess.run(["tar", "xzf", str(tmp_path / "e.tar.gz"), "-C", str(into)], check=True)
    whole = b"".join(one.read_bytes() for one in into.rglob("*") if one.is_file())
    assert b"ordinary line" in whole
    assert b"hunter2" not in whole and b"T0P-SECRET" not in whole
    check = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    assert subprocess.run(check, check=False, cwd=into).returncode == 0
    (into / "logs" / "app.log").chmod(0o600)
    (into / "logs" / "app.log").write_text("nothing happened\n")
    assert subprocess.run(check, check=False, cwd=into, capture_output=True).returncode == 1


def test_evidence_of_an_incident(shell: Shell, tmp_path: Path) -> None:
    shell("incidents", "open", "A key is out", "-s", "P2", "--class", "key-exposure")
    made = shell.json("evidence", "collect", "--incident", "1", "-o", str(tmp_path / "e.tar.gz"))
    assert {"config.yaml", "incident.json", "review.md", "audit.jsonl", "about.json"} <= set(made["files"])
    with tarfile.open(tmp_path / "e.tar.gz") as archive:
        assert b"HOOK" in archive.extractfile("config.yaml").read()  # type: ignore[union-attr]
    [record] = shell.json("exports", "list", "evidence")["exports"]
    assert (record["sha256"], record["data_class"]) == (made["sha256"], "restricted")
    timeline = shell.json("incidents", "show", "1")["timeline"]
    assert [one["text"] for one in timeline if one["what"] == "evidence"] == [
        f"e.tar.gz, {len(made['files'])} files, sha256 {made['sha256']}"
    ]
    assert run(["evidence", "verify", str(tmp_path / "e.tar.gz")]) == 0
    again = shell("evidence", "collect", "-o", str(tmp_path / "e.tar.gz"), code=5)
    assert "is there already" in again


def test_evidence_that_misses_something_says_so(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.now(UTC)
    row = {
        "app": "shop", "environment": "production", "kind": "scan", "source": "192.0.2.9", "per": "source",
        "state": "open", "begin": now, "last": now, "found": now, "count": 9, "limit": 5, "within": 900.0,
        "first_event": 1, "last_event": 9,
    }  # fmt: skip
    shell("incidents", "list")
    with closing(open_database(StateUrl.of(load(shell.config)))) as database, database.begin() as connection:
        connection.execute(security_findings.insert(), [row, row])
    assert shell.json("evidence", "collect", "-o", str(tmp_path / "whole.tar.gz"))["notes"] == []
    monkeypatch.setattr(evidence, "_MANY", 1)
    made = shell.json("evidence", "collect", "-o", str(tmp_path / "e.tar.gz"))
    assert made["notes"] == ["security-findings.json has the newest 1, and there are more"]
    with tarfile.open(tmp_path / "e.tar.gz") as archive:
        assert b"there are more" in archive.extractfile("about.json").read()  # type: ignore[union-attr]
