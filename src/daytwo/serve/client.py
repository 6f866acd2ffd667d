"""A command's line to the daemon of its app: HTTP over the Unix socket, with nothing but the standard library."""

import http.client
import json
import os
import socket
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

from daytwo.core.errors import DaytwoError, RefusedError, UnreachableError, error_class

if TYPE_CHECKING:
    from daytwo.config import Config

SOCKET = "daytwo.sock"
OWN_HEADER = "X-Daytwo-App"
"""Names the app that a command means."""
_PATIENCE = 60.0
"""Seconds without a word; a stream says something every 15."""
_PAGE = 500
"""Items of a list that the daemon gives at once, at most."""
_CHUNK = 1 << 16
"""Bytes."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("daytwo", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        # The kernel takes 107 bytes of path; by way of its folder every path is short enough.
        folder = os.open(self._path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(self.timeout)
            self.sock.connect(f"/proc/self/fd/{folder}/{self._path.name}")
        finally:
            os.close(folder)


class Client:
    """The daemon as a command sees it.

    Args:
        folder: where the app keeps what is its own.
        patience: seconds to wait for a word.
        own: the app and its environment, as `APP/ENVIRONMENT`: the daemon of another one in the same folder does not
            answer then. Anybody's when empty.
    """

    def __init__(self, folder: Path, patience: float = _PATIENCE, own: str = "") -> None:
        self._path = folder / SOCKET
        self._patience = patience
        self._own = {OWN_HEADER: own} if own else {}

    @classmethod
    def of(cls, config: "Config") -> Self:
        """The daemon of a configuration's app."""
        return cls(config.folder / ".daytwo", own=config.own_name)

    def there(self) -> bool:
        """Whether a daemon answers."""
        try:
            if not self._path.is_socket():
                return False
            self.call("GET", "/api/monitoring/health/live")
        except (DaytwoError, OSError):
            return False
        return True

    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        """Ask or order something.

        Returns:
            What is in `data`.

        Raises:
            DaytwoError: the daemon says no, as its own class of error.
            UnreachableError: it does not answer.
        """
        with self._request(method, path, body, headers or {}) as answer:
            return _opened(answer.status, answer.read())["data"]

    def made(self, path: str, body: Any) -> tuple[Any, bool]:
        """Have something made; what it is, and whether it is new."""
        with self._request("POST", path, body, {}) as answer:
            return _opened(answer.status, answer.read())["data"], answer.status == 201

    def listed(self, path: str, limit: int, after: str | None = None, **query: object) -> tuple[list[Any], str | None]:
        """Read a list, as many pages as it takes.

        Args:
            path: of the list.
            limit: how many items at most.
            after: what the list before gave as its end.
            query: what else is asked for; what is None is not.

        Returns:
            The items, and what to give as `after` to go on; None when there are no more.
        """
        found: list[Any] = []
        while len(found) < limit:
            wanted = address(path, **query, limit=min(_PAGE, limit - len(found)), after=after)
            with self._request("GET", wanted, None, {}) as answer:
                page = _opened(answer.status, answer.read())
            found += page["data"]
            after = page["next"]
            if after is None:
                break
        return found, after

    def download(
        self, path: str, method: str = "GET", body: Any = None, headers: dict[str, str] | None = None
    ) -> Generator[bytes, None, None]:
        """Read what is no JSON, as it comes.

        Raises:
            DaytwoError: the daemon says no, as its own class of error.
            UnreachableError: it does not answer, or ended before all of it was here.
        """
        with self._request(method, path, body, headers or {}) as answer:
            if answer.status != 200:
                _opened(answer.status, answer.read())
            while chunk := answer.read(_CHUNK):
                yield chunk

    def events(self, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Watch a run: the events' names and data, until the end."""
        with self._request("GET", path, None, {"Accept": "text/event-stream"}) as answer:
            if answer.status != 200:
                _opened(answer.status, answer.read())
            name = ""
            for raw in answer:
                line = raw.decode().rstrip("\n")
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    yield name, json.loads(line.removeprefix("data: "))

    @contextmanager
    def _request(
        self, method: str, path: str, body: Any, headers: dict[str, str]
    ) -> Iterator[http.client.HTTPResponse]:
        connection = _Connection(self._path, self._patience)
        try:
            data = None if body is None else json.dumps(body).encode()
            given = {**headers, **self._own, **({"Content-Type": "application/json"} if data else {})}
            connection.request(method, path, data, given)
            yield connection.getresponse()
        except PermissionError:
            raise RefusedError(
                "you may not use the daemon of this app", where=str(self._path),
                hint="Run it as its user or as root, or have `serve: local:` give you a role",
            ) from None  # fmt: skip
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(
                f"the daemon does not answer: {error}", where=str(self._path), hint="Is it running? `daytwo serve`"
            ) from None
        finally:
            connection.close()


def _opened(status: int, text: bytes) -> Any:
    try:
        document = json.loads(text)
    except ValueError:
        raise UnreachableError(f"the daemon answered {status} with what is no JSON") from None
    if "error" in document:
        problem = document["error"]
        raise error_class(problem["code"])(problem["message"], hint=problem["hint"])
    return document


def address(path: str, **query: object) -> str:
    """A path with what is asked for; what is None is not."""
    told = {name: _plain(value) for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(told)}" if told else path


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)
