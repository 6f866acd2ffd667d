"""`daytwo channels`, and what the how-to says."""

import json
import re
from pathlib import Path

import pytest

from daytwo.channels.webhook import signature
from daytwo.cli.main import run
from tests.channels import slack_stand_in
from tests.channels.stand_in import Reply, closed_port, serving

DOCS = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "channels.md"


def config(folder: Path, urls: dict[str, str]) -> str:
    lines = [f"  {name}: {{kind: slack, url: {{file: {name}-url}}}}" for name in urls]
    for name, url in urls.items():
        (folder / f"{name}-url").write_text(url)
    path = folder / "daytwo.yaml"
    path.write_text(
        "app: shop\ntimezone: UTC\nservices:\n  data: {kind: files, path: ./data}\nchannels:\n" + "\n".join(lines)
        + "\nroutes:\n  loud: {to: chat}\n"
    )  # fmt: skip
    return str(path)


def test_each_channel_is_tried_and_a_failure_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(slack_stand_in.judge) as stand_in, closed_port() as closed:
        urls = {
            "chat": stand_in.url + slack_stand_in.PATH,
            "gone": f"{stand_in.url}/services/T0000TEAM/B0000HOOK/RevokedRevokedRevoked",
            "down": f"http://127.0.0.1:{closed}/services/SecretSecretSecret",
        }
        path = config(tmp_path, urls)
        assert run(["channels", "test", "-c", path]) == 1
        out = capsys.readouterr().out.splitlines()
        assert re.fullmatch(r"chat: taken, in [\d.]+ s", out[0])
        assert out[1] == "gone: it answered 404: no_service. Look at the address: it may have been removed"
        assert out[2] == "down: it refuses connections. Check the address, or try again later"
        assert len(stand_in.taken) == 1
        assert run(["channels", "test", "chat", "-c", path, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["channels"][0]["sent"] is True
        assert run(["channels", "test", "chta", "-c", path]) == 2
        assert "did you mean `chat`?" in capsys.readouterr().err


def test_a_secret_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = config(tmp_path, {"chat": "x"})
    (tmp_path / "chat-url").unlink()
    assert run(["channels", "test", "-c", path]) == 1
    out = capsys.readouterr().out
    assert out.startswith("chat: cannot read ") and out.count("\n") == 1


def test_the_list_says_who_uses_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = config(tmp_path, {"chat": "x", "other": "y"})
    assert run(["channels", "-c", path]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[1].split() == ["chat", "slack", "route", "loud"]
    assert run(["channels", "list", "-c", path, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["channels"][1] == {
        "channel": "other", "kind": "slack", "used_by": [], "fallback": None
    }  # fmt: skip


def test_a_server_that_asks_for_it_is_not_given_the_message_by_redirection(tmp_path: Path) -> None:
    with serving(lambda request: Reply(200)) as other, serving(lambda request: Reply(200)) as stand_in:
        stand_in.faults.append(Reply(307, "", {"Location": f"{other.url}/take"}))
        path = config(tmp_path, {"chat": f"{stand_in.url}/services/x"})
        assert run(["channels", "test", "-c", path]) == 1
        assert other.taken == []


def test_the_example_of_the_how_to_knows_our_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.S)
    names: dict = {}
    exec(code, names)
    monkeypatch.setattr(names["time"], "time", lambda: 1_800_000_000.0)
    body, stamp = b'{"a": 1}', "1799999990"
    headers = {"Daytwo-Timestamp": stamp, "Daytwo-Signature": signature("secret", stamp, body)}
    assert names["is_ours"](headers, body, "secret")
    assert not names["is_ours"](headers, b'{"a": 2}', "secret")
    assert not names["is_ours"](headers, body, "other")
    assert not names["is_ours"]({**headers, "Daytwo-Timestamp": "1799999991"}, body, "secret")
    old = {"Daytwo-Timestamp": "1799990000", "Daytwo-Signature": signature("secret", "1799990000", body)}
    assert not names["is_ours"](old, body, "secret")
