"""A receiver of webhooks on this machine: a real HTTP server that keeps what it is sent, and can fail or hang."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """What came, and how it answers."""

    port: int = 0
    status: int = 200
    got: list[tuple[float, dict[str, Any], str]] = field(default_factory=list)
    refused: int = 0
    asked: int = 0
    hangs: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)

    @property
    def told(self) -> list[tuple[str, str]]:
        """The events and titles that came."""
        return [(body["event"], body["title"]) for _, body, _ in self.got]

    @property
    def keys(self) -> list[str]:
        """The keys of the deliveries."""
        return [key for _, _, key in self.got]

    @contextlib.contextmanager
    def open(self) -> Iterator["Receiver"]:
        """Listen."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                at = time.time()
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.asked += 1
                if receiver.hangs.is_set():
                    receiver.let_go.wait(60)
                if receiver.status == 200:
                    receiver.got.append((at, body, self.headers.get("Idempotency-Key", "")))
                else:
                    receiver.refused += 1
                with contextlib.suppress(OSError):
                    self.send_response(receiver.status)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # whoever was killed has hung up

        with Server(("127.0.0.1", self.port), Handler) as server:
            self.port = server.server_address[1]
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            try:
                yield self
            finally:
                self.let_go.set()
                server.shutdown()
                thread.join()
