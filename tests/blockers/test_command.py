"""Programs that block: the address is one word, whatever it is."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from daytwo.blockers.command import Commands, CommandSettings
from daytwo.core.blocker import BlockerError, network_of, shown
from daytwo.core.service import Place

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
PROGRAM = """\
import os, sys
with open("calls", "a") as file:
    file.write("|".join([*sys.argv[1:], os.environ.get("FIREWALL_TOKEN", "")]) + "\\n")
if sys.argv[1] == "list":
    print("203.0.113.7 expires soon\\n# a comment\\n2001:db8::/64")
if sys.argv[1] == "fail":
    sys.exit("the firewall says no: " + os.environ["FIREWALL_TOKEN"])
"""


def blocker(folder: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Commands:
    monkeypatch.chdir(folder)
    (folder / "fw.py").write_text(PROGRAM)
    (folder / "token").write_text("SecretSecretSecret")
    run = [sys.executable, "fw.py"]
    settings = {
        "kind": "command", "block": [*run, "add", "{address}", "{seconds}", "{until}"],
        "unblock": [*run, "del", "{address}"], "list": [*run, "list"], "env": {"FIREWALL_TOKEN": {"file": "token"}},
        **changes,
    }  # fmt: skip
    return Commands(CommandSettings.model_validate(settings), Place(folder, "shop", "production"))


def test_it_is_told_the_address_and_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = blocker(tmp_path, monkeypatch)
    made.block(network_of("203.0.113.7"), NOW + timedelta(hours=1), NOW)
    made.unblock(network_of("2001:db8::1"))
    assert [shown(one.network) for one in made.blocked(NOW)] == ["203.0.113.7", "2001:db8::/64"]
    assert (tmp_path / "calls").read_text().splitlines() == [
        "add|203.0.113.7|3600|2026-11-21T07:00:00+00:00|SecretSecretSecret",
        "del|2001:db8::/64|SecretSecretSecret",
        "list|SecretSecretSecret",
    ]


def test_what_it_says_when_it_fails_is_told_without_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = blocker(tmp_path, monkeypatch, unblock=[sys.executable, "fw.py", "fail", "{address}"])
    with pytest.raises(BlockerError, match="the firewall says no") as caught:
        made.unblock(network_of("203.0.113.7"))
    assert "SecretSecret" not in str(caught.value)


def test_a_program_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = blocker(tmp_path, monkeypatch, unblock=["no-such-firewall", "{address}"])
    with pytest.raises(BlockerError, match="not installed"):
        made.unblock(network_of("203.0.113.7"))


@pytest.mark.parametrize(
    "words", [["fw", "--ip={address}"], ["sh", "-c", "fw {address}"], ["fw", "add"], ["{address}"], []]
)
def test_an_address_is_a_word_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    with pytest.raises(ValidationError):
        blocker(tmp_path, monkeypatch, block=words)
