"""TLS towards a server: whom we trust, the handshake, and in words why it failed."""

import asyncio
import socket
import ssl
from typing import TypeVar

from daytwo.core.check import Shared
from daytwo.core.errors import ConfigError, UnreachableError
from daytwo.core.net.aside import Once
from daytwo.core.net.certificates import Certificate, day, trouble_of
from daytwo.core.net.dial import dial
from daytwo.core.net.endpoint import Endpoint
from daytwo.core.net.stopwatch import Stopwatch
from daytwo.core.net.trust import Trust

FRESH = 300.0
"""Seconds after which the files of authorities are read again."""
P = TypeVar("P", bound=asyncio.BaseProtocol)


class Contexts:
    """One TLS context for all checks that trust the same: each takes tens of milliseconds and a megabyte to make."""

    def __init__(self) -> None:
        self._made: dict[Trust, Once[ssl.SSLContext]] = {}

    async def get(self, trust: Trust) -> ssl.SSLContext:
        """The context.

        Raises:
            ConfigError: the file of authorities cannot be read.
        """
        once = self._made.get(trust)
        if once is None:
            once = self._made[trust] = Once(lambda: make_context(trust), FRESH)
        return await once.get()

    async def close(self) -> None:
        """Forget them."""
        while self._made:
            _, once = self._made.popitem()
            await once.close()


def make_context(trust: Trust) -> ssl.SSLContext:
    """Read the authorities; blocks.

    Raises:
        ConfigError: their file cannot be read or holds none.
    """
    try:
        made = ssl.create_default_context(cafile=None if trust.ca is None else str(trust.ca))
    except FileNotFoundError:
        raise ConfigError("the file of authorities is not there", where=str(trust.ca), hint="Check `ca`") from None
    except ssl.SSLError:
        raise ConfigError(
            "the file of authorities holds no certificate in PEM form", where=str(trust.ca), hint="Check `ca`"
        ) from None
    except OSError as error:
        raise ConfigError(f"the file of authorities cannot be read: {error.strerror}", where=str(trust.ca)) from None
    # Newer Pythons are stricter than those who visit the site: what curl and browsers take is not broken.
    made.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    if trust.insecure:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


async def wrap(
    connected: socket.socket, protocol: P, trust: Trust, name: str, endpoint: Endpoint, shared: Shared, watch: Stopwatch
) -> tuple[asyncio.Transport, P]:
    """Do the handshake over a connected socket, which is closed when that fails.

    Args:
        connected: the socket.
        protocol: what speaks over it then.
        trust: whom to believe.
        name: what the server must be called.
        endpoint: where it is, for words, and to ask once more what is wrong with its certificate.
        shared: has the contexts.
        watch: gets the phase `tls`.

    Raises:
        UnreachableError: it speaks no TLS, or cannot be believed.
        ConfigError: our own authorities cannot be had.
    """
    try:
        context = await shared.get(("Contexts",), Contexts).get(trust)
        watch.enter("tls", f"doing the TLS handshake with {endpoint}")
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(lambda: protocol, sock=connected, ssl=context, server_hostname=name)
        return transport, protocol
    except ssl.SSLCertVerificationError as error:
        connected.close()
        watch.enter("", f"asking {endpoint} for its certificate once more")
        raise await _unbelieved(error, trust, name, endpoint, shared) from None
    except (OSError, ValueError) as error:
        connected.close()
        raise UnreachableError(_words(error), where=str(endpoint)) from None
    except BaseException:
        connected.close()
        raise


def certificate_of(transport: asyncio.Transport) -> Certificate | None:
    """The certificate that the other side has shown, read whole; None when it showed none that can be read."""
    ssl_object = transport.get_extra_info("ssl_object")
    der = ssl_object.getpeercert(binary_form=True) if ssl_object is not None else None
    try:
        return Certificate.of_der(der) if der else None
    except ValueError:
        return None


def end_of(transport: asyncio.Transport) -> float | None:
    """When the certificate of the other side ends, in seconds since 1970."""
    ssl_object = transport.get_extra_info("ssl_object")
    believed = ssl_object.getpeercert() if ssl_object is not None else None
    if believed:  # empty when it was not verified
        return float(ssl.cert_time_to_seconds(believed["notAfter"]))
    certificate = certificate_of(transport)
    return certificate.ends if certificate else None


class UntrustedError(UnreachableError):
    """A server that shows a certificate which cannot be believed.

    Args:
        what: why.
        where: where it is.
        certificate: what it showed, when that could be read.
    """

    permanent = True

    def __init__(self, what: str, *, where: str = "", hint: str = "", certificate: Certificate | None = None) -> None:
        super().__init__(what, where=where, hint=hint)
        self.certificate = certificate


_EXPIRED, _NOT_YET, _SELF_SIGNED, _SELF_SIGNED_ABOVE, _NO_ISSUER, _NO_ISSUER_HERE = 10, 9, 18, 19, 2, 20
"""X509_V_ERR_... of OpenSSL's x509_vfy.h."""
_WRONG_HOST = (62, 64)


async def _unbelieved(
    error: ssl.SSLCertVerificationError, trust: Trust, name: str, endpoint: Endpoint, shared: Shared
) -> UnreachableError | ConfigError:
    """Why a certificate is not believed. OpenSSL tells little of it, so it is asked for once more without judging."""
    shown: Certificate | None = None
    try:
        watch = Stopwatch()
        connected = await dial(endpoint, shared, watch)
        anybody = Trust(insecure=True)
        transport, _ = await wrap(connected, asyncio.Protocol(), anybody, name, endpoint, shared, watch)
        shown = certificate_of(transport)
        transport.abort()
    except UnreachableError:
        pass
    if error.verify_code == _EXPIRED and (ended := expired_authorities(trust)):
        return ConfigError(f"our own file of authorities has expired on {ended}", where=str(trust.ca), hint="Renew it")
    return UntrustedError(_reason(error, name, shown), where=str(endpoint), certificate=shown)


def _reason(error: ssl.SSLCertVerificationError, name: str, shown: Certificate | None) -> str:
    code = error.verify_code
    if code in (_EXPIRED, _NOT_YET):
        when = "has expired" if code == _EXPIRED else "is not valid yet"
        return (shown and trouble_of(shown)) or f"a certificate above its own {when}"
    if code in _WRONG_HOST:
        names = ", ".join(shown.names[:5]) if shown and shown.names else "nobody"
        return f"its certificate is not for {name}, but for {names}"
    if code == _SELF_SIGNED:
        return "its certificate is signed by itself, and by no authority that is trusted"
    if code in (_SELF_SIGNED_ABOVE, _NO_ISSUER, _NO_ISSUER_HERE):
        by = f" ({shown.issuer})" if shown else ""
        return f"its certificate is from an authority{by} that is not trusted, or an intermediate one is missing"
    return f"its certificate is not believed: {error.verify_message}"


def expired_authorities(trust: Trust) -> str:
    """The day on which the last authority of our own file has expired; empty while one is valid."""
    if trust.ca is None:
        return ""
    from cryptography.x509 import load_pem_x509_certificates

    try:
        found = [Certificate.of(one) for one in load_pem_x509_certificates(trust.ca.read_bytes())]
    except (OSError, ValueError):
        return ""
    last = max(found, key=lambda one: one.ends)
    return day(last.ends) if last.left < 0 else ""


def _words(error: OSError | ValueError) -> str:
    reason = getattr(error, "reason", None) or ""
    if isinstance(error, ssl.SSLError):
        if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG"):
            return "what answers there does not speak TLS"
        told = reason.lower().replace("_", " ") or "it was broken off"
        return f"the TLS handshake failed: {told}"
    if isinstance(error, ConnectionError):
        return "it closed the connection during the TLS handshake"
    if isinstance(error, ValueError):
        return "its name cannot be that of a TLS server"
    return f"the TLS handshake failed: {error.strerror or 'the connection ended'}"
