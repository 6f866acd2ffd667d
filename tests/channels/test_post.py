"""How answers are judged, whatever the kind."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from daytwo.core.channel import ChannelError, RejectedError, UnavailableError
from daytwo.core.telling.post import Answer, post, retry_after
from tests.channels.stand_in import Reply, StandIn, serving
from tests.services.net.certs import sign

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


def failing(stand_in: StandIn, reply: Reply | str, timeout: float = 5) -> ChannelError:
    stand_in.faults.append(reply)
    with pytest.raises(ChannelError) as caught:
        post(f"{stand_in.url}/hooks/SecretSecretSecretSecret", {}, where="channel x", timeout=timeout)
    assert "SecretSecret" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 422, 301, 307])
def test_refused_for_good(status: int) -> None:
    with serving(lambda request: Reply()) as stand_in:
        assert type(failing(stand_in, Reply(status, "no"))) is RejectedError


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_not_now(status: int) -> None:
    with serving(lambda request: Reply()) as stand_in:
        assert type(failing(stand_in, Reply(status, "no"))) is UnavailableError


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7), ("0", 0), ("1.5", 1.5), ("-3", 0), ("999999999", 86400), ("nan", None), ("soon", None), ("", None), (None, None),
        ("Sat, 21 Nov 2026 06:01:00 GMT", 60), ("Sat, 21 Nov 2026 05:00:00 GMT", 0), ("inf", None),
    ],
)  # fmt: skip
def test_how_long_to_wait(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


def test_an_answer_without_an_end_is_read_so_far_and_no_further() -> None:
    with serving(lambda request: Reply()) as stand_in:
        stand_in.faults.append("endless")
        begun = time.monotonic()
        answer = post(f"{stand_in.url}/", {}, where="channel x", timeout=10)
        assert len(answer.text) == 65536
        assert time.monotonic() - begun < 5


@pytest.mark.parametrize("how", ["drip headers", "drip body", "hang"])
def test_a_server_that_drips_holds_nobody(how: str) -> None:
    with serving(lambda request: Reply()) as stand_in:
        begun = time.monotonic()
        assert "not done within" in str(failing(stand_in, how, 0.5)) or how == "hang"
        assert time.monotonic() - begun < 2.5


def test_what_it_says_is_repeated_short_on_one_line_and_without_secrets() -> None:
    with serving(lambda request: Reply()) as stand_in:
        said = failing(stand_in, Reply(400, "no\r\n\x1b[31m /hooks/SecretSecretSecretSecret " + "x" * 5000)).what
    assert len(said) < 300 and "\n" not in said and "\x1b" not in said and "***" in said


@pytest.mark.parametrize("text", ["[" * 60_000, "{" * 60_000, "", "\x00", '"\\ud800'])
def test_an_answer_that_is_no_json_is_none(text: str) -> None:
    assert Answer(200, text).data is None


def test_a_page_for_browsers_is_not_repeated() -> None:
    with serving(lambda request: Reply()) as stand_in:
        assert failing(stand_in, Reply(502, "<html><h1>Bad gateway</h1></html>")).what == "it answered 502"


@pytest.mark.parametrize("url", ["", "ftp://a/b", "http://", "hooks.slack.com/x", "https://exa mple/x", "http://[::1"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ChannelError):
        post(url, {}, where="channel x", timeout=1)


def test_a_certificate_that_nobody_vouches_for_gets_nothing(tmp_path: Path) -> None:
    import socket
    import threading

    context = sign().context(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            line, _ = listening.accept()
            with line:
                try:
                    context.wrap_socket(line, server_side=True).close()
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(UnavailableError, match="certificate is not trusted"):
            port = listening.getsockname()[1]
            post(f"https://127.0.0.1:{port}/SecretSecretSecretSecret", {}, where="channel x", timeout=5)
        thread.join(5)


def test_a_password_in_netrc_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with serving(lambda request: Reply()) as stand_in:
        post(stand_in.url, {}, where="channel x", timeout=5, headers={"Authorization": "Bearer t"})
        assert stand_in.taken[0].headers["authorization"] == "Bearer t"
