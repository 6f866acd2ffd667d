"""Kind `certificate` on this machine."""

import os
import tracemalloc
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import ValidationError

from daytwo.core.check import Verdict
from daytwo.core.service import AnyService
from tests.contract.checks import CheckCase, CheckContract
from tests.services.net.asking import observe, service
from tests.services.net.certs import DAY, sign


class CertificateCase(CheckCase):
    """Certificate files of all sorts."""

    secrets = ("a-pass-phrase",)

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        authority = sign(name="our authority", authority=True, ends=90 * DAY)
        good, other = sign(authority, name="shop.example.com"), sign(authority)
        good.write(folder, "good")
        other.write(folder, "other")
        sign(authority, begins=-9 * DAY, ends=-DAY).write(folder, "old")
        sign(authority, begins=DAY).write(folder, "early")
        (folder / "chain.pem").write_bytes(good.pem() + authority.pem())
        old_authority = sign(name="old authority", authority=True, begins=-9 * DAY, ends=-DAY)
        (folder / "old-chain.pem").write_bytes(good.pem() + old_authority.pem())
        (folder / "good.der").write_bytes(good.certificate.public_bytes(Encoding.DER))
        (folder / "locked.key").write_bytes(good.key_pem("a-pass-phrase"))
        (folder / "phrase").write_text("a-pass-phrase\n")
        (folder / "wrong-phrase").write_text("another-phrase\n")
        (folder / "noise").write_bytes(os.urandom(5000))
        (folder / "huge").write_bytes(b"\0" * (5 << 20))
        (folder / "half.pem").write_bytes(good.pem()[:300])
        (folder / "empty").touch()
        (folder / "folder").mkdir()
        os.mkfifo(folder / "pipe")

    def _service(self, path: str, **settings: object) -> AnyService:
        return service("certificate", self.folder, path=path, **settings)

    def good(self) -> list[AnyService]:
        return [
            self._service("good.pem"),
            self._service("good.der", key="good.key"),
            self._service("chain.pem", key="good.key"),
            self._service("good.pem", key="locked.key", passphrase={"file": "phrase"}),
        ]

    def broken(self) -> list[AnyService]:
        wrong = ("old.pem", "early.pem", "old-chain.pem", "noise", "huge", "half.pem", "empty", "good.key")
        return [
            *(self._service(path) for path in wrong),
            self._service("good.pem", key="other.key"),
            self._service("good.pem", key="noise"),
            self._service("good.pem", key="good.pem"),
            self._service("good.pem", key="locked.key", passphrase={"file": "wrong-phrase"}),
        ]

    def absent(self) -> list[AnyService]:
        return [
            self._service("no-such.pem"),
            self._service("folder"),
            self._service("pipe"),
            self._service("good.pem", key="no-such.key"),
            self._service("/x.pem", container="daytwo-no-such-container"),
        ]

    def slow(self) -> list[AnyService]:
        return []

    def our_fault(self) -> list[AnyService]:
        return [
            self._service("good.pem", key="locked.key"),
            self._service("good.pem", key="good.key", passphrase={"file": "phrase"}),
            self._service("good.pem", key="locked.key", passphrase={"file": "no-such-phrase"}),
        ]


class TestCertificate(CheckContract):
    @pytest.fixture
    def case(self, tmp_path: Path) -> CheckCase:
        return CertificateCase(tmp_path)


def test_the_one_of_a_chain_that_ends_first_counts(tmp_path: Path) -> None:
    authority = sign(name="our authority", authority=True, ends=5 * DAY)
    (tmp_path / "chain.pem").write_bytes(sign(authority).pem() + authority.pem())
    observation = observe("certificate", tmp_path, path="chain.pem")
    assert observation.verdict is Verdict.OK
    assert 4.9 * 86400 < observation.numbers["certificate_left"] < 5 * 86400


def test_settings_that_cannot_be(tmp_path: Path) -> None:
    for settings in (
        {"path": ""},
        {"path": "relative.pem", "container": "app"},
        {"path": "/x.pem", "key": "relative.key", "ssh": "host"},
        {"path": "/x.pem", "passphrase": {"env": "X"}},
    ):
        with pytest.raises(ValidationError):
            service("certificate", tmp_path, **settings)


def test_a_huge_file_is_not_read_whole(tmp_path: Path) -> None:
    with (tmp_path / "huge.pem").open("wb") as file:
        file.truncate(300 << 20)
    tracemalloc.start()
    observation = observe("certificate", tmp_path, path="huge.pem")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert observation.verdict is Verdict.FAILED
    assert peak < 30 << 20
