"""HTTP/1.1 over one connection: one request, one answer, both bounded. The parsing is llhttp's (httptools)."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

import httptools

from daytwo.core.errors import UnreachableError
from daytwo.core.net.words import plain

MOST_HEADERS = 64 * 1024
"""Bytes of headers, those of interim answers (1xx) included."""
MOST_INTERIM = 16
"""Interim answers (1xx) before the real one."""

_FRAMING = 10
"""Bytes on the wire for each one that is kept: chunks of one byte have six."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer.

    Args:
        status: its code.
        version: of HTTP: `1.1`.
        headers: by their name in lower case; several of one name joined with commas (RFC 9110, 5.3).
        body: what was kept of it.
        cut: there was more of it than is kept.
        first: when its first byte came, as `time.perf_counter` counts.
    """

    status: int
    version: str
    headers: Mapping[str, str]
    body: bytes
    cut: bool
    first: float


class StaleError(UnreachableError):
    """A connection that was kept open had been closed by the other side."""


class HttpLine(asyncio.Protocol):
    """One connection that speaks HTTP/1.1.

    Args:
        where: the place it leads to, for words.
        most: bytes of a body that are kept; the rest is not read.
    """

    def __init__(self, where: str, most: int) -> None:
        self._where = where
        self._most = most
        self._transport: asyncio.Transport | None = None
        self._done: asyncio.Future[Reply] | None = None
        self._used = False
        self.reusable = False
        """Whether another request can follow."""
        self.first = 0.0
        """When the first byte of this answer came, as `time.perf_counter` counts; zero before."""
        self._begin(bodyless=False)

    async def ask(self, request: bytes, *, bodyless: bool = False) -> Reply:
        """Send a request and wait for its answer. Whoever cancels this aborts the connection, too.

        Args:
            request: all its bytes.
            bodyless: its answer has headers only (HEAD).

        Raises:
            StaleError: the connection, used before, ended without a byte of an answer.
            UnreachableError: it ended early, or what came is no answer or has no end.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            raise StaleError("the connection has been closed", where=self._where)
        self._begin(bodyless)
        self._done = done = asyncio.get_running_loop().create_future()
        transport.write(request)
        try:
            reply: Reply = await done
            return reply
        finally:
            self._used = True
            self._done = None

    def abort(self) -> None:
        """Close the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """There is a connection."""
        self._transport = transport  # type: ignore[assignment]  # a stream's transport

    def data_received(self, data: bytes) -> None:
        """Some bytes have come."""
        if self._done is None or self._done.done():
            self.reusable = False  # nobody has asked for this
            self.abort()
            return
        if not self.first:
            self.first = time.perf_counter()
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._finish(reusable=False)
        except httptools.HttpParserCallbackError:
            self._fail(self._refusal or "what it answers cannot be read")
        except httptools.HttpParserError as error:
            if not self._done.done():
                self._fail(f"what it answers is not valid HTTP: {plain(str(error), 100)}")
        if not self._in_body and self._received > MOST_HEADERS:
            self._fail(_TOO_MANY_HEADERS)
        elif self._received > MOST_HEADERS + _FRAMING * self._most:
            self._fail(f"it sends {self._received} bytes that are hardly an answer but its framing")

    def eof_received(self) -> None:
        """It sends no more; the connection is closed then."""

    def connection_lost(self, error: Exception | None) -> None:
        """The connection has ended."""
        self.reusable = False
        if self._done is None or self._done.done():
            return
        if error is None and self._in_body and not self._has_end:
            self._finish(reusable=False)  # it ends with the connection (RFC 9112, 6.3)
            return
        how = "reset" if error is not None else "closed"
        if not self.first:
            kind = StaleError if self._used else UnreachableError
            self._done.set_exception(kind(f"it {how} the connection without an answer", where=self._where))
        elif self._in_body:
            self._fail(f"it {how} the connection in the middle of its answer, after {self._kept} bytes")
        else:
            self._fail(f"it {how} the connection in the middle of its headers")

    # What the parser calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header has come."""
        self._size += len(name) + len(value) + 4
        if self._size > MOST_HEADERS:
            self._refuse(_TOO_MANY_HEADERS)
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        """All headers have come."""
        self._status = self._parser.get_status_code()
        if 100 <= self._status < 200 and self._status != 101:
            return
        self._in_body = True
        # A length that another coding overrides does not count; llhttp has refused both at once.
        self._has_end = "content-length" in self._headers or "chunked" in self._headers.get("transfer-encoding", "")
        if self._bodyless:
            self._finish(reusable=self._parser.should_keep_alive())

    def on_body(self, data: bytes) -> None:
        """A part of the body has come."""
        if self._done is None or self._done.done():
            return
        room = self._most - self._kept
        self._parts.append(data[:room])
        self._kept += min(len(data), room)
        if len(data) > room:
            self._cut = True
            self._finish(reusable=False)

    def on_message_complete(self) -> None:
        """An answer has come to its end; an interim one (1xx) is followed by another."""
        if self._in_body:
            self._finish(reusable=self._parser.should_keep_alive())
            return
        self._interim += 1
        if self._interim > MOST_INTERIM:
            self._refuse(f"it sends more than {MOST_INTERIM} interim answers (1xx) and no real one")
        self._headers.clear()

    # Our own.

    def _begin(self, bodyless: bool) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._bodyless = bodyless
        self._headers: dict[str, str] = {}
        self._parts: list[bytes] = []
        self._status = 0
        self._size = 0  # of all headers
        self._received = 0
        self._kept = 0
        self._interim = 0
        self._in_body = False
        self._has_end = False  # of its own, not only with the connection
        self._cut = False
        self._refusal = ""
        self.first = 0.0
        self.reusable = False

    def _refuse(self, why: str) -> None:
        """End the parsing from within one of its calls."""
        self._refusal = why
        raise ValueError(why)

    def _finish(self, *, reusable: bool) -> None:
        if self._done is None or self._done.done():
            return
        self.reusable = reusable
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        version = self._parser.get_http_version()
        self._done.set_result(Reply(self._status, version, self._headers, body, self._cut, self.first))
        if not reusable:
            self.abort()

    def _fail(self, why: str) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(UnreachableError(why, where=self._where))
        self.abort()


_TOO_MANY_HEADERS = f"its headers are larger than {MOST_HEADERS // 1024} KiB"
