"""`daytwo users` and `daytwo tokens`, as a person types them."""

import io
import json
import sys
import time
from datetime import datetime, tzinfo
from pathlib import Path

import pytest

from daytwo.cli.main import run
from daytwo.core.errors import ExitCode
from tests.access.people import GOOD


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "daytwo.yaml").write_text("app: shop\ntimezone: UTC\nservices: {data: {kind: files, path: ./data}}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAYTWO_CONFIG", raising=False)
    return tmp_path


@pytest.fixture
def daytwo(shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    def call(*argv: str, typed: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        code = run(list(argv))
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_users(daytwo) -> None:
    assert daytwo("users", "add", "Alice", "--role", "admin", typed=GOOD + "\n")[0] == 0
    assert daytwo("users", "add", "bob", typed=GOOD + "\n")[1] == "bob can log in, as viewer.\n"
    out = daytwo("users", "list")[1]
    assert [line.split()[:2] for line in out.splitlines()] == [["NAME", "ROLE"], ["alice", "admin"], ["bob", "viewer"]]
    for argv in (("role", "BOB", "operator"), ("disable", "bob"), ("enable", "bob"), ("remove", "bob")):
        assert daytwo("users", *argv)[0] == 0, argv
    listed = json.loads(daytwo("users", "list", "--json")[1])
    assert [one["name"] for one in listed] == ["alice"]
    assert daytwo("users", "password", "alice", "--must-change", typed="another long one\n")[0] == 0
    assert "must change" in daytwo("users", "list")[1]


def test_links(daytwo) -> None:
    code, out, _ = daytwo("users", "invite", "bob@example.org", "--role", "operator")
    assert code == 0 and "http://127.0.0.1:8470/welcome/" in out
    daytwo("users", "add", "alice", "--role", "admin", typed=GOOD + "\n")
    made = json.loads(daytwo("users", "password", "alice", "--link", "--json")[1])
    assert made["link"].startswith("http://127.0.0.1:8470/welcome/") and made["expires"]


def test_open_links_are_listed_and_withdrawn(daytwo) -> None:
    assert daytwo("users", "invitations")[1] == "There are no open links.\n"
    made = daytwo("users", "invite", "bob", "--role", "operator")[1]
    daytwo("users", "invite", "carla")
    out = daytwo("users", "invitations")[1]
    assert [line.split()[:4] for line in out.splitlines()[1:]] == [
        ["bob", "new", "user", "operator"], ["carla", "new", "user", "viewer"],
    ]  # fmt: skip
    assert made.split("/welcome/")[1].strip() not in daytwo("users", "invitations", "--json")[1]
    assert daytwo("users", "withdraw", "Bob")[1] == "The link for bob is withdrawn.\n"
    assert [one["name"] for one in json.loads(daytwo("users", "invitations", "--json")[1])] == ["carla"]
    code, _, said = daytwo("users", "withdraw", "bob")
    assert code == ExitCode.CONFIG and "no open link for bob" in said
    assert json.loads(daytwo("audit", "list", "--action", "user.withdraw", "--json")[1])[0]["subject"] == "bob"


def test_expired_tokens_are_listed_and_revoked_ones_when_asked_for(daytwo, monkeypatch: pytest.MonkeyPatch) -> None:
    daytwo("tokens", "create", "short", "--expires", "1s")
    daytwo("tokens", "create", "gone")
    daytwo("tokens", "revoke", "gone")
    from daytwo.cli import tokens

    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Later":
            return cls.fromtimestamp(time.time() + 60, tz)

    monkeypatch.setattr(tokens, "datetime", Later)
    out = daytwo("tokens", "list")[1]
    assert "short" in out and "expired" in out and "gone" not in out
    assert "revoked" in daytwo("tokens", "list", "--all")[1]


@pytest.mark.parametrize(
    ("argv", "typed", "code"),
    [
        (("users", "add", "x y"), GOOD, ExitCode.CONFIG),
        (("users", "add", "bob", "--role", "root"), GOOD, ExitCode.CONFIG),
        (("users", "add", "bob"), "short", ExitCode.CONFIG),
        (("users", "add", "bob"), "", ExitCode.CONFIG),
        (("users", "add", "alice"), GOOD, ExitCode.REFUSED),
        (("users", "invite", "alice"), "", ExitCode.REFUSED),
        (("users", "remove", "alice"), "", ExitCode.REFUSED),
        (("users", "password", "nobody"), GOOD, ExitCode.CONFIG),
        (("tokens", "revoke", "nothing"), "", ExitCode.CONFIG),
        (("tokens", "create", "x", "--expires", "soon"), "", ExitCode.CONFIG),
        (("tokens", "create", "x", "--expires", "0"), "", ExitCode.CONFIG),
        (("tokens", "create", "x", "--area", "helath"), "", ExitCode.CONFIG),
        (("tokens", "create", "x", "--role", "boss"), "", ExitCode.CONFIG),
    ],
)
def test_mistakes_are_told_without_a_traceback(daytwo, argv: tuple[str, ...], typed: str, code: int) -> None:
    daytwo("users", "add", "alice", "--role", "admin", typed=GOOD + "\n")
    got, out, err = daytwo(*argv, typed=typed)
    assert got == code
    assert err.startswith("error: ") and "Traceback" not in err and out == ""
    assert typed not in err or not typed


def test_a_token_s_secret_is_printed_once(daytwo, shop: Path) -> None:
    code, out, _ = daytwo("tokens", "create", "grafana", "--area", "health", "--area", "runs", "--expires", "90d")
    assert code == 0
    (secret,) = [word for word in out.split() if word.startswith("dt_")]
    assert secret not in daytwo("tokens", "list")[1]
    assert secret not in daytwo("tokens", "list", "--all", "--json")[1]
    assert secret.encode() not in (shop / ".daytwo" / "state.db").read_bytes()
    (listed,) = json.loads(daytwo("tokens", "list", "--json")[1])
    assert (listed["areas"], listed["role"], listed["state"]) == (["health", "runs"], "viewer", "active")
    assert daytwo("tokens", "revoke", "grafana")[1] == "Token grafana is revoked.\n"
    assert json.loads(daytwo("tokens", "list", "--json")[1]) == []
    assert json.loads(daytwo("tokens", "list", "--all", "--json")[1])[0]["state"] == "revoked"


def test_a_password_is_never_an_argument(daytwo) -> None:
    for words in (
        ("users", "add", "bob", GOOD),
        ("users", "password", "bob", GOOD),
        ("users", "add", "bob", "--password", GOOD),
    ):
        assert daytwo(*words)[0] == 2
