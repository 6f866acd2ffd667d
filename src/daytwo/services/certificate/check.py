"""Certificate files: how long they are valid, whether their key is the right one."""

from pathlib import Path
from typing import TYPE_CHECKING

from daytwo.core.check import Observation, ProgramCheck, Timing
from daytwo.core.command import command
from daytwo.core.errors import ConfigError, SourceError
from daytwo.core.net.certificates import Certificate, trouble_of
from daytwo.core.net.measures import CERTIFICATE_LEFT
from daytwo.core.net.words import plain
from daytwo.core.process import capture
from daytwo.core.run import Run
from daytwo.core.service import Service
from daytwo.services.certificate import CertificateSettings

if TYPE_CHECKING:
    from cryptography import x509 as library

MOST = 1 << 20
"""Bytes of a file that are read."""
_CHAIN = "the certificates above it in the file"


class CertificateCheck(ProgramCheck):
    """Reads a certificate file, at whatever target."""

    about = "reads a certificate file"
    measures = (CERTIFICATE_LEFT,)

    def __init__(self, service: Service[CertificateSettings]) -> None:
        super().__init__(service.name, service.name, service.timing(Timing(every=3600)))
        self._service = service

    def look(self, run: Run) -> Observation:
        """Read it once."""
        settings = self._service.settings
        found = _certificates(self._read(settings.path, run), settings.path)
        first = Certificate.of(found[0])
        ends = min(found, key=lambda one: one.not_valid_after_utc)
        numbers = {CERTIFICATE_LEFT.name: Certificate.of(ends).left}
        wrong = trouble_of(first)
        if not wrong and (above := trouble_of(Certificate.of(ends))):
            wrong = f"of {_CHAIN}, {Certificate.of(ends).subject}: {above}"
        if not wrong and settings.key and not self._fits(found[0], settings.key, run):
            wrong = f"the key {settings.key} is not its own"
        facts = first.facts()
        where = plain(f"{settings.path}: {wrong}")
        return Observation.failed(where, numbers, facts) if wrong else Observation.ok(numbers, facts)

    def _read(self, path: str, run: Run) -> bytes:
        target = self._service.target
        if target.is_local:
            return _read_here(self._service.place.path(path))
        return capture(target, command("head", "-c", str(MOST), "--", path), run).stdout

    def _fits(self, certificate: "library.Certificate", path: str, run: Run) -> bool:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            PublicFormat,
            load_der_private_key,
            load_pem_private_key,
        )

        data = self._read(path, run)
        phrase = self._service.secret(self._service.settings.passphrase, "passphrase")
        load = load_pem_private_key if b"-----BEGIN" in data else load_der_private_key
        try:
            key = load(data, phrase.reveal().encode() if phrase else None)
        except TypeError:
            needs = "is encrypted: set `passphrase`" if phrase is None else "is not encrypted: leave out `passphrase`"
            raise ConfigError(f"the key {needs}", where=path) from None
        except (ValueError, UnsupportedAlgorithm):
            raise SourceError("this is no private key that can be read", where=path) from None
        forms = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return key.public_key().public_bytes(*forms) == certificate.public_key().public_bytes(*forms)


def _read_here(path: Path) -> bytes:
    try:
        if not path.is_file():  # what is a pipe would be waited for
            raise SourceError("there is no such file", where=str(path))
        with path.open("rb") as file:
            return file.read(MOST)
    except PermissionError:
        raise ConfigError("it may not be read by this user", where=str(path)) from None
    except OSError as error:
        raise SourceError(f"it cannot be read: {error.strerror}", where=str(path)) from None


def _certificates(data: bytes, path: str) -> "list[library.Certificate]":
    from cryptography import x509 as library

    try:
        if b"-----BEGIN" in data:
            return library.load_pem_x509_certificates(data)
        return [library.load_der_x509_certificate(data)]
    except ValueError:
        raise SourceError("this is no certificate", where=path) from None
