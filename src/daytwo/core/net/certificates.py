"""What a certificate says. Reading one needs `cryptography`, which is imported when it is needed."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from daytwo.core.net.words import plain

if TYPE_CHECKING:
    from cryptography import x509 as library
    from cryptography.x509 import Name

_MOST_NAMES = 10


@dataclass(frozen=True)
class Certificate:
    """A certificate, as far as people ask.

    Args:
        subject: whom it names.
        issuer: who vouches for that.
        begins: when it begins to be valid, in seconds since 1970.
        ends: when it ends.
        names: hosts and addresses it is for.
        fingerprint: SHA-256, in hexadecimal digits.
        self_signed: nobody vouches for it but itself.
    """

    subject: str
    issuer: str
    begins: float
    ends: float
    names: tuple[str, ...]
    fingerprint: str
    self_signed: bool

    @classmethod
    def of_der(cls, der: bytes) -> "Certificate":
        """Read one.

        Raises:
            ValueError: it is none.
        """
        from cryptography.x509 import load_der_x509_certificate

        return cls.of(load_der_x509_certificate(der))

    @classmethod
    def of(cls, x509: "library.Certificate") -> "Certificate":
        """What a parsed certificate says.

        Raises:
            ValueError: a part of it is broken.
        """
        from cryptography.hazmat.primitives.hashes import SHA256

        return cls(
            subject=_words(x509.subject),
            issuer=_words(x509.issuer),
            begins=x509.not_valid_before_utc.timestamp(),
            ends=x509.not_valid_after_utc.timestamp(),
            names=_names(x509),
            fingerprint=x509.fingerprint(SHA256()).hex(),
            self_signed=x509.subject == x509.issuer,
        )

    @property
    def left(self) -> float:
        """Seconds until it ends; less than nothing when it has."""
        return self.ends - time.time()

    def facts(self) -> Mapping[str, str]:
        """What it says, for people."""
        more = f" and {len(self.names) - _MOST_NAMES} more" if len(self.names) > _MOST_NAMES else ""
        return {
            "subject": self.subject,
            "issuer": self.issuer,
            "names": plain(", ".join(self.names[:_MOST_NAMES]) + more),
            "expires": day(self.ends),
            "fingerprint": self.fingerprint,
        }


def day(moment: float) -> str:
    """A moment as people read it, in UTC."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")


def trouble_of(certificate: Certificate) -> str:
    """What of its time is wrong, in words; empty when it is valid now."""
    if certificate.left < 0:
        return f"its certificate has expired on {day(certificate.ends)}"
    if certificate.begins > time.time():
        return f"its certificate is not valid before {day(certificate.begins)}"
    return ""


def _words(name: "Name") -> str:
    from cryptography.x509.oid import NameOID

    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    text = common[0].value if common else name.rfc4514_string()
    return plain(text)


def _names(x509: "library.Certificate") -> tuple[str, ...]:
    from cryptography.x509 import DNSName, ExtensionNotFound, IPAddress, SubjectAlternativeName

    try:
        also = x509.extensions.get_extension_for_class(SubjectAlternativeName).value
    except ExtensionNotFound:
        return ()
    return tuple(str(one.value) for one in also if isinstance(one, DNSName | IPAddress))
