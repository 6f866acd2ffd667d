"""Asks a web server: connects, follows redirects, keeps a connection where that is wanted."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from daytwo.core.check import Around, Shared
from daytwo.core.errors import UnreachableError
from daytwo.core.net.dial import dial
from daytwo.core.net.endpoint import Endpoint
from daytwo.core.net.exchange import HttpLine, Reply, StaleError
from daytwo.core.net.stopwatch import Stopwatch
from daytwo.core.net.tls import end_of, wrap
from daytwo.core.net.trust import Trust
from daytwo.core.net.url import Url
from daytwo.core.net.words import plain

KEPT_FOR = 300.0
"""Seconds after which a kept connection is made anew, so that a name which leads elsewhere by now is noticed."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})


@dataclass(frozen=True)
class Request:
    """What is asked.

    Args:
        url: whom, and for what.
        method: `GET`, `POST`, ...
        headers: those beyond what every request has. They go to no other server than the first.
        body: what is sent along.
    """

    url: Url
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def head(self, kept: bool) -> bytes:
        """Its bytes without the body."""
        lines = {
            "Host": self.url.authority,
            "User-Agent": "daytwo",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Connection": "keep-alive" if kept else "close",
        }
        if self.body or self.method in ("POST", "PUT", "PATCH"):
            lines["Content-Length"] = str(len(self.body))
        own = {name.lower() for name in self.headers}
        all_lines = [*((name, text) for name, text in lines.items() if name.lower() not in own), *self.headers.items()]
        text = "".join(f"{name}: {value}\r\n" for name, value in all_lines)
        return f"{self.method} {self.url.target} HTTP/1.1\r\n{text}\r\n".encode("latin-1", "replace")


@dataclass(frozen=True)
class Answered:
    """What came of a request.

    Args:
        reply: the last answer.
        chain: the addresses that were asked, in order; more than one when there were redirects.
        certificate_ends: when the first certificate on the way ends, in seconds since 1970; None without TLS.
        peer: the address of the server that gave the last answer.
    """

    reply: Reply
    chain: tuple[Url, ...]
    certificate_ends: float | None
    peer: str


@dataclass
class _Line:
    """A connection and what is known of it."""

    http: HttpLine
    origin: tuple[str, str, int]
    made: float
    peer: str
    certificate_ends: float | None


class HttpClient:
    """Asks one web server again and again.

    Args:
        trust: whom to believe.
        kept: keep the connection open between requests.
        redirects: how many are followed; the next one is an error, and none is followed when it is zero.
        most: bytes of a body that are kept.
        socket: a socket of this machine to connect to, whatever the address says.
    """

    def __init__(
        self, trust: Trust, *, kept: bool = False, redirects: int = 0, most: int = 1_000_000, socket: str = ""
    ) -> None:
        self._trust = trust
        self._kept = kept
        self._redirects = redirects
        self._most = most
        self._socket = socket
        self._line: _Line | None = None

    async def ask(self, request: Request, around: Around, watch: Stopwatch) -> Answered:
        """Ask, and follow redirects.

        Raises:
            UnreachableError: there is no answer, or redirects lead nowhere.
        """
        chain = [request.url]
        seen = {(request.method, request.url)}
        ends: float | None = None
        while True:
            line, reply = await self._hop(request, around.shared, watch)
            if line.certificate_ends is not None:
                ends = min(line.certificate_ends, ends or line.certificate_ends)
            location = reply.headers.get("location") if reply.status in _REDIRECTS and self._redirects else None
            if location is None:
                return Answered(reply, tuple(chain), ends, line.peer)
            request = _redirected(request, reply.status, location, chain)
            chain.append(request.url)
            if (request.method, request.url) in seen:
                raise UnreachableError(f"it redirects in a circle: {words_of(chain)}")
            if len(chain) > self._redirects + 1:
                raise UnreachableError(f"it redirects more than {self._redirects} times: {words_of(chain)}")
            seen.add((request.method, request.url))

    def close(self) -> None:
        """Close the connection that is kept."""
        if self._line is not None:
            self._line.http.abort()
            self._line = None

    async def _hop(self, request: Request, shared: Shared, watch: Stopwatch) -> tuple[_Line, Reply]:
        line, self._line = self._line, None
        if line is not None and line.origin == request.url.origin and time.monotonic() - line.made < KEPT_FOR:
            try:
                return line, await self._exchange(line, request, watch)
            except StaleError:
                if request.method not in _REPEATABLE:
                    raise
        elif line is not None:
            line.http.abort()
        line = await self._open(request.url, shared, watch)
        return line, await self._exchange(line, request, watch)

    async def _open(self, url: Url, shared: Shared, watch: Stopwatch) -> _Line:
        endpoint = Endpoint("", path=self._socket) if self._socket else url.endpoint
        connected = await dial(endpoint, shared, watch)
        http = HttpLine(str(endpoint), self._most)
        if url.scheme == "https":
            transport, _ = await wrap(connected, http, self._trust, url.host, endpoint, shared, watch)
            ends = end_of(transport)
        else:
            try:
                transport, _ = await asyncio.get_running_loop().create_connection(lambda: http, sock=connected)
            except BaseException:
                connected.close()
                raise
            ends = None
        place = transport.get_extra_info("peername")
        peer = str(place[0]) if isinstance(place, tuple) else str(endpoint)
        return _Line(http, url.origin, time.monotonic(), peer, ends)

    async def _exchange(self, line: _Line, request: Request, watch: Stopwatch) -> Reply:
        watch.enter("first_byte", f"waiting for the answer of {request.url.authority}")
        try:
            data = request.head(self._kept) + request.body
            reply = await line.http.ask(data, bodyless=request.method == "HEAD")
        except BaseException:
            if line.http.first:
                watch.split("transfer", line.http.first)
                watch.doing = f"reading the answer of {request.url.authority}"
            line.http.abort()
            raise
        watch.split("transfer", reply.first)
        watch.enter("", "judging the answer")
        if self._kept and line.http.reusable and self._line is None:
            self._line = line
        else:
            line.http.abort()
        return reply


def _redirected(request: Request, status: int, location: str, chain: list[Url]) -> Request:
    """The request that a redirect asks for (RFC 9110, 15.4)."""
    try:
        url = request.url.join(_text(location))
    except ValueError:
        raise UnreachableError(
            f"it redirects to what is no http address: {plain(location, 80)}", where=str(request.url.authority)
        ) from None
    same = url.origin == request.url.origin
    request = replace(request, url=url, headers=request.headers if same else {})
    if status in (307, 308):
        if request.body and not same:
            raise UnreachableError(f"it redirects what it is sent to another server: {words_of([*chain, url])}")
        return request
    if request.method in ("GET", "HEAD"):
        return request
    return replace(request, method="GET", body=b"")


def _text(location: str) -> str:
    """A header's value as it was meant: UTF-8 where it is that."""
    try:
        return location.encode("latin-1").decode("utf-8").strip()
    except UnicodeError:
        return location.strip()


def words_of(chain: list[Url] | tuple[Url, ...]) -> str:
    """Redirects in words, the middle left out when there are many."""
    shown = [plain(str(url), 80) for url in chain]
    return " -> ".join(shown if len(shown) <= 4 else [*shown[:2], f"({len(shown) - 3} more)", shown[-1]])
