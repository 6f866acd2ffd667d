"""Kind `dns` against a stand-in for a name server: real packets, answers made here."""

import contextlib
import random
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from pydantic import ValidationError

from daytwo.core.check import Verdict
from daytwo.core.service import AnyService
from tests.contract.checks import CheckCase, CheckContract
from tests.services.net.asking import observe, service
from tests.services.net.servers import free_port

RECORDS = {
    ("shop.example.com.", "A"): ["192.0.2.1", "192.0.2.2"],
    ("shop.example.com.", "AAAA"): ["2001:db8::1"],
    ("example.com.", "MX"): ["10 mail.example.com."],
    ("example.com.", "TXT"): ['"v=spf1 -all"'],
    ("key.example.com.", "TXT"): ['"k=rsa; p=AbCd"'],
    ("many.example.com.", "A"): [f"10.0.{n // 250}.{n % 250}" for n in range(600)],
    ("none.example.com.", "A"): [],
}
CODES = {"broken.example.com.": dns.rcode.SERVFAIL, "refused.example.com.": dns.rcode.REFUSED}

Behaviour = Callable[[bytes], list[bytes]]


def knowing(wire: bytes, *, udp: bool = True) -> list[bytes]:
    """Answers as a name server does; what is too long for a datagram is cut."""
    query = dns.message.from_wire(wire)
    question = query.question[0]
    reply = dns.message.make_response(query)
    name, sort = question.name.to_text(), question.rdtype.name
    if (name, sort) in RECORDS:
        if RECORDS[name, sort]:
            reply.answer.append(dns.rrset.from_text_list(name, 300, "IN", sort, RECORDS[name, sort]))
    else:
        reply.set_rcode(CODES.get(name, dns.rcode.NXDOMAIN))
    data = reply.to_wire()
    if udp and len(data) > 512:
        reply.answer.clear()
        reply.flags |= dns.flags.TC
        data = reply.to_wire()
    return [data]


def _pair() -> tuple[socket.socket, socket.socket]:
    """Sockets for datagrams and streams at the same port; whoever has one of them at a port may lack the other."""
    while True:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        try:
            return udp, socket.create_server(udp.getsockname())
        except OSError:
            udp.close()


class StandInNameServer:
    """Answers datagrams, and the same over TCP."""

    def __init__(self, behaviour: Behaviour = knowing) -> None:
        self._behaviour = behaviour
        self._udp, self._tcp = _pair()
        self.port = int(self._udp.getsockname()[1])
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._datagrams, self._streams)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._ending.set()
        with contextlib.suppress(OSError):
            self._udp.sendto(b"", self._udp.getsockname())
        with contextlib.suppress(OSError):
            self._tcp.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        self._udp.close()
        self._tcp.close()

    def _datagrams(self) -> None:
        while not self._ending.is_set():
            wire, sender = self._udp.recvfrom(65536)
            for reply in self._behaviour(wire) if wire else []:
                self._udp.sendto(reply, sender)

    def _streams(self) -> None:
        while not self._ending.is_set():
            try:
                connection, _ = self._tcp.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                data = connection.recv(65536)
                for reply in knowing(data[2:], udp=False):
                    connection.sendall(len(reply).to_bytes(2, "big") + reply)


@contextlib.contextmanager
def name_server(behaviour: Behaviour = knowing) -> Iterator[str]:
    """Its address."""
    server = StandInNameServer(behaviour)
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        server.close()


class DnsCase(CheckCase):
    """Names that are known, and not."""

    def __init__(self, folder: Path, server: str, silent: str) -> None:
        self.folder, self.server, self.silent = folder, server, silent

    def _service(self, name: str, **settings: object) -> AnyService:
        return service("dns", self.folder, **{"name": name, "server": self.server, **settings})

    def good(self) -> list[AnyService]:
        return [
            self._service("shop.example.com"),
            self._service("shop.example.com.", expect=["192.0.2.2", "192.0.2.1"], exactly=True),
            self._service("shop.example.com", type="AAAA", expect="2001:DB8::1"),
            self._service("example.com", type="MX", expect="10 mail.example.com"),
            self._service("example.com", type="TXT", expect="v=spf1 -all"),
            self._service("key.example.com", type="TXT", expect="k=rsa; p=AbCd"),
            self._service("many.example.com"),
        ]

    def broken(self) -> list[AnyService]:
        return [
            self._service("shop.example.com", expect="192.0.2.3"),
            self._service("shop.example.com", expect="192.0.2.1", exactly=True),
            self._service("key.example.com", type="TXT", expect="k=rsa; p=abcd"),
            self._service("none.example.com"),
            self._service("unknown.example.com"),
            self._service("broken.example.com"),
            self._service("refused.example.com"),
        ]

    def absent(self) -> list[AnyService]:
        return [self._service("shop.example.com", server=f"127.0.0.1:{free_port()}", check={"timeout": "1s"})]

    def slow(self) -> list[AnyService]:
        return [self._service("shop.example.com", server=self.silent)]


class TestDns(CheckContract):
    @pytest.fixture
    def case(self, tmp_path: Path) -> Iterator[CheckCase]:
        with name_server() as server, name_server(lambda wire: []) as silent:
            yield DnsCase(tmp_path, server, silent)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("unknown.example.com", "unknown.example.com A: there is no such name (NXDOMAIN)"),
        ("none.example.com", "none.example.com A: it resolves to nothing: there are no such records"),
        ("broken.example.com", "broken.example.com A: the name server could not find out (SERVFAIL)"),
    ],
)
def test_reasons(tmp_path: Path, name: str, why: str) -> None:
    with name_server() as server:
        assert observe("dns", tmp_path, name=name, server=server).why == why


def test_what_is_told(tmp_path: Path) -> None:
    with name_server() as server:
        observation = observe("dns", tmp_path, name="many.example.com", server=server)
    assert observation.numbers["answers"] == 600
    assert observation.numbers["ttl"] == 300
    assert observation.facts["answers"].endswith(" and 595 more")


def noise(wire: bytes) -> list[bytes]:
    return [random.Random(1).randbytes(200), b"", wire[:5], wire] * 20


def of_another(wire: bytes) -> list[bytes]:
    """The right answer to another question: a spoofed one."""
    [reply] = knowing(wire)
    return [bytes([reply[0] ^ 1]) + reply[1:]]


@pytest.mark.parametrize("behaviour", [noise, of_another])
def test_what_is_no_answer_is_not_taken_for_one(tmp_path: Path, behaviour: Behaviour) -> None:
    with name_server(behaviour) as server:
        observation = observe("dns", tmp_path, 1, name="shop.example.com", server=server)
    assert observation.verdict is Verdict.FAILED
    assert "it hung while waiting for the name server 127.0.0.1" in observation.why


def test_the_right_answer_after_noise_is_taken(tmp_path: Path) -> None:
    with name_server(lambda wire: [*noise(wire), *of_another(wire), *knowing(wire)]) as server:
        assert observe("dns", tmp_path, 5, name="shop.example.com", server=server).verdict is Verdict.OK


@pytest.mark.parametrize(
    "settings",
    [
        {"name": ""}, {"name": "a..b"}, {"name": "x" * 70 + ".com"}, {"name": "a", "type": "ANY"},
        {"name": "a", "server": "dns.example.com"}, {"name": "a", "server": "9.9.9.9:x"},
    ],
)  # fmt: skip
def test_settings_that_cannot_be(tmp_path: Path, settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        service("dns", tmp_path, **settings)
