"""Scrapes what is exposed for Prometheus, and keeps what is wanted of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from daytwo.core.check import Around, Check, Measure, Observation, Timing
from daytwo.core.errors import UnreachableError
from daytwo.core.net.aside import aside
from daytwo.core.net.client import HttpClient, Request
from daytwo.core.net.exchange import Reply
from daytwo.core.net.letters import Letters
from daytwo.core.net.measures import DURATION
from daytwo.core.net.stopwatch import Stopwatch, in_time
from daytwo.core.net.url import Url
from daytwo.core.net.words import plain
from daytwo.core.service import Service
from daytwo.services.metrics import MetricsSettings
from daytwo.services.metrics.exposition import NoExpositionError, read
from daytwo.services.metrics.series import Buckets, Taken, Wanted, between, take, unit_of

ACCEPT = "text/plain;version=0.0.4, application/openmetrics-text;version=1.0.0;q=0.5, */*;q=0.1"
_SMALL = 100_000
"""Bytes that are read in the event loop; it takes milliseconds."""
_LONGEST = 400


@dataclass
class _Before:
    """What the last scrape gave."""

    kept: frozenset[str] = frozenset()
    buckets: Mapping[tuple[str, str], Buckets] = field(default_factory=dict)


class MetricsCheck(Check):
    """Fetches all metrics, and keeps those that are wanted."""

    about = "scrapes metrics as Prometheus does"

    def __init__(self, service: Service[MetricsSettings]) -> None:
        super().__init__(service.name, service.name, service.timing(Timing()))
        settings = service.settings
        self._url = Url.parse(settings.url)
        self._wanted = Wanted(settings.take)
        self._labels = settings.labels
        self._most = settings.most
        self._max = int(settings.max_size)
        self._letters = Letters(service)
        path = str(service.place.path(settings.socket)) if settings.socket else ""
        kept = settings.connection == "kept"
        self._client = HttpClient(
            settings.trust(service.place), kept=kept, redirects=3, most=self._max, socket=path
        )  # fmt: skip
        self.outside = not path and self._url.endpoint.outside
        self.measures = (DURATION,)
        self._before = _Before()

    async def probe(self, around: Around) -> Observation:
        """Scrape once."""
        watch = Stopwatch()
        try:
            async with in_time(around, watch, self.timing.timeout):
                headers, _ = await self._letters.write(around, watch)
                request = Request(self._url, headers={"Accept": ACCEPT, **headers})
                reply = (await self._client.ask(request, around, watch)).reply
                seconds = watch.numbers()[DURATION.name]
                if reply.status in (401, 403):
                    self._letters.refused()
                taken = await self._taken(reply)
        except UnreachableError as error:
            return Observation.failed(plain(str(error), _LONGEST), {DURATION.name: watch.numbers()[DURATION.name]})
        return self._observed(taken, seconds)

    async def close(self) -> None:
        """Close the connection that is kept."""
        self._client.close()
        await self._letters.close()

    async def _taken(self, reply: Reply) -> Taken:
        """What is wanted of an answer.

        Raises:
            UnreachableError: it is no exposition.
        """
        where = str(self._url.authority)
        if not 200 <= reply.status < 300:
            raise UnreachableError(f"it answers with status {reply.status}", where=where)
        if reply.cut:
            raise UnreachableError(
                f"it exposes more than {self._max} bytes", where=where, hint="Raise `max_size`, or expose less"
            )
        coding = reply.headers.get("content-encoding", "identity").strip().lower()
        if coding not in ("", "identity"):
            raise UnreachableError("its answer is compressed, which nobody has asked for", where=where)
        try:
            if len(reply.body) <= _SMALL:
                return self._read(reply.body)
            return await aside(lambda: self._read(reply.body))
        except NoExpositionError as error:
            raise UnreachableError(f"its answer is no exposition of metrics: {error}", where=where) from None

    def _read(self, body: bytes) -> Taken:
        return take(read(body.decode("utf-8", "replace"), self._wanted), self._wanted, self._labels)

    def _observed(self, taken: Taken, seconds: float) -> Observation:
        values = dict(taken.values) | between(self._before.buckets, taken.buckets)
        # Those of the last time first, so that a new series never takes the place of one that is there already.
        order = sorted(values, key=lambda name: (name not in self._before.kept, name))
        kept = sorted(order[: self._most])
        self._before = _Before(frozenset(kept), taken.buckets)
        known = taken.measures
        self.measures = (
            DURATION,
            *(known.get(name) or Measure(name, unit_of(name.partition(".")[0][:-4]), "of late") for name in kept),
        )
        numbers = {DURATION.name: seconds, **{name: values[name] for name in kept}}
        facts = {"series": str(len(kept))}
        if len(values) > len(kept):
            facts["left out"] = f"{len(values) - len(kept)} more series than `most` allows"
        if taken.missing:
            said = ", ".join(taken.missing[:5]) + (", ..." if len(taken.missing) > 5 else "")
            return Observation.failed(plain(f"it does not expose {said}", _LONGEST), numbers, facts)
        return Observation.ok(numbers, facts)
