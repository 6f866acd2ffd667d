"""The short and the long forms of what a backup says."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from daytwo.config.models import Backup, Hook, Keep, Ping, PingTarget
from daytwo.core.secrets import SecretRef


def backup(**settings: Any) -> Backup:
    return Backup.model_validate(settings)


def test_defaults() -> None:
    made = backup()
    assert (made.services, made.at, made.to, made.keep, made.ping, made.missed_after) == (None,) * 6
    assert (made.before, made.after, made.on_failure, made.stop) == ((),) * 4
    assert (str(made.timeout), made.parallel, str(made.floor), made.verify) == ("6h", 4, "500MB", False)


@pytest.mark.parametrize(
    ("written", "runs"),
    [
        ("echo 'a b' c", [("echo", "a b", "c")]),
        (["echo a", "echo b"], [("echo", "a"), ("echo", "b")]),
        ([["echo", "a b"]], [("echo", "a b")]),
        ([{"run": "echo a"}], [("echo", "a")]),
        ({"run": ["echo", "a | b"]}, [("echo", "a | b")]),
        ([["sh", "-c", "a | b > c"]], [("sh", "-c", "a | b > c")]),
    ],
)
def test_hooks(written: object, runs: list[tuple[str, ...]]) -> None:
    assert [hook.run for hook in backup(before=written).before] == runs


@pytest.mark.parametrize(
    "written", ["", "a | b", "a && b", "a > b", [[]], {"run": []}, {"run": 5}, 5, [[1]], "echo 'a"]
)
def test_hooks_that_cannot_run(written: object) -> None:
    with pytest.raises(ValidationError):
        backup(before=written)


def test_hook_defaults() -> None:
    hook = Hook.model_validate("true")
    assert (hook.service, str(hook.timeout)) == (None, "10m")


def test_one_name_needs_no_list() -> None:
    made = backup(services="db", to="local", stop="shop")
    assert (made.services, made.to, made.stop) == (("db",), ("local",), ("shop",))


def test_a_ping_is_an_address_or_a_reference_or_one_for_each_event() -> None:
    url, ref = "https://hc.example.com/abc", SecretRef(env="PING_URL")
    plain, hidden = Ping.model_validate(url), Ping.model_validate({"env": "PING_URL"})
    assert plain.target("start") == PingTarget(url, "/start")
    assert plain.target("success") == PingTarget(url)
    assert plain.target("failure") == PingTarget(url, "/fail")
    assert hidden.target("failure") == PingTarget(ref, "/fail")
    single = Ping.model_validate({"failure": {"file": "url.txt"}})
    assert single.target("failure") == PingTarget(SecretRef(file=Path("url.txt")))
    assert single.target("start") is None


@pytest.mark.parametrize("bad", ["hc.example.com", "ftp://x/y", {}, {"start": "x"}, {"end": "https://x"}, 5, []])
def test_pings_that_reach_nothing(bad: object) -> None:
    with pytest.raises(ValidationError):
        Ping.model_validate(bad)


@pytest.mark.parametrize("bad", [{}, {"last": 0}, {"daily": -1}, {"within": "0s"}, {"last": 1.5}, {"forever": 1}])
def test_keeps_that_keep_nothing(bad: object) -> None:
    with pytest.raises(ValidationError):
        Keep.model_validate(bad)


def test_models_are_frozen() -> None:
    with pytest.raises(ValidationError):
        backup().parallel = 5  # type: ignore[misc]


def test_f11_no_value_is_in_a_validation_error() -> None:
    with pytest.raises(ValidationError) as caught:
        backup(ping={"start": "hunter2-hunter2"}, keep="hunter2-hunter2")
    assert "hunter2" not in str(caught.value)
