"""The app's HTTP server, on loopback.

`GET /` the page, `GET /api/exports`, `POST /api/exports` with `{"who", "what", "destination"}`,
`GET /api/orders/summary`, `GET /api/health`, `GET /uploads/...`.
"""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg

from daytwo.demo.app.page import page
from daytwo.demo.app.store import AppError, Request, Store, UnknownDataError, shown

HOST = "127.0.0.1"
_LONGEST_BODY = 10_000


class Server(ThreadingHTTPServer):
    """The server, with what it serves."""

    daemon_threads = True

    def __init__(self, store: Store) -> None:
        self.store = store
        super().__init__((HOST, 0), Handler)


def serve(folder: Path) -> Server:
    """Listen on a free port, for the data in a folder; the caller runs `serve_forever`."""
    store = Store(folder)
    store.prepare()
    return Server(store)


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Server
    server_version = "exports"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        """Read."""
        self._guarded(self._get)

    def do_POST(self) -> None:
        """Write."""
        self._guarded(self._post)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing for each request."""

    def _guarded(self, answer: Callable[[], None]) -> None:
        """Answer, or say in one line which part of the app's data cannot be reached."""
        try:
            answer()
        except UnknownDataError as error:
            self._problem(HTTPStatus.BAD_REQUEST, str(error))
        except AppError as error:
            self._problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        except psycopg.Error as error:
            self._problem(HTTPStatus.SERVICE_UNAVAILABLE, f"PostgreSQL: {_last_words(str(error))}")
        except sqlite3.Error as error:
            self._problem(HTTPStatus.SERVICE_UNAVAILABLE, f"SQLite: {error}")
        except ConnectionError:
            self.close_connection = True
        except OSError as error:
            self._problem(HTTPStatus.SERVICE_UNAVAILABLE, f"files: {error.strerror}")

    def _get(self) -> None:
        store, path = self.server.store, unquote(urlsplit(self.path).path)
        if path == "/":
            self._send(HTTPStatus.OK, page(store.exports(), store.orders()).encode(), "text/html; charset=utf-8")
        elif path == "/api/exports":
            self._json(HTTPStatus.OK, {"exports": [shown(export) for export in store.exports()]})
        elif path == "/api/orders/summary":
            self._json(HTTPStatus.OK, store.orders())
        elif path == "/api/health":
            self._health()
        elif path.startswith("/uploads/"):
            self._upload(path.removeprefix("/uploads/"))
        else:
            self._problem(HTTPStatus.NOT_FOUND, "there is nothing here")

    def _post(self) -> None:
        if urlsplit(self.path).path != "/api/exports":
            self._problem(HTTPStatus.NOT_FOUND, "there is nothing here")
            return
        try:
            size = int(self.headers.get("Content-Length", 0))
            asked = Request(**json.loads(self.rfile.read(size))) if size <= _LONGEST_BODY else None
        except (ValueError, TypeError):
            asked = None
        if asked is None or not all(isinstance(value, str) and value for value in vars(asked).values()):
            self._problem(HTTPStatus.BAD_REQUEST, 'send {"who": ..., "what": ..., "destination": ...}')
            return
        self._json(HTTPStatus.CREATED, shown(self.server.store.export(asked)))

    def _health(self) -> None:
        """Every part of the data is there, and every export is as it was recorded."""
        store = self.server.store
        orders, exports = store.orders(), store.exports()
        damaged = sum(not export.intact for export in exports)
        answer = {"orders": orders["orders"], "exports": len(exports), "damaged": damaged}
        status = HTTPStatus.SERVICE_UNAVAILABLE if damaged else HTTPStatus.OK
        self._json(status, {"status": "damaged" if damaged else "ok", **answer})

    def _upload(self, name: str) -> None:
        found = self.server.store.upload(name)
        if found is None:
            self._problem(HTTPStatus.NOT_FOUND, "there is no such file")
        else:
            with found.open("rb") as file:
                self._head(HTTPStatus.OK, os.fstat(file.fileno()).st_size, "application/octet-stream")
                shutil.copyfileobj(file, self.wfile)

    def _problem(self, status: HTTPStatus, what: str) -> None:
        self._json(status, {"error": what})

    def _json(self, status: HTTPStatus, value: Mapping[str, object]) -> None:
        self._send(status, json.dumps(value).encode(), "application/json")

    def _send(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self._head(status, len(body), kind)
        self.wfile.write(body)

    def _head(self, status: HTTPStatus, size: int, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()


def _last_words(text: str) -> str:
    """The reason in what libpq says: the end of its first line."""
    lines = text.strip().splitlines()
    return lines[0].rpartition("FATAL:")[2].rpartition("failed: ")[2].strip() if lines else "no reason given"
