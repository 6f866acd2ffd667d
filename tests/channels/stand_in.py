"""A stand-in for services that take messages by HTTP: strict by a judge of each kind's own, and faulty on demand."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Request:
    """What was posted."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def data(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What is answered."""

    status: int = 200
    body: str = "{}"
    headers: dict[str, str] = field(default_factory=dict)


Judge = Callable[[Request], Reply]


class StandIn:
    """A server on a port of its own. `faults` are answered first, one a request; a word means bad manners."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.taken: list[Request] = []
        self.refused: list[tuple[Request, Reply]] = []
        self.faults: list[Reply | str] = []
        self.ending = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, request: Request) -> Reply | str:
        if self.faults:
            return self.faults.pop(0)
        reply = self.judge(request)
        if 200 <= reply.status < 300:
            self.taken.append(request)
        else:
            self.refused.append((request, reply))
        return reply

    def close(self) -> None:
        self.ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(stand_in: StandIn) -> type[BaseHTTPRequestHandler]:  # noqa: C901 - a class that knows its stand-in
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = stand_in.answer(Request(self.path, headers, body))
            with contextlib.suppress(OSError):
                self._misbehave(reply) if isinstance(reply, str) else self._reply(reply)
            self.close_connection = True

        def _reply(self, reply: Reply) -> None:
            data = reply.body.encode()
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(data)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def _misbehave(self, how: str) -> None:
            if how == "hang":
                stand_in.ending.wait(60)
            elif how == "drip headers":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                self._drip()
            elif how == "drip body":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                self._drip()
            elif how == "endless":
                self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                while not stand_in.ending.is_set():
                    self.wfile.write(b"x" * 65536)
            elif how == "cut":
                self.connection.shutdown(socket.SHUT_RDWR)
            else:
                raise AssertionError(how)

        def _drip(self) -> None:
            while not stand_in.ending.wait(0.05):
                self.wfile.write(b"x")
                self.wfile.flush()

        def log_message(self, format: str, *args: Any) -> None:
            return

    return Handler


@contextlib.contextmanager
def serving(judge: Judge) -> Iterator[StandIn]:
    """One for as long as it is needed."""
    made = StandIn(judge)
    try:
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """A port on which nobody listens, and nobody else can."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
