"""HTTP as the daemon speaks it: who is at the other end of a Unix socket, and bounds for those who only hold a line.

uvicorn bounds neither the size of a request's head nor the time in which it must come (its `timeout_keep_alive` counts
between requests only), so that one peer could take all memory, and a few all file descriptors of the daemon.
"""

import asyncio
import ipaddress
import socket
import struct
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD = 64 * 1024
"""Bytes of a request's first line and headers, give or take one read of the socket."""
HEAD_WITHIN = 20.0
"""Seconds for the head of a request, from the connection or the end of the answer before."""
BODY_WITHIN = 120.0
"""Seconds for the body of a request."""
ANSWER_WITHIN = 120.0
"""Seconds for which a caller from the network may take nothing of an answer that waits for it."""
MOST = 400
"""Connections to one listener."""
EACH = 100
"""Of these, from one address of the internet; in private networks a proxy may stand for many."""


class Protocol(HttpToolsProtocol):
    """HTTP with bounds; it knows which process is at the other end of a Unix socket (SO_PEERCRED, unix(7))."""

    _head: int | None = 0
    """Bytes of the head that is being read; None when none is."""
    _whole = True
    """Whether the newest request is there to its end. It may be answered before, as one that is too large is."""
    _line: asyncio.TimerHandle | None = None
    _taking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A caller is there."""
        super().connection_made(transport)
        found = transport.get_extra_info("socket")
        if found is not None and found.family == socket.AF_UNIX:
            credentials = found.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            self.app_state = {**self.app_state, "peer": struct.unpack("3i", credentials)}
        if self._is_one_too_many():
            transport.abort()
            return
        self._within(HEAD_WITHIN)

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller is gone."""
        for timer in (self._line, self._taking):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some of a request is there."""
        if self.transport.is_closing():
            return
        before = self._head
        super().data_received(data)
        if self._head is None or before is None:
            return
        self._head += len(data)
        if self._head > LARGEST_HEAD and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\r\n")
            self.transport.close()

    def on_message_begin(self) -> None:
        """A request begins, perhaps while the one before it is at work."""
        self._head, self._whole = 0, False
        self._within(HEAD_WITHIN)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head of a request is there; its body begins."""
        self._head = None
        self._within(BODY_WITHIN)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """All of a request is there."""
        self._whole = True
        if self.cycle is not None and self.cycle.response_complete:
            self._next()
        elif self._line is not None:
            self._line.cancel()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """A request is answered; the next may come, after the rest of this one."""
        if not self.pipeline and self._whole:
            self._next()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The caller does not take what it asked for. Local ones may: they end in somebody's pager."""
        super().pause_writing()
        if self.client:
            self._taking = self.loop.call_later(ANSWER_WITHIN, self.transport.abort)

    def resume_writing(self) -> None:
        """It does again."""
        if self._taking is not None:
            self._taking.cancel()
        super().resume_writing()

    def _next(self) -> None:
        self._head = 0
        self._within(HEAD_WITHIN)

    def _within(self, seconds: float) -> None:
        if self._line is not None:
            self._line.cancel()
        self._line = self.loop.call_later(seconds, self.transport.abort)

    def _is_one_too_many(self) -> bool:
        if len(self.connections) > MOST:
            return True
        host = self.client[0] if self.client else ""
        if not _is_of_the_internet(host):
            return False
        clients = [one.client for one in self.connections if isinstance(one, Protocol)]
        return sum(1 for one in clients if one and one[0] == host) > EACH


def _is_of_the_internet(host: str) -> bool:
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return False
    return ((found.ipv4_mapped if found.version == 6 else None) or found).is_global
