"""What stands before every route: a limit for requests, security headers, ETags so that nothing is sent twice."""

import hashlib
from collections.abc import Iterable

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from daytwo.serve.client import OWN_HEADER
from daytwo.web.envelope import failure
from daytwo.web.pages import error_page

LARGEST_BODY = 1 << 20
"""Bytes."""
_BOUNDED = "/ping/"
"""These routes read only the beginning of a body and leave the rest: a job's report counts however long its log is."""
_MEANT = OWN_HEADER.lower().encode()
_SECURITY = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    ),
)


class Guards:
    """ASGI middleware: size limit, security headers, ETags.

    Args:
        app: what is guarded.
        secure: whether the world reaches it by TLS, so that browsers may be told to insist on that.
        own: the app and its environment; who means another one is not answered.
    """

    def __init__(self, app: ASGIApp, *, secure: bool = False, own: str = "") -> None:
        self._app = app
        self._own = own.encode()
        self._headers = [*_SECURITY]
        if secure:
            self._headers.append((b"strict-transport-security", b"max-age=31536000"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope, send, self._headers)
        if scope["path"].startswith(_BOUNDED):
            await self._app(scope, receive, answer.send)
            return
        if _header(scope["headers"], _MEANT) not in (b"", self._own):
            said = f"this is the daemon of {self._own.decode()}"
            await failure(409, "conflict", said, "Give each app a folder of its own")(scope, receive, answer.send)
            return
        length = _header(scope["headers"], b"content-length")
        if length and (not length.isdigit() or int(length) > LARGEST_BODY):
            await self._too_large(scope, receive, answer.send)
            return
        if scope["method"] == "HEAD" and not scope["path"].startswith("/ping/"):
            scope = {**scope, "method": "GET"}  # the server leaves the body out
        limited = _Limited(receive)

        async def send_unless_refused(message: Message) -> None:
            if not limited.exceeded:
                await answer.send(message)

        try:
            await self._app(scope, limited.receive, send_unless_refused)
        except Exception:
            if not limited.exceeded:
                raise
        if limited.exceeded and not answer.begun:
            await self._too_large(scope, receive, answer.send)

    async def _too_large(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a body."""
        said = f"a request may have {LARGEST_BODY:,} bytes"
        shown = error_page(Request(scope), 413, said, "Go back and send less") if "app" in scope else None
        await (shown or failure(413, "too_large", said))(scope, receive, send)


class _Limited:
    """Ends a body that named no length and goes on for too long: what reads it sees the caller hang up."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._seen = 0

    @property
    def exceeded(self) -> bool:
        return self._seen > LARGEST_BODY

    async def receive(self) -> Message:
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        return {"type": "http.disconnect"} if self.exceeded else message


class _Answer:
    """Adds headers; holds a JSON answer to a GET back until its ETag is known."""

    def __init__(self, scope: Scope, send: Send, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self._scope = scope
        self._send = send
        self._headers = headers
        self._start: Message | None = None
        self.begun = False

    async def send(self, message: Message) -> None:
        self.begun = True
        if message["type"] == "http.response.start":
            self._dress(message)
            if self._wants_etag(message):
                self._start = message
                return
        elif self._start is not None and message["type"] == "http.response.body":
            start, self._start = self._start, None
            if not message.get("more_body"):
                message = self._tagged(start, message)
            await self._send(start)
        await self._send(message)

    def _dress(self, message: Message) -> None:
        given = {name.lower() for name, _ in message["headers"]}
        added = [(name, value) for name, value in self._headers if name not in given]
        if b"cache-control" not in given:
            added.append((b"cache-control", b"no-cache, private"))
        message["headers"] = [*message["headers"], *added]

    def _wants_etag(self, message: Message) -> bool:
        kind = _header(message["headers"], b"content-type")
        return self._scope["method"] == "GET" and message["status"] == 200 and kind.startswith(b"application/json")

    def _tagged(self, start: Message, message: Message) -> Message:
        tag = b'"' + hashlib.sha256(message.get("body", b"")).hexdigest()[:32].encode() + b'"'
        start["headers"].append((b"etag", tag))
        wanted = [
            one.strip().removeprefix(b"W/") for one in _header(self._scope["headers"], b"if-none-match").split(b",")
        ]
        if tag not in wanted:
            return message
        start["status"] = 304
        start["headers"] = [
            (n, v) for n, v in start["headers"] if n.lower() not in (b"content-length", b"content-type")
        ]
        return {**message, "body": b""}


def _header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes:
    return next((value for key, value in headers if key.lower() == name), b"")
