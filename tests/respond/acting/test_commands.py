"""`daytwo block` without a daemon: it tells the blocker itself."""

import json
import sys
from pathlib import Path

import pytest

from daytwo.blockers.nftables import helper
from daytwo.cli.main import run

CONFIG = """\
app: shop
timezone: UTC
services:
  data: {{kind: files, path: ./data}}
blocking:
  by: {{kind: command, block: [{python}, fw.py, add, "{{address}}", "{{seconds}}"], unblock: [{python}, fw.py, del, "{{address}}"]}}
"""
PROGRAM = "import sys; open('calls', 'a').write(' '.join(sys.argv[1:]) + '\\n'); sys.exit('no' if 'fail' in open('mode').read() else 0)"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fw.py").write_text(PROGRAM)
    (tmp_path / "mode").write_text("")
    (tmp_path / "daytwo.yaml").write_text(CONFIG.format(python=sys.executable))
    return str(tmp_path / "daytwo.yaml")


def calls() -> list[str]:
    return Path("calls").read_text().splitlines()


def test_add_list_remove(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["block", "add", "203.0.113.7", "--for", "2h", "--why", "scans", "-c", config]) == 0
    assert "203.0.113.7 is shut out until " in capsys.readouterr().out
    assert run(["block", "-c", config]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["ADDRESS", "UNTIL", "BY", "STATE", "WHY"]
    assert row.startswith("203.0.113.7  ") and row.endswith("shut out  scans")
    assert run(["block", "list", "--json", "-c", config]) == 0
    assert json.loads(capsys.readouterr().out)["blocks"][0]["network"] == "203.0.113.7"
    assert run(["block", "remove", "203.0.113.7", "-c", config]) == 0
    assert "let in again" in capsys.readouterr().out
    assert calls() == ["add 203.0.113.7 7200", "del 203.0.113.7"]
    assert run(["block", "-c", config]) == 0
    assert capsys.readouterr().out == "Nothing is shut out.\n"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["add", "127.0.0.1"], 5, "loopback"), (["add", "x"], 2, "is no address"), (["remove", "203.0.113.9"], 2, "not shut out"),
        (["add", "203.0.113.7", "--for", "31d"], 2, "30 days"), (["add", "203.0.113.7", "--for", "x"], 2, "--for"),
    ],
)  # fmt: skip
def test_what_is_refused(
    config: str, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    assert run(["block", *words, "-c", config]) == code
    assert said in capsys.readouterr().err


def test_f36_whoever_is_logged_in_by_ssh_does_not_shut_themselves_out(
    config: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "203.0.113.7 51234 192.0.2.1 22")
    assert run(["block", "add", "203.0.113.0/24", "-c", config]) == 5
    assert "you are logged in from there" in capsys.readouterr().err
    assert run(["block", "add", "203.0.114.7", "-c", config]) == 0
    assert calls() == ["add 203.0.114.7 3600"]
    assert run(["block", "add", "127.0.0.1", "-c", config]) == 5
    capsys.readouterr()
    assert run(["audit", "list", "--action", "block.add", "--json", "-c", config]) == 0
    assert "loopback" in capsys.readouterr().out, "what a guard refused is in the record"


def test_a_firewall_that_fails_is_said_and_remembered(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mode").write_text("fail")
    assert run(["block", "add", "203.0.113.7", "-c", config]) == 1
    assert "203.0.113.7" in capsys.readouterr().err
    assert run(["block", "-c", config]) == 0
    assert "blocker command" in capsys.readouterr().out


def test_the_helper_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["block", "helper"]) == 0
    assert capsys.readouterr().out == helper().read_text()
