"""Servers that speak TLS, whatever they speak over it: whom their certificate is for, and for how long."""

import asyncio
import ssl

from daytwo.core.check import Around, Check, Observation, Timing
from daytwo.core.errors import UnreachableError
from daytwo.core.net.certificates import trouble_of
from daytwo.core.net.dial import dial
from daytwo.core.net.endpoint import Endpoint
from daytwo.core.net.measures import CERTIFICATE_LEFT, DURATION, PHASES
from daytwo.core.net.stopwatch import Stopwatch, in_time
from daytwo.core.net.tls import UntrustedError, certificate_of, wrap
from daytwo.core.net.words import plain
from daytwo.core.service import Service
from daytwo.services.tls import USUAL_PORT, TlsSettings

_VERSIONS = ("TLSv1.2", "TLSv1.3")


class TlsCheck(Check):
    """Does a handshake, and reads the certificate."""

    about = "does a TLS handshake and reads the certificate"
    measures = (DURATION, PHASES["resolve"], PHASES["connect"], PHASES["tls"], CERTIFICATE_LEFT)

    def __init__(self, service: Service[TlsSettings]) -> None:
        super().__init__(service.name, service.name, service.timing(Timing(every=300)))
        settings = service.settings
        self._endpoint = Endpoint.parse(settings.address, USUAL_PORT)
        self._name = settings.server_name or self._endpoint.host
        self._trust = settings.trust(service.place)
        self._at_least = settings.at_least
        self.outside = self._endpoint.outside

    async def probe(self, around: Around) -> Observation:
        """Do one handshake."""
        watch = Stopwatch()
        try:
            async with in_time(around, watch, self.timing.timeout):
                return await self._shake(around, watch)
        except UntrustedError as error:
            shown = error.certificate
            numbers = {**watch.numbers(), **({CERTIFICATE_LEFT.name: shown.left} if shown else {})}
            return Observation.failed(plain(str(error)), numbers, shown.facts() if shown else {})
        except UnreachableError as error:
            return Observation.failed(plain(str(error)), watch.numbers())

    async def _shake(self, around: Around, watch: Stopwatch) -> Observation:
        connected = await dial(self._endpoint, around.shared, watch)
        transport, _ = await wrap(
            connected, asyncio.Protocol(), self._trust, self._name, self._endpoint, around.shared, watch
        )
        try:
            numbers = dict(watch.numbers())
            spoken: ssl.SSLObject = transport.get_extra_info("ssl_object")
            version, cipher = spoken.version() or "", (spoken.cipher() or ("",))[0]
            shown = certificate_of(transport)
        finally:
            transport.abort()
        facts = {"version": version, "cipher": cipher}
        if shown is None:
            return Observation.failed(f"{self._endpoint}: its certificate cannot be read", numbers, facts)
        numbers[CERTIFICATE_LEFT.name] = shown.left
        facts |= shown.facts()
        wrong = trouble_of(shown)
        if not wrong and _VERSIONS.index(self._at_least) > _VERSIONS.index(version):
            wrong = f"it speaks {version}, not {self._at_least}"
        return (
            Observation.failed(f"{self._endpoint}: {wrong}", numbers, facts)
            if wrong
            else Observation.ok(numbers, facts)
        )
