"""Asks a web server and judges the answer."""

import time

from daytwo.core.check import Around, Check, Measure, Observation, Timing, Unit
from daytwo.core.errors import UnreachableError
from daytwo.core.net.certificates import day
from daytwo.core.net.client import Answered, HttpClient, Request, words_of
from daytwo.core.net.letters import Letters
from daytwo.core.net.measures import CERTIFICATE_LEFT, DURATION, PHASES
from daytwo.core.net.stopwatch import Stopwatch, in_time
from daytwo.core.net.tls import UntrustedError
from daytwo.core.net.url import Url
from daytwo.core.net.words import plain
from daytwo.core.service import Service
from daytwo.services.http.judging import Judge
from daytwo.services.http.settings import Expected, HttpSettings

_STATUS = Measure("status", Unit.COUNT, "the status of the answer")
_SIZE = Measure("size", Unit.BYTES, "the size of the answer, as far as it is read")
_TOLD = 3
"""How many of the things that are wrong are told; the rest is counted."""
_LONGEST = 400


class HttpCheck(Check):
    """One address, asked again and again.

    Args:
        name: the check's name.
        service: whose settings say how to get there.
        path: follows the service's address.
        expected: what is asked, and what must be true of the answer.
        timing: when.
    """

    about = "asks a web server and judges its answer"

    def __init__(self, name: str, service: Service[HttpSettings], path: str, expected: Expected) -> None:
        super().__init__(name, service.name, service.timing(Timing()))
        settings = service.settings
        self._url = Url.parse(settings.url.rstrip("/") + path if path else settings.url)
        self._method = expected.method
        self._letters = Letters(service, expected.body)
        self._judge = Judge(expected)
        self._client = HttpClient(
            settings.trust(service.place),
            kept=settings.connection == "kept",
            redirects=settings.redirects,
            most=int(settings.max_size),
            socket=str(service.place.path(settings.socket)) if settings.socket else "",
        )
        self.outside = not settings.socket and self._url.endpoint.outside
        secure = self._url.scheme == "https"
        phases = [phase for name, phase in PHASES.items() if name != "tls" or secure or settings.redirects]
        ends = [CERTIFICATE_LEFT] if secure or settings.redirects else []
        own = [Measure(name, Unit.COUNT, f"`{text}` in its answer") for name, text in expected.numbers.items()]
        self.measures = (DURATION, *phases, _STATUS, _SIZE, *ends, *own)

    async def probe(self, around: Around) -> Observation:
        """Ask once."""
        watch = Stopwatch()
        try:
            async with in_time(around, watch, self.timing.timeout):
                headers, body = await self._letters.write(around, watch)
                request = Request(self._url, self._method, headers, body)
                answered = await self._client.ask(request, around, watch)
                seconds = watch.numbers()
                wrong, found = await self._judge.judge(answered.reply)
        except UnreachableError as error:
            return self._unanswered(error, watch)
        if answered.reply.status in (401, 403):
            self._letters.refused()
        numbers = {**seconds, "status": answered.reply.status, "size": len(answered.reply.body), **found}
        if answered.certificate_ends is not None:
            numbers[CERTIFICATE_LEFT.name] = answered.certificate_ends - time.time()
        facts = _facts(answered)
        if not wrong:
            return Observation.ok(numbers, facts)
        more = f"; and {len(wrong) - _TOLD} more" if len(wrong) > _TOLD else ""
        facts |= {"answer": plain(answered.reply.body)} if answered.reply.body else {}
        return Observation.failed(plain("; ".join(wrong[:_TOLD]) + more, _LONGEST), numbers, facts)

    async def close(self) -> None:
        """Close the connection that is kept."""
        self._client.close()
        await self._letters.close()

    @staticmethod
    def _unanswered(error: UnreachableError, watch: Stopwatch) -> Observation:
        numbers, facts = dict(watch.numbers()), {}
        if isinstance(error, UntrustedError) and error.certificate is not None:
            numbers[CERTIFICATE_LEFT.name] = error.certificate.left
            facts = dict(error.certificate.facts())
        return Observation.failed(plain(str(error), _LONGEST), numbers, facts)


def _facts(answered: Answered) -> dict[str, str]:
    reply = answered.reply
    facts = {"status": str(reply.status), "http": reply.version, "address": answered.peer}
    if len(answered.chain) > 1:
        facts["redirects"] = words_of(answered.chain)
    if answered.certificate_ends is not None:
        facts["certificate"] = f"valid until {day(answered.certificate_ends)}"
    if reply.cut:
        facts["read"] = f"only the first {len(reply.body)} bytes"
    return facts
