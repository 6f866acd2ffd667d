"""Who is told: names that exist, no circles; and what is done by itself."""

from pathlib import Path

import jsonschema  # type: ignore[import-untyped,unused-ignore]
import pytest
import yaml

from daytwo.config import ConfigFileError, load
from daytwo.config.schema import schema
from daytwo.config.show import show
from daytwo.core.units import Duration

GOOD = """\
app: shop
timezone: UTC
services:
  data: {kind: files, path: ./data}
channels:
  mail: {kind: email, host: mail.example.com, from: ops@example.com, to: team@example.com}
  chat: {kind: slack, url: {env: SLACK_URL}, fallback: mail}
people:
  ada: {email: ada@example.com, channels: mail}
  ben: {email: ben@example.com}
oncall:
  primary: {people: [ada, ben]}
routes:
  loud: {level: critical, to: [primary, chat]}
actions:
  guessing: {security: auth_failure, do: block_ip}
  probing: {security: "susp*", do: [alert, investigate], to: [ada, primary], severity: P2}
blocking: {by: {kind: nftables, helper: /usr/local/sbin/d2}, allow: 203.0.113.0/24}
"""


def problems(folder: Path, old: str, new: str) -> str:
    assert old in GOOD
    (folder / "daytwo.yaml").write_text(GOOD.replace(old, new, 1))
    with pytest.raises(ConfigFileError) as caught:
        load(folder)
    assert "pydantic" not in str(caught.value).lower()
    return str(caught.value)


def test_what_is_right_is_taken_and_shown(tmp_path: Path) -> None:
    (tmp_path / "daytwo.yaml").write_text(GOOD)
    config = load(tmp_path)
    assert config.actions["guessing"].for_ == Duration(3600)
    shown = show(config)
    assert "from: ops@example.com" in shown and "helper: /usr/local/sbin/d2" in shown
    (tmp_path / "daytwo.yaml").write_text(shown)
    assert load(tmp_path).fingerprint


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("to: [primary, chat]", "to: [primary, chta]", "there is no channel or rota chta; did you mean `chat`?"),
        ("channels: mail", "channels: [mial]", "there is no channel mial; did you mean `mail`?"),
        ("people: [ada, ben]", "people: [ada, bne]", "there is no person bne; did you mean `ben`?"),
        ("fallback: mail", "fallback: mall", "there is no channel mall; did you mean `mail`?"),
        ("fallback: mail", "fallback: chat", "a channel cannot stand in for itself"),
        ("to: team@example.com", "to: team@example.com, fallback: chat", "they stand in for each other: mail -> chat -> mail"),
        ("to: [ada, primary]", "to: [add]", "there is no rota, person or channel add; did you mean `ada`?"),
        ("severity: P2", "severity: P9", "there is no severity P9"),
        ("do: block_ip", "do: blok_ip", "block_ip"),
        ("do: block_ip", "do: block_ip, for: 31d", "at most 30 days"),
        ("by: {kind: nftables, helper: /usr/local/sbin/d2}, ", "", "nothing shuts addresses out"),
        ("kind: nftables, helper", "kind: iptables, helper", "`kind` is one of command, nftables"),
        ("helper: /usr/local/sbin/d2", "helpr: x", "helpr"),
        ("by: {kind: nftables, helper: /usr/local/sbin/d2}", "by: {kind: command, block: [fw, '-a={address}'], unblock: [fw, '{address}']}",
         "stand for whole words"),
        ("203.0.113.0/24", "everything", "allow"),
        ("primary: {people", "chat: {people", "chat is a channel, too"),
        ("url: {env: SLACK_URL}", "url: https://hooks.slack.com/x", "a secret is a reference"),
        ("kind: slack", "kind: slak", "no kind of channel is called slak"),
        ("to: team@example.com", 'to: "a@example.com, b@example.com"', "write one address"),
        ("email: ben@example.com", 'email: "ben@example.com, bo@example.com"', "write one address"),
        ("email: ben@example.com", "email: ben", "write an address"),
        ("from: ops@example.com", "from: \"ops@example.com\\nBcc: x@y\"", "write an address"),
    ],
)  # fmt: skip
def test_a_mistake_is_said_in_words(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert said in problems(tmp_path, old, new)


def test_editors_take_what_is_right_and_mark_what_is_not() -> None:
    checker = jsonschema.Draft202012Validator(schema())
    assert [error.message for error in checker.iter_errors(yaml.safe_load(GOOD))] == []
    assert not checker.is_valid(yaml.safe_load(GOOD.replace("host: mail", "hosst: mail")))
    assert not checker.is_valid(yaml.safe_load(GOOD.replace("url: {env: SLACK_URL}", "url: https://x")))
    assert not checker.is_valid(yaml.safe_load(GOOD.replace("kind: slack", "kind: slak")))
