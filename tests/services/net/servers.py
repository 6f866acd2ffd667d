"""Real servers on real sockets that behave as they are told, well or badly, each in threads of its own."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

Handler = Callable[[socket.socket], None]
"""What is done with each connection; it is closed afterwards."""


class Server:
    """A listener.

    Args:
        handler: see there.
        context: speak TLS.
        path: listen on a socket in the file system.
        linger: close with a reset.
    """

    def __init__(self, handler: Handler, context: ssl.SSLContext | None = None, path: str = "") -> None:
        self.handler = handler
        self.context = context
        self.connections = 0
        self.requests: list[bytes] = []
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        self._listener.bind(path or ("127.0.0.1", 0))
        self._listener.listen(1024)
        self.port = 0 if path else int(self._listener.getsockname()[1])
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"{'https' if self.context else 'http'}://127.0.0.1:{self.port}"

    def wait(self) -> None:
        """Until the server ends: for a handler that does nothing."""
        self._ending.wait(60)

    @property
    def ending(self) -> bool:
        """Whether it is to end."""
        return self._ending.is_set()

    def close(self) -> None:
        """End it and its connections."""
        self._ending.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    def _accept(self) -> None:
        while not self.ending:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with self._lock:
                self._open.add(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, raw: socket.socket) -> None:
        connection = raw
        try:
            if self.context is not None:
                connection = self.context.wrap_socket(raw, server_side=True)
            self.handler(connection)
        except (OSError, ValueError):
            pass  # the other side has gone, which is what it may do
        finally:
            with self._lock:
                self._open.discard(raw)
            with contextlib.suppress(OSError):
                connection.close()
            raw.close()


@contextlib.contextmanager
def serving(handler: Handler, context: ssl.SSLContext | None = None, path: str = "") -> Iterator[Server]:
    """A server for as long as the context lasts."""
    server = Server(handler, context, path)
    try:
        yield server
    finally:
        server.close()


def request_of(connection: socket.socket) -> bytes:
    """A request with its body; empty when the other side has gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return b""
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def answer(body: bytes = b"", status: str = "200 OK", *headers: str) -> bytes:
    """An answer with its length."""
    lines = "".join(f"{line}\r\n" for line in (*headers, f"Content-Length: {len(body)}"))
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body


def saying(data: bytes, times: int = 1_000_000) -> Handler:
    """Answers every request with these bytes, on connections that stay open."""

    def handle(connection: socket.socket) -> None:
        for _ in range(times):
            if not request_of(connection):
                return
            connection.sendall(data)

    return handle


def once(data: bytes) -> Handler:
    """Answers one request with these bytes, and closes."""
    return saying(data, 1)


def for_ever(head: bytes, part: bytes) -> Handler:
    """Answers with a beginning, and then with the same part again and again."""

    def handle(connection: socket.socket) -> None:
        request_of(connection)
        connection.sendall(head)
        while True:
            connection.sendall(part)

    return handle


def resetting(connection: socket.socket) -> None:
    """Takes a request and resets the connection."""
    request_of(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def hanging() -> Handler:
    """Takes everything and says nothing, until the other side goes."""

    def handle(connection: socket.socket) -> None:
        while connection.recv(65536):
            pass

    return handle


def free_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
