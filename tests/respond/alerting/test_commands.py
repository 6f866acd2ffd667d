"""`daytwo alerts why`: every alert has an answer, also one that nobody was told of. Without a daemon."""

from datetime import timedelta
from pathlib import Path

import pytest

from daytwo.core.channel import RejectedError
from daytwo.store.database import open_database
from daytwo.store.url import StateUrl
from tests.respond.alerting.line import HEAD, Line, config_of
from tests.respond.test_commands import Shell

TEXT = """\
routes:
  night: {services: [night], to: [chat], hours: mon-sun 22:00-23:00}
  rest: {services: [told, cause, effect, known, data], to: [chat]}
maintenance: {work: {at: "0 9 * * *", length: 3h, services: [data]}}
"""


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    """Six alerts, of which only the first two are told; the receiver refuses the second."""
    config = config_of(tmp_path, TEXT)
    database = open_database(StateUrl.of(config))
    with database.begin() as connection:
        rules = {"effect": {"check": "effect", "failures": 3, "depends_on": ["cause"]}}
        line = Line(database, connection, config, "told cause effect known data night other", rules)
        line.play("09:59 known ok")
        line.silence(timedelta(hours=1), "known")
        line.play("10:00..10:02 1m told failed")
        line.paper.fails["chat"] = RejectedError("no such room", where="chat")
        names = ("cause", "known", "data", "night", "other")
        line.play("\n".join(f"10:00..10:02 1m {one} failed" for one in names) + "\n10:01..10:03 1m effect failed")
    database.close()
    return Shell(tmp_path, capsys, HEAD + "channels: {chat: {kind: webhook, url: {env: URL}}}\n" + TEXT)


def test_every_alert_has_an_answer(shell: Shell) -> None:
    numbers = {one["rule"]: one["id"] for one in shell.json("alerts", "--since", "3650d")["alerts"]}
    for rule, stage, words in (
        ("told", "send", "it is told at once"),
        ("cause", "fired through chat (route rest)", "reached nobody: chat: no such room"),
        ("effect", "depend", "it is put down to something else that fails"),
        ("known", "silence", "a silence fits it, so nobody is told while that lasts (silence 1 of rule known, by ann"),
        ("data", "window", "there is maintenance, so nobody is told before its end (work, until 2026-11-21 12:00"),
        ("night", "route", "the routes that fit it have other hours; it is told then, if it is still there (night)"),
        ("other", "route", "no route fits it, so nobody is told"),
    ):
        said = " ".join(shell("alerts", "why", str(numbers[rule])).split())
        assert stage in said, rule
        assert words in said, rule
    assert "no such room" in shell("notifications", "--dead")
    assert "there is no alert 99" in shell("alerts", "why", "99", code=2)
