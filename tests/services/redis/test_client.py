"""The commands for Redis, and what its answers mean."""

from pathlib import Path

import pytest

from daytwo.core.errors import CommandError, DaytwoError, SourceError, UnreachableError
from daytwo.core.service import Place
from daytwo.services.redis import Redis
from daytwo.services.redis.client import Info, Keys, Settings, meaning

INFO = "# Server\r\nredis_version:7.0.15\r\nvalkey_version:8.1.0\r\n# Keyspace\r\ndb0:keys=5,expires=2,avg_ttl=1\r\n" \
    "db12:keys=1,expires=0,avg_ttl=0,subexpiry=0\r\n"  # fmt: skip


def test_the_password_is_in_the_environment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHE_PASSWORD", "hunter2hunter2")
    given = {"password": {"env": "CACHE_PASSWORD"}, "username": "app", "host": "h", "tls": True}
    client = Redis("cache", Settings.model_validate(given), Place(Path("/"), "shop", "test")).client()
    command = client.command("redis-cli", "--rdb", "-")
    assert command.argv == ("redis-cli", "-p", "6379", "-h", "h", "--user", "app", "--tls", "--rdb", "-")
    assert command.secrets["REDISCLI_AUTH"].reveal() == "hunter2hunter2"
    assert "VALKEYCLI_AUTH" in client.command("valkey-cli", "PING").secrets
    assert "hunter2" not in repr(client)


def test_info_is_read() -> None:
    info = Info(INFO)
    assert info.engine == "Valkey" and info.version == "8.1.0"
    assert info.keys == {"db0": Keys(5, 2), "db12": Keys(1, 0)} and info.keys["db0"].lasting == 3
    assert Info("").keys == {} and Info("")["nothing"] == ""


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        ("NOAUTH Authentication required.", SourceError, "asks for a password"),
        ("SYNC with master failed: -NOAUTH Authentication required.", SourceError, "asks for a password"),
        ("AUTH failed: WRONGPASS invalid username-password pair", SourceError, "refuses"),
        ("Warning: AUTH failed", SourceError, "refuses"),
        ("ERR invalid password", SourceError, "refuses"),
        ("LOADING Redis is loading the dataset in memory", UnreachableError, "still loading"),
        ("NOPERM this user has no permissions to run the 'sync' command", SourceError, "+psync"),
        ("ERR unknown command 'SYNC'", SourceError, "does not hand out"),
        ("Could not connect to Redis at 127.0.0.1:1: Connection refused", UnreachableError, "does not answer"),
        ("Could not connect to Redis at x:1: Name or service not known", UnreachableError, "does not answer"),
        ("ERR something else", CommandError, "something else"),
    ],
)
def test_what_answers_mean(said: str, kind: type[DaytwoError], words: str) -> None:
    error = meaning(said, "the cache")
    assert type(error) is kind and words in str(error) and error.where == "the cache"


@pytest.mark.parametrize(
    ("text", "stderr"),
    [
        ("NOAUTH Authentication required.\n", ""),
        ("(error) NOAUTH Authentication required.", ""),
        ("PONG", "Warning: AUTH failed\n"),
        ("PONG", "AUTH failed: WRONGPASS invalid username-password pair or user is disabled.\n"),
        ("ERR unknown command 'x'", ""),
    ],
)
def test_f01_errors_that_exit_0_are_errors(text: str, stderr: str) -> None:
    client = Redis("cache", Settings(), Place(Path("/"), "shop", "test")).client()
    with pytest.raises(DaytwoError):
        client._judge(text, stderr)
    client._judge("PONG", "")
    client._judge(INFO, "")


def test_a_password_in_the_file_is_refused() -> None:
    with pytest.raises(ValueError, match="reference, not a value"):
        Settings.model_validate({"password": "hunter2"})
