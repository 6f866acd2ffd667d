"""A Prometheus server, or what speaks like one: that it answers, and the numbers that queries give."""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from daytwo.core.check import Around, Check, Measure, Observation, Timing
from daytwo.core.errors import ConfigError, UnreachableError
from daytwo.core.net.client import HttpClient, Request
from daytwo.core.net.exchange import Reply
from daytwo.core.net.letters import Letters
from daytwo.core.net.measures import DURATION
from daytwo.core.net.stopwatch import Stopwatch, in_time
from daytwo.core.net.url import Url
from daytwo.core.net.words import plain
from daytwo.core.service import Service
from daytwo.services.prometheus import PrometheusSettings, Query

MOST = 1_000_000
"""Bytes of an answer: one number needs a few hundred."""


class PrometheusCheck(Check):
    """Asks its queries, one after another over one connection."""

    about = "asks PromQL queries"

    def __init__(self, service: Service[PrometheusSettings]) -> None:
        super().__init__(service.name, service.name, service.timing(Timing()))
        settings = service.settings
        self._url = Url.parse(settings.url.rstrip("/") + "/api/v1/query")
        self._queries = settings.queries
        self._kept = settings.connection == "kept"
        self._letters = Letters(service)
        path = str(service.place.path(settings.socket)) if settings.socket else ""
        self._client = HttpClient(settings.trust(service.place), kept=True, redirects=3, most=MOST, socket=path)
        self.outside = not path and self._url.endpoint.outside
        own = [Measure(name, query.unit, f"`{plain(query.promql, 80)}`") for name, query in self._queries.items()]
        self.measures = (DURATION, *own)

    async def probe(self, around: Around) -> Observation:
        """Ask them all once."""
        watch = Stopwatch()
        found: dict[str, float] = {}
        wrong: list[str] = []
        try:
            async with in_time(around, watch, self.timing.timeout):
                headers, _ = await self._letters.write(around, watch)
                for name, query in self._queries.items():
                    value = await self._value(query, headers, around, watch)
                    if value is not None and math.isinf(value):  # a share of nothing, or beyond the largest bucket
                        wrong.append(f"{name} is infinite")
                    elif value is not None:
                        found[name] = value
                    elif query.empty == "failed":
                        wrong.append(f"there is no value for {name}")
        except UnreachableError as error:
            return Observation.failed(plain(str(error), 400), {**self._duration(watch), **found})
        finally:
            if not self._kept:
                self._client.close()
        numbers = {**self._duration(watch), **found}
        if wrong:
            return Observation.failed(plain("; ".join(wrong)), numbers)
        return Observation.ok(numbers)

    async def close(self) -> None:
        """Close the connection that is kept."""
        self._client.close()
        await self._letters.close()

    @staticmethod
    def _duration(watch: Stopwatch) -> Mapping[str, float]:
        return {DURATION.name: watch.numbers()[DURATION.name]}

    async def _value(self, query: Query, headers: Mapping[str, str], around: Around, watch: Stopwatch) -> float | None:
        url = replace(self._url, target=f"{self._url.target}?{urlencode({'query': query.promql})}")
        reply = (await self._client.ask(Request(url, headers=headers), around, watch)).reply
        if reply.status in (401, 403):
            self._letters.refused()
        value = _one_value(_data(reply, str(self._url.authority)), query)
        if value is None and query.empty == "zero":
            return 0.0
        return value


def _data(reply: Reply, where: str) -> Mapping[str, Any]:
    """The `data` of an answer (Prometheus' HTTP API, "Format overview").

    Raises:
        ConfigError: the query is wrong.
        UnreachableError: it is no answer of a Prometheus server, or an error of its own.
    """
    try:
        answer = json.loads(reply.body)
        status = answer["status"]
    except (ValueError, RecursionError, TypeError, KeyError):
        raise UnreachableError(
            f"it answers with status {reply.status} and not as a Prometheus server does", where=where
        ) from None
    if status != "success":
        told, sort = plain(str(answer.get("error", ""))), answer.get("errorType")
        if sort == "bad_data":
            raise ConfigError(f"the query is not understood: {told}", where=where, hint="Correct it in `queries`")
        raise UnreachableError(f"the query failed: {told}", where=where)
    data = answer.get("data")
    if not isinstance(data, dict):
        raise UnreachableError("its answer holds no data", where=where)
    return data


def _one_value(data: Mapping[str, Any], query: Query) -> float | None:
    sort, result = data.get("resultType"), data.get("result")
    shown = plain(query.promql, 80)
    if sort not in ("scalar", "vector") or not isinstance(result, list):
        raise ConfigError(f"`{shown}` gives no number but a {plain(str(sort), 20)}", hint="Make it an instant query")
    if sort == "vector" and len(result) > 1:
        raise ConfigError(f"`{shown}` gives {len(result)} values", hint="Aggregate them: sum(...), max(...)")
    if sort == "vector" and not result:
        return None
    try:
        value = float(result[1] if sort == "scalar" else result[0]["value"][1])
    except (TypeError, ValueError, LookupError):
        raise UnreachableError(f"its answer to `{shown}` holds no number") from None
    return None if math.isnan(value) else value
