"""A whole daemon acts on an attack: it shuts the address out, tells, opens an incident; and knows of it after kill -9."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.channels import slack_stand_in
from tests.channels.stand_in import StandIn, serving
from tests.real.serve.running import Place, place, until

ACTIONS = """\
channels:
  chat: {{kind: slack, url: {{file: url}}}}
security:
  limits:
    auth_failure: {{count: 3, within: 1m}}
    suspicious: {{count: 3, within: 1m}}
actions:
  guessing: {{security: auth_failure, do: [block_ip, alert], to: chat, for: 1h}}
  probing: {{security: suspicious, do: investigate, severity: P2}}
blocking:
  allow: 198.51.100.0/24
  by:
    kind: command
    block: [{python}, {folder}/fw.py, add, "{{address}}"]
    unblock: [{python}, {folder}/fw.py, del, "{{address}}"]
"""
PROGRAM = "import sys; open({calls!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')"


@pytest.fixture
def chat() -> Iterator[StandIn]:
    with serving(slack_stand_in.judge) as stand_in:
        yield stand_in


@pytest.fixture
def app(tmp_path: Path, chat: StandIn) -> Iterator[Place]:
    (tmp_path / "fw.py").write_text(PROGRAM.format(calls=str(tmp_path / "calls")))
    (tmp_path / "url").write_text(chat.url + slack_stand_in.PATH)
    with place(tmp_path, extra=ACTIONS.format(python=sys.executable, folder=tmp_path)) as made:
        yield made.write()


def attack(app: Place, kind: str, source: str) -> None:
    for number in range(4):
        event = {"kind": kind, "source": source, "key": f"{kind} {source} {number}"}
        app.client.call("POST", "/api/security/events", event)


def calls(app: Place) -> list[str]:
    path = app.folder / "calls"
    return path.read_text().splitlines() if path.exists() else []


def test_an_attack_is_answered_and_a_killed_daemon_goes_on(app: Place, chat: StandIn) -> None:
    daemon = app.start()
    attack(app, "auth_failure", "203.0.113.7")
    attack(app, "auth_failure", "198.51.100.9")
    attack(app, "suspicious", "203.0.113.8")
    until(lambda: calls(app) == ["add 203.0.113.7"], "the address is shut out")
    until(lambda: len(chat.taken) >= 2, "somebody is told")
    until(lambda: app.client.call("GET", "/api/incidents"), "an incident is open")
    told = app.json("block")["blocks"]
    assert [one["network"] for one in told] == ["203.0.113.7"], "the allow-list holds"
    until(
        lambda: any("blocking.allow" in str(one) for one in app.client.call("GET", "/api/audit?limit=100")),
        "the record says why",
    )

    os.kill(daemon.pid, signal.SIGKILL)
    daemon.wait()
    app.start()
    until(lambda: calls(app) == ["add 203.0.113.7"] * 2, "the blocker is told again at the start")
    app.run("block", "remove", "203.0.113.7")
    until(lambda: calls(app)[-1] == "del 203.0.113.7", "it is let in again")
    app.run("block", "add", "203.0.113.99", "--for", "2h")
    until(lambda: calls(app)[-1] == "add 203.0.113.99", "the daemon does what a command wants")
    assert len(chat.taken) == len({one.data["text"] for one in chat.taken}), "nothing was told twice"
