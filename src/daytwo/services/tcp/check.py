"""Anything that listens on a TCP port or a socket: whether it takes connections, and what it says first."""

import asyncio
import socket

from daytwo.core.check import Around, Check, Measure, Observation, Timing
from daytwo.core.errors import UnreachableError
from daytwo.core.net.dial import dial
from daytwo.core.net.endpoint import Endpoint
from daytwo.core.net.measures import DURATION, PHASES
from daytwo.core.net.stopwatch import Stopwatch, in_time
from daytwo.core.net.words import plain
from daytwo.core.service import Service
from daytwo.services.tcp import MOST, TcpSettings


class TcpCheck(Check):
    """Connects, and where something is expected, listens for it."""

    about = "connects to a port"
    measures: tuple[Measure, ...] = (DURATION, PHASES["resolve"], PHASES["connect"], PHASES["first_byte"])

    def __init__(self, service: Service[TcpSettings]) -> None:
        super().__init__(service.name, service.name, service.timing(Timing()))
        settings = service.settings
        path = str(service.place.path(settings.socket)) if settings.socket else ""
        self._endpoint = Endpoint.parse(settings.address) if settings.address else Endpoint("", path=path)
        self._send = (settings.send or "").encode()
        self._expect = (settings.expect or "").encode()
        self.outside = self._endpoint.outside
        if not self._expect:
            self.measures = self.measures[:3]

    async def probe(self, around: Around) -> Observation:
        """Connect once."""
        watch = Stopwatch()
        try:
            async with in_time(around, watch, self.timing.timeout):
                connected = await dial(self._endpoint, around.shared, watch)
                with connected:
                    watch.enter("", "sending")
                    said = await self._talk(connected, watch)
        except UnreachableError as error:
            return Observation.failed(plain(str(error)), watch.numbers())
        numbers, facts = watch.numbers(), {"says": plain(said.partition(b"\n")[0].strip())} if said else {}
        if self._expect in said:
            return Observation.ok(numbers, facts)
        wanted = plain(self._expect)
        return Observation.failed(f"{self._endpoint}: it does not say '{wanted}'", numbers, facts)

    async def _talk(self, connected: socket.socket, watch: Stopwatch) -> bytes:
        """What it says, until that holds what is expected."""
        loop = asyncio.get_running_loop()
        said = b""
        try:
            if self._send:
                await loop.sock_sendall(connected, self._send)
            while self._expect not in said and len(said) < MOST:
                if not said:
                    watch.enter("first_byte", f"waiting for {self._endpoint} to say what is expected")
                part = await loop.sock_recv(connected, MOST - len(said))
                if said == b"":
                    watch.enter("", watch.doing)
                if not part:
                    break
                said += part
        except OSError as error:
            raise UnreachableError(
                f"the connection ended: {error.strerror or error}", where=str(self._endpoint)
            ) from None
        return said
