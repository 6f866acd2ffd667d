"""Secrets: found where the reference says, shown nowhere."""

import base64
import json
import pickle
import secrets as randomness
import sys
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from daytwo.core.errors import SecretError
from daytwo.core.secrets import MASK, Secret, SecretRef, redact, resolve

WHERE = "services.db.password"


@pytest.mark.parametrize(
    "form",
    [
        json.dumps, repr, urllib.parse.quote, urllib.parse.quote_plus,
        lambda text: json.dumps(text, ensure_ascii=False), lambda text: urllib.parse.quote(text, safe=""),
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    ],
)  # fmt: skip
def test_blanked_in_whatever_form_it_is_repeated(form: Callable[[str], str]) -> None:
    value = Secret(f"a/b c\\\n\"'ä?>{randomness.token_hex(8)}").reveal()
    said = redact(f"it said {form(value)}.")
    assert said.strip("'\"").replace('"', "").replace("'", "") == f"it said {MASK}."


@pytest.fixture
def value() -> str:
    return "s/" + randomness.token_urlsafe(12) + "+ä"


def test_from_the_environment(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYTWO_TEST_SECRET", value)
    assert resolve(SecretRef(env="DAYTWO_TEST_SECRET"), where=WHERE).reveal() == value


def test_from_a_file_beside_the_configuration(value: str, tmp_path: Path) -> None:
    (tmp_path / "pw").write_text(f"{value}\n")
    assert resolve(SecretRef(file=Path("pw")), where=WHERE, base=tmp_path).reveal() == value
    assert resolve(SecretRef(file=tmp_path / "pw"), where=WHERE).reveal() == value


def test_from_a_command(value: str, tmp_path: Path) -> None:
    (tmp_path / "pw").write_text(f"{value}\n")
    program = "import pathlib, sys; print(pathlib.Path(sys.argv[1]).read_text())"
    ref = SecretRef(command=(sys.executable, "-c", program, str(tmp_path / "pw")))
    assert resolve(ref, where=WHERE).reveal() == value


def test_from_a_systemd_credential(value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "db").write_text(value)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert resolve(SecretRef(credential="db"), where=WHERE).reveal() == value
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    with pytest.raises(SecretError, match="LoadCredential"):
        resolve(SecretRef(credential="db"), where=WHERE)


@pytest.mark.parametrize(
    ("ref", "what"),
    [
        (SecretRef(env="DAYTWO_NOT_SET"), "DAYTWO_NOT_SET is not set"),
        (SecretRef(file=Path("/nonexistent/pw")), "cannot read /nonexistent/pw"),
        (SecretRef(command=("daytwo-no-such-program",)), "not installed"),
        (SecretRef(command=(sys.executable, "-c", "raise SystemExit(3)")), "ended with code 3"),
        (SecretRef(command=(sys.executable, "-c", "")), "is empty"),
        (SecretRef(command=("/",)), "cannot be run"),
        (SecretRef(command=(sys.executable, "-c", "import os; os.write(1, b'pw\\xff')")), "no text in UTF-8"),
        (SecretRef(file=Path("/bin/ls")), "no text in UTF-8"),
    ],
)
def test_absent_secrets_say_which_setting_they_belong_to(ref: SecretRef, what: str) -> None:
    with pytest.raises(SecretError, match=what) as caught:
        resolve(ref, where=WHERE)
    assert str(caught.value).startswith(WHERE)
    assert caught.value.exit_code == 2


def test_a_failing_command_does_not_tell_what_it_printed(value: str, tmp_path: Path) -> None:
    (tmp_path / "pw").write_text(value)
    program = "import pathlib, sys; sys.exit(pathlib.Path(sys.argv[1]).read_text())"
    with pytest.raises(SecretError) as caught:
        resolve(SecretRef(command=(sys.executable, "-c", program, str(tmp_path / "pw"))), where=WHERE)
    assert value not in str(caught.value)


def test_f11_a_secret_does_not_print_or_travel(value: str) -> None:
    secret = Secret(value)
    assert value not in f"{secret} {secret!r} {[secret]} {secret}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_f11_every_form_of_it_is_blanked(value: str) -> None:
    Secret(value)
    forms = (value, urllib.parse.quote(value, safe=""), base64.b64encode(value.encode()).decode())
    for form in forms:
        assert redact(f"login failed for {form}!") == f"login failed for {MASK}!"


def test_a_longer_secret_is_blanked_before_one_it_contains() -> None:
    short = randomness.token_hex(6)
    Secret(short)
    Secret(short + "-and-more")
    assert redact(f"<{short}-and-more>") == f"<{MASK}>"


def test_words_too_short_to_be_secret_are_left(value: str) -> None:
    Secret("abc")
    assert redact("abc") == "abc"


@pytest.mark.parametrize("bad", ["hunter2", 12345678, 1.5, True])
def test_plain_text_is_refused_with_the_ways_to_refer(bad: object) -> None:
    with pytest.raises(ValidationError) as caught:
        SecretRef.model_validate(bad)
    message = caught.value.errors()[0]["msg"]
    assert "{env: NAME}, {file: PATH} or {command: [..]}" in message
    assert "hunter2" not in message


@pytest.mark.parametrize("bad", [{}, {"env": "A", "file": "b"}, {"vault": "x"}, []])
def test_exactly_one_place(bad: object) -> None:
    with pytest.raises(ValidationError):
        SecretRef.model_validate(bad)


@pytest.mark.parametrize(
    ("ref", "shown"),
    [
        (SecretRef(env="A"), "{env: A}"),
        (SecretRef(file=Path("b/c")), "{file: b/c}"),
        (SecretRef(command=("pass", "show", "x")), "{command: pass}"),
        (SecretRef(credential="d"), "{credential: d}"),
    ],
)
def test_a_reference_may_be_shown(ref: SecretRef, shown: str) -> None:
    assert str(ref) == shown
