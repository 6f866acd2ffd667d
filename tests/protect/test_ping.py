"""Pings against a real HTTP server that behaves, refuses, hangs, or is not there."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from daytwo.config.models import Ping
from daytwo.core.run import Run
from daytwo.core.secrets import Secret
from daytwo.protect.ping import BODY, Manner, Pinger, ping

TOKEN = "5f0c8a3e-1d7b-4c52-9d55-0c1de2f0a9b7"


@dataclass
class Service:
    """A heartbeat service: remembers what it was sent and answers with the codes it was given."""

    url: str = ""
    codes: list[int] = field(default_factory=list)
    got: list[tuple[str, str, str]] = field(default_factory=list)
    location: str = ""


@pytest.fixture
def service() -> Iterator[Service]:
    state = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            state.got.append((self.command, self.path, body))
            self.send_response(state.codes.pop(0) if state.codes else 200)
            if state.location:
                self.send_header("Location", state.location)
            self.end_headers()
            self.wfile.write(b"OK")

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield state
        server.shutdown()
        thread.join()


@pytest.fixture
def raw() -> Iterator[Callable[[Callable[[socket.socket], None]], str]]:
    """Starts servers that do to each connection what they are told; gives their address."""
    listeners: list[socket.socket] = []

    def serve(act: Callable[[socket.socket], None]) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def loop() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    with contextlib.suppress(OSError):
                        act(connection)

        threading.Thread(target=loop, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/{TOKEN}"

    yield serve
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def manner(waits: list[float]) -> Manner:
    return Manner(timeout=5, tries=3, pause=1, wait=waits.append)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run("run1", tmp_path)


def test_the_three_events_go_where_healthchecks_has_them(service: Service, manner: Manner, run: Run) -> None:
    pinger = Pinger(Ping(url=f"{service.url}/{TOKEN}"), manner=manner)
    pinger.start(run)
    pinger.success(run)
    pinger.failure(run, "pg_dump ended with code 1")
    assert service.got == [
        ("GET", f"/{TOKEN}/start", ""),
        ("GET", f"/{TOKEN}", ""),
        ("POST", f"/{TOKEN}/fail", "pg_dump ended with code 1"),
    ]
    assert run.warnings == []


def test_own_addresses_for_events_and_silence_for_the_others(service: Service, manner: Manner, run: Run) -> None:
    pinger = Pinger(Ping(success=f"{service.url}/api/push/{TOKEN}?status=up&msg=OK"), manner=manner)
    pinger.start(run)
    pinger.success(run)
    pinger.failure(run, "x")
    assert service.got == [("GET", f"/api/push/{TOKEN}?status=up&msg=OK", "")]


def test_a_query_stays_behind_the_path(service: Service, manner: Manner, run: Run) -> None:
    Pinger(Ping(url=f"{service.url}/{TOKEN}/?create=1"), manner=manner).start(run)
    assert service.got == [("GET", f"/{TOKEN}/start?create=1", "")]


def test_the_address_may_be_a_reference(service: Service, manner: Manner, run: Run, tmp_path: Path) -> None:
    (tmp_path / "url").write_text(f"{service.url}/{TOKEN}\n")
    addresses = Ping.model_validate({"file": "url"})
    Pinger(addresses, tmp_path, manner).success(run)
    assert service.got == [("GET", f"/{TOKEN}", "")]


@pytest.mark.parametrize(
    "content", [None, "", "ftp://example.com/x", "file:///etc/passwd", "http://[bad", "hunter2hunter2"]
)
def test_f49_a_reference_that_leads_nowhere_is_a_warning(
    content: str | None, manner: Manner, run: Run, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "url").write_text(content)
    Pinger(Ping.model_validate({"file": "url"}), tmp_path, manner).success(run)
    (warning,) = run.warnings
    assert warning.startswith("the success ping was not sent: ping.success:")
    assert not content or content not in warning


def test_an_error_of_the_service_is_tried_again_with_growing_pauses(
    service: Service, manner: Manner, waits: list[float]
) -> None:
    service.codes = [500, 429, 200]
    assert ping(Secret(f"{service.url}/{TOKEN}"), manner=manner) == ""
    assert len(service.got) == 3 and waits == [1, 2]


def test_f49_a_service_that_stays_broken_is_a_warning(service: Service, manner: Manner, run: Run) -> None:
    service.codes = [500, 502, 503, 200]
    Pinger(Ping(url=f"{service.url}/{TOKEN}"), manner=manner).success(run)
    assert run.warnings == ["the success ping was not delivered: 127.0.0.1: it answered 503"]
    assert len(service.got) == 3


def test_a_wrong_address_is_not_tried_again(service: Service, manner: Manner) -> None:
    service.codes = [404]
    assert ping(Secret(f"{service.url}/{TOKEN}"), manner=manner).endswith("it answered 404; is the address right?")
    assert len(service.got) == 1


def test_a_service_that_knows_only_get_gets_the_failure_without_its_text(service: Service, manner: Manner) -> None:
    service.codes = [404, 200]
    assert ping(Secret(f"{service.url}/{TOKEN}"), "it failed", manner) == ""
    assert service.got == [("POST", f"/{TOKEN}", "it failed"), ("GET", f"/{TOKEN}", "")]


@pytest.mark.parametrize("to", ["http://elsewhere.example/x", "file:///etc/passwd"])
def test_redirects_are_not_followed(service: Service, manner: Manner, to: str) -> None:
    service.codes, service.location = [302], to
    trouble = ping(Secret(f"{service.url}/{TOKEN}"), manner=manner)
    assert trouble == "127.0.0.1: it answered 302; write the address that it redirects to"


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://127.0.0.1:port/x", "nonsense"])
def test_other_addresses_are_not_opened(address: str, manner: Manner) -> None:
    assert ping(Secret(address), manner=manner)


def test_f49_nobody_listens(manner: Manner, waits: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    trouble = ping(Secret(f"http://127.0.0.1:{port}/{TOKEN}"), manner=manner)
    assert trouble == "127.0.0.1: Connection refused"
    assert waits == [1, 2]


def test_f49_no_such_host(manner: Manner) -> None:
    trouble = ping(Secret(f"http://no-such-host.invalid/{TOKEN}"), manner=manner)
    assert trouble.startswith("no-such-host.invalid: ")


def test_f49_a_service_that_hangs_costs_no_more_than_its_time(raw: Callable, waits: list[float]) -> None:
    def hang(connection: socket.socket) -> None:
        while connection.recv(1000):
            pass

    begun = time.monotonic()
    trouble = ping(Secret(raw(hang)), manner=Manner(0.3, 2, 1, waits.append))
    assert trouble == "127.0.0.1: no answer within 0.3 s"
    assert time.monotonic() - begun < 3


def test_f49_a_service_that_answers_a_byte_at_a_time_costs_no_more(raw: Callable, waits: list[float]) -> None:
    """Each byte comes within the socket's timeout; the whole answer never does."""

    def trickle(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        stop = threading.Event()
        while not stop.wait(0.05):
            connection.sendall(b"x")

    begun = time.monotonic()
    trouble = ping(Secret(raw(trickle)), manner=Manner(0.4, 1, 1, waits.append))
    assert trouble == "127.0.0.1: no answer within 0.4 s"
    assert time.monotonic() - begun < 3


def test_f49_a_service_that_speaks_something_else(raw: Callable, manner: Manner) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"220 mail.example.com ESMTP\r\n")

    assert ping(Secret(raw(talk)), manner=manner).startswith("127.0.0.1: ")


def test_f11_the_address_and_secrets_are_never_shown(service: Service, manner: Manner, run: Run) -> None:
    password = Secret("correct-horse-battery")
    service.codes = [200, 500, 500, 500]
    pinger = Pinger(Ping(url=f"{service.url}/{TOKEN}"), manner=manner)
    pinger.failure(run, f"login with {password.reveal()} failed")
    pinger.failure(run, "again")
    assert service.got[0][2] == "login with *** failed"
    assert run.warnings and TOKEN not in "".join(run.warnings)
    assert TOKEN not in ping(Secret(f"http://127.0.0.1:1/{TOKEN} with space"), manner=manner)


def test_only_the_end_of_a_long_text_is_sent(service: Service, manner: Manner) -> None:
    ping(Secret(service.url), "x" * BODY + "the end", manner)
    assert len(service.got[0][2]) == BODY and service.got[0][2].endswith("the end")
