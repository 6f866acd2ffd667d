"""Kind `tcp`."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from daytwo.core.check import Verdict
from daytwo.core.service import AnyService
from tests.contract.checks import CheckCase, CheckContract
from tests.services.net.asking import observe, service
from tests.services.net.servers import Server, free_port, hanging, resetting, serving


def mail(connection: socket.socket) -> None:
    """Greets a byte at a time, answers PING, closes."""
    for byte in b"220 mail.example.com ESMTP\r\n":
        connection.sendall(bytes([byte]))
    if b"PING" in connection.recv(100):
        connection.sendall(b"PONG\r\n")


class TcpCase(CheckCase):
    """Something that greets."""

    sometimes = frozenset({"resolve"})

    def __init__(self, folder: Path, greets: Server, hangs: Server, resets: Server) -> None:
        self.folder = folder
        self.greets, self.hangs, self.resets = greets, hangs, resets

    def _service(self, **settings: object) -> AnyService:
        return service("tcp", self.folder, **settings)

    def good(self) -> list[AnyService]:
        return [
            self._service(address=f"127.0.0.1:{self.greets.port}"),
            self._service(address=f"localhost:{self.greets.port}", expect="220 "),
            self._service(address=f"127.0.0.1:{self.greets.port}", send="PING\r\n", expect="PONG"),
            self._service(socket="listener", expect="220 "),
        ]

    def broken(self) -> list[AnyService]:
        return [
            self._service(address=f"127.0.0.1:{self.greets.port}", expect="554 ", check={"timeout": "1s"}),
            self._service(address=f"127.0.0.1:{self.resets.port}", send="x\r\n\r\n", expect="2"),
        ]

    def absent(self) -> list[AnyService]:
        return [
            self._service(address=f"127.0.0.1:{free_port()}"),
            self._service(address="no-such-host.invalid:25"),
            self._service(socket="no-such-socket"),
        ]

    def slow(self) -> list[AnyService]:
        return [self._service(address=f"127.0.0.1:{self.hangs.port}", expect="220 ")]


class TestTcp(CheckContract):
    @pytest.fixture
    def case(self, tmp_path: Path) -> Iterator[CheckCase]:
        with (
            serving(mail) as greets,
            serving(hanging()) as hangs,
            serving(resetting) as resets,
            serving(mail, path=str(tmp_path / "listener")),
        ):
            yield TcpCase(tmp_path, greets, hangs, resets)


def test_what_it_says_is_told(tmp_path: Path) -> None:
    with serving(mail) as server:
        observation = observe("tcp", tmp_path, address=f"127.0.0.1:{server.port}", expect="220 mail.example.com")
    assert observation.facts["says"].startswith("220 mail")
    assert observation.numbers["first_byte"] < observation.numbers["duration"]


def test_one_that_never_ends_is_listened_to_no_longer_than_needed(tmp_path: Path) -> None:
    def handle(connection: socket.socket) -> None:
        while True:
            connection.sendall(b"\xff\x00" * 30_000)

    with serving(handle) as server:
        observation = observe("tcp", tmp_path, address=f"127.0.0.1:{server.port}", expect="220")
    assert observation.verdict is Verdict.FAILED
    assert "it does not say '220'" in observation.why
    assert observation.facts["says"].isprintable()


@pytest.mark.parametrize(
    "settings",
    [
        {}, {"address": "host"}, {"address": "host:0"}, {"address": "host:99999"}, {"address": "::1:80"},
        {"address": "a b:80"}, {"address": ":80"}, {"address": "[::1:80"}, {"address": "http://host:80"},
        {"address": "host:80", "socket": "/s"}, {"address": "host:80", "ssh": "other"},
    ],
)  # fmt: skip
def test_settings_that_cannot_be(tmp_path: Path, settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        service("tcp", tmp_path, **settings)


def test_ipv6_is_written_in_brackets(tmp_path: Path) -> None:
    observation = observe("tcp", tmp_path, address=f"[::1]:{free_port()}")
    assert observation.why.startswith("[::1]:")
