"""Says to the daemon that a job began and how it ended. Whatever goes wrong with that is a warning, never the job's."""

import os
import re
import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from daytwo.core.errors import DaytwoError
from daytwo.core.secrets import Secret, redact, remember
from daytwo.serve.client import Client

_TELLING = re.compile(r"PASS|SECRET|TOKEN|KEY|CREDENTIAL|PWD$|AUTH|DSN", re.IGNORECASE)
"""Names of variables whose value is not for others."""
_IN_URL = re.compile(r"://[^/\s:@]*:([^/\s@]+)@")
_SHORT = 6
"""Shorter values are words rather than secrets: blanking them would spoil the text."""
_EXCERPT = 10_000
"""Bytes, as many as the daemon keeps."""
_PATIENCE = 5.0
_PAUSES = (1.0, 3.0, 6.0)
"""Seconds between the tries to report an end: long enough for a daemon that is being started again."""
Warn = Callable[[str], None]


class Reporter(ABC):
    """Reports one run of a job.

    Args:
        warn: shows what went wrong.
    """

    def __init__(self, warn: Warn) -> None:
        self.rid = str(uuid.uuid4())
        self._warn = warn
        self._start: threading.Thread | None = None

    def begin(self) -> None:
        """Say that it begins, beside the job: it waits for nobody."""
        self._start = threading.Thread(target=self._begin, name="start report", daemon=True)
        self._start.start()

    def finish(self, code: int, seconds: float, text: str) -> None:
        """Say how it ended.

        Args:
            code: its exit code.
            seconds: how long it took.
            text: the end of what it printed.
        """
        if self._start is not None:
            self._start.join(2 * _PATIENCE)
        self._try("end", lambda: self.send_end(code, seconds, _excerpt(text)))

    def _begin(self) -> None:
        self._try("start", self.send_start)

    def _try(self, what: str, send: Callable[[], str]) -> None:
        try:
            trouble = send()
        except Exception as error:  # whatever it is, the job's own end is what counts
            trouble = redact(f"{type(error).__name__}: {error}")
        if trouble:
            self._warn(f"the {what} was not reported: {trouble}")

    @abstractmethod
    def send_start(self) -> str:
        """Report the start, once. Returns what went wrong, or nothing."""

    @abstractmethod
    def send_end(self, code: int, seconds: float, text: str) -> str:
        """Report the end, more than once if need be. Returns what went wrong, or nothing."""


class ByName(Reporter):
    """Reports to the daemon of this host, over its Unix socket.

    Args:
        find: finds the folder of the app; it may fail.
        name: the heartbeat.
        warn: shows what went wrong.
        wait: how to wait so many seconds.
    """

    def __init__(
        self, find: Callable[[], Path], name: str, warn: Warn, wait: Callable[[float], None] = time.sleep
    ) -> None:
        super().__init__(warn)
        self._find = find
        self._name = name
        self._wait = wait

    def send_start(self) -> str:
        """Report the start, once."""
        return self._send({"kind": "start"})[0]

    def send_end(self, code: int, seconds: float, text: str) -> str:
        """Report the end; a daemon that is not there is tried again for some seconds."""
        body = {
            "kind": "fail" if code else "success",
            "exit_code": code,
            "duration_ms": round(seconds * 1000),
            "excerpt": text,
        }
        trouble, passing = self._send(body)
        for pause in _PAUSES:
            if not passing:
                break
            self._wait(pause)
            trouble, passing = self._send(body)
        return trouble

    def _send(self, body: Mapping[str, Any]) -> tuple[str, bool]:
        try:
            client = Client(self._find() / ".daytwo", patience=_PATIENCE)
            client.call("POST", f"/api/heartbeats/{self._name}/pings", {**body, "rid": self.rid})
        except DaytwoError as error:
            return redact(str(error)), not error.permanent
        except (OSError, ValueError) as error:
            return redact(str(error)), False
        return "", False


class ByUrl(Reporter):
    """Reports over HTTP, to a daytwo elsewhere or to any service with the addresses of healthchecks.io.

    Args:
        url: the ping address; as good as a password.
        warn: shows what went wrong.
    """

    def __init__(self, url: Secret, warn: Warn) -> None:
        super().__init__(warn)
        self._url = url

    def send_start(self) -> str:
        """Report the start, once."""
        from daytwo.protect.ping import Manner, ping

        return ping(self._address("start"), manner=Manner(_PATIENCE, tries=1))

    def send_end(self, code: int, seconds: float, text: str) -> str:
        """Report the end; it is tried again when the other side does not answer."""
        from daytwo.protect.ping import Manner, ping

        return ping(self._address(str(code)), text, Manner(_PATIENCE, tries=len(_PAUSES) + 1))

    def _address(self, suffix: str) -> Secret:
        parts = urlsplit(self._url.reveal())
        query = "&".join(filter(None, (parts.query, urlencode({"rid": self.rid}))))
        return Secret(urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{suffix}", query=query)))


def remember_secrets(environment: Mapping[str, str] = os.environ) -> None:
    """Have the values of variables that look like secrets, and passwords in addresses, blanked in what is reported."""
    for name, value in environment.items():
        if len(value) >= _SHORT and _TELLING.search(name) and not value.startswith("/"):
            remember(value)
        for password in _IN_URL.findall(value):
            remember(password)


def _excerpt(text: str) -> str:
    """The end of a text, secrets blanked before it is cut, so that no half of one is left."""
    return redact(text).encode(errors="replace")[-_EXCERPT:].decode(errors="ignore")
