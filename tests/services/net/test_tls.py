"""Kind `tls`."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from daytwo.core.check import Verdict
from daytwo.core.service import AnyService
from tests.contract.checks import CheckCase, CheckContract
from tests.services.net.asking import observe, service
from tests.services.net.certs import DAY, sign
from tests.services.net.servers import Server, answer, free_port, hanging, once, serving


class TlsCase(CheckCase):
    """Servers with certificates of our own authority, good and bad."""

    sometimes = frozenset({"resolve"})

    def __init__(self, folder: Path, good: Server, old: Server, plain: Server, hangs: Server) -> None:
        self.folder = folder
        self.servers = (good, old, plain, hangs)

    def _service(self, server: Server, **settings: object) -> AnyService:
        return service("tls", self.folder, **{"address": f"127.0.0.1:{server.port}", "ca": "ca.pem", **settings})

    def good(self) -> list[AnyService]:
        good, *_ = self.servers
        return [
            self._service(good, server_name="shop.example.com"),
            self._service(good, ca=None, insecure=True),
            self._service(good, address=f"localhost:{good.port}", server_name="shop.example.com"),
        ]

    def broken(self) -> list[AnyService]:
        good, old, plain, _ = self.servers
        return [
            self._service(good),
            self._service(good, server_name="shop.example.com", ca=None),
            self._service(old),
            self._service(old, ca=None, insecure=True),
            self._service(plain, check={"timeout": "1s"}),
        ]

    def absent(self) -> list[AnyService]:
        return [
            service("tls", self.folder, address=f"127.0.0.1:{free_port()}"),
            service("tls", self.folder, address="no-such-host.invalid"),
        ]

    def slow(self) -> list[AnyService]:
        return [self._service(self.servers[3])]

    def our_fault(self) -> list[AnyService]:
        return [self._service(self.servers[0], ca="no-such.pem")]


class TestTls(CheckContract):
    @pytest.fixture
    def case(self, tmp_path: Path) -> Iterator[CheckCase]:
        authority = sign(name="our authority", authority=True)
        (tmp_path / "ca.pem").write_bytes(authority.pem())
        good = sign(authority, name="shop.example.com").context(tmp_path, "good")
        old = sign(authority, begins=-9 * DAY, ends=-DAY).context(tmp_path, "old")
        with (
            serving(hanging(), good) as one,
            serving(hanging(), old) as two,
            serving(once(answer(b"x"))) as plain,
            serving(hanging()) as hangs,
        ):
            yield TlsCase(tmp_path, one, two, plain, hangs)


def test_what_is_told(tmp_path: Path) -> None:
    signed = sign(name="shop.example.com", ends=10 * DAY)
    with serving(hanging(), signed.context(tmp_path)) as server:
        observation = observe(
            "tls", tmp_path, address=f"127.0.0.1:{server.port}", server_name="shop.example.com", ca="server.pem"
        )
    assert observation.verdict is Verdict.OK
    assert observation.facts["version"] == "TLSv1.3"
    assert observation.facts["subject"] == observation.facts["names"] == "shop.example.com"
    assert len(observation.facts["fingerprint"]) == 64
    assert 9.9 * 86400 < observation.numbers["certificate_left"] < 10 * 86400


def test_an_old_version_is_told(tmp_path: Path) -> None:
    context = sign().context(tmp_path)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with serving(hanging(), context) as server:
        address = f"127.0.0.1:{server.port}"
        assert observe("tls", tmp_path, address=address, insecure=True).verdict is Verdict.OK
        observation = observe("tls", tmp_path, address=address, insecure=True, at_least="TLSv1.3")
    assert observation.why == f"{address}: it speaks TLSv1.2, not TLSv1.3"


def test_the_usual_port(tmp_path: Path) -> None:
    for address in ("127.0.0.3", "[::1]"):
        assert observe("tls", tmp_path, 3, address=address).why.startswith(f"{address}:443: ")
    with pytest.raises(ValidationError):
        service("tls", tmp_path, address="host:port")
