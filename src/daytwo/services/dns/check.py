"""Names: whether a name server knows one, and answers what it should."""

import asyncio
from typing import TYPE_CHECKING

from daytwo.core.check import Around, Check, Measure, Observation, Timing, Unit
from daytwo.core.errors import ConfigError, UnreachableError
from daytwo.core.net.endpoint import Endpoint, is_outside
from daytwo.core.net.measures import DURATION
from daytwo.core.net.stopwatch import Stopwatch, in_time
from daytwo.core.net.words import plain
from daytwo.core.service import Service
from daytwo.services.dns import USUAL_PORT, DnsSettings

if TYPE_CHECKING:
    from dns.message import Message

_ANSWERS = Measure("answers", Unit.COUNT, "records in the answer")
_TTL = Measure("ttl", Unit.SECONDS, "how long the answer may be kept")
_CODES = {
    "NXDOMAIN": "there is no such name",
    "SERVFAIL": "the name server could not find out",
    "REFUSED": "the name server refuses to answer",
}
_SHOWN = 5


class DnsCheck(Check):
    """Asks a name server."""

    about = "looks a name up"
    measures = (DURATION, _ANSWERS, _TTL)

    def __init__(self, service: Service[DnsSettings]) -> None:
        super().__init__(service.name, service.name, service.timing(Timing()))
        self._settings = service.settings
        server = service.settings.server
        self._server = Endpoint.parse(server, USUAL_PORT) if server else None
        # Whom the system asks is often near, and asks farther away: then it is outside.
        self.outside = is_outside(self._server.host) if self._server else is_outside(service.settings.name)

    async def probe(self, around: Around) -> Observation:
        """Ask once."""
        watch = Stopwatch()
        try:
            async with in_time(around, watch, self.timing.timeout):
                return await self._asked(watch, around)
        except UnreachableError as error:
            return Observation.failed(plain(str(error)), watch.numbers())

    async def _asked(self, watch: Stopwatch, around: Around) -> Observation:
        import dns.message
        import dns.rcode

        settings = self._settings
        query = dns.message.make_query(settings.name, settings.type)
        answer = await _first_answer(query, [self._server] if self._server else _system_servers(), watch, around)
        where = f"{settings.name} {settings.type}"
        code = dns.rcode.to_text(answer.rcode())
        if code != "NOERROR":
            return Observation.failed(f"{where}: {_CODES.get(code, code)} ({code})", watch.numbers())
        found = [rrset for rrset in answer.answer if rrset.rdtype == query.question[0].rdtype]
        values = sorted(record.to_text() for rrset in found for record in rrset)
        numbers = {**watch.numbers(), _ANSWERS.name: float(len(values))}
        if not values:
            return Observation.failed(f"{where}: it resolves to nothing: there are no such records", numbers)
        numbers[_TTL.name] = float(min(rrset.ttl for rrset in found))
        facts = {"answers": _shown(values)}
        wrong = _differs(values, settings)
        return Observation.failed(f"{where}: {wrong}", numbers, facts) if wrong else Observation.ok(numbers, facts)


async def _first_answer(query: "Message", servers: list[Endpoint], watch: Stopwatch, around: Around) -> "Message":
    """The answer of the first server that gives one; each has its share of the time."""
    import dns.asyncquery
    import dns.exception

    failure = UnreachableError("there is no name server to ask")
    for left, server in zip(range(len(servers), 0, -1), servers, strict=True):
        watch.enter("", f"waiting for the name server {server}")
        try:
            async with asyncio.timeout(around.remaining() / left if left > 1 else None):
                answer, _ = await dns.asyncquery.udp_with_fallback(
                    query, server.host, port=server.port, ignore_unexpected=True, ignore_errors=True
                )
                return answer
        except (OSError, EOFError, dns.exception.DNSException) as error:
            words = getattr(error, "strerror", None) or str(error) or type(error).__name__
            failure = UnreachableError(f"no answer: {plain(words)}", where=f"name server {server}")
    raise failure


def _system_servers() -> list[Endpoint]:
    import dns.exception
    import dns.resolver

    try:
        found = dns.resolver.Resolver().nameservers
    except (dns.exception.DNSException, OSError):
        raise ConfigError("this system names no name server", hint="Set `server`") from None
    return [Endpoint(str(one), USUAL_PORT) for one in found[:3]]


def _differs(values: list[str], settings: DnsSettings) -> str:
    def canonical(value: str) -> str:
        """One spelling of names and addresses. A text is as it is: a key in small letters is another one."""
        bare = value.strip().replace('"', "")
        return bare if settings.type == "TXT" else bare.lower().rstrip(".")

    there, wanted = {canonical(one) for one in values}, {canonical(one) for one in settings.expect}
    missing = [one for one in settings.expect if canonical(one) not in there]
    if missing:
        return f"{_shown(missing)} is not among the answers: {_shown(values)}"
    more = [one for one in values if canonical(one) not in wanted]
    return f"there are other answers, too: {_shown(more)}" if settings.exactly and more else ""


def _shown(values: list[str]) -> str:
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return plain(", ".join(values[:_SHOWN])) + more
