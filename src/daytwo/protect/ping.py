"""Heartbeats: tell a service elsewhere that a backup started, succeeded or failed, so that a missing one is noticed.

Any service that takes an HTTP request will do (healthchecks.io and its like: see https://healthchecks.io/docs/http_api/).
A ping never fails what it is about: whatever goes wrong becomes a warning. Its address is as good as a password and is
never shown; only the host is.
"""

import http.client
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit, urlunsplit

from daytwo.config import Config
from daytwo.config.models import Event, Ping, PingTarget
from daytwo.core.errors import SecretError
from daytwo.core.run import Run
from daytwo.core.secrets import Secret, SecretRef, redact, resolve

BODY = 10_000
"""The last so many characters of an error are sent."""
_AGENT = "daytwo"
_WORTH_ANOTHER_TRY = (408, 425, 429)
_ONLY_GET = (404, 405, 501)


@dataclass(frozen=True)
class Manner:
    """How patient a ping is.

    Args:
        timeout: seconds that one try may take altogether, however slowly the other side answers.
        tries: how often it is tried.
        pause: seconds before the second try, twice as many before the third, and so on.
        wait: how to wait so many seconds.
    """

    timeout: float = 5.0
    tries: int = 3
    pause: float = 1.0
    wait: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Pinger:
    """Pings of one backup. Its methods never raise; trouble becomes a warning of the run.

    Args:
        addresses: the addresses of the events, where there are any.
        folder: where relative paths of secret references begin.
        manner: how patient it is.
    """

    addresses: Ping | None = None
    folder: Path = Path()
    manner: Manner = field(default_factory=Manner)

    @classmethod
    def make(cls, settings: Ping | None, config: Config) -> "Pinger":
        """The pinger that the configuration asks for."""
        return cls(settings, config.folder)

    def start(self, run: Run) -> None:
        """Say that the run has begun."""
        self._say("start", run, "")

    def success(self, run: Run) -> None:
        """Say that it has done its work."""
        self._say("success", run, "")

    def failure(self, run: Run, text: str) -> None:
        """Say that it has not, and why."""
        self._say("failure", run, text)

    def _say(self, event: Event, run: Run, text: str) -> None:
        target = self.addresses.target(event) if self.addresses else None
        if target is None:
            return
        try:
            url = address(target, f"ping.{event}", self.folder)
        except SecretError as error:
            run.warn(f"the {event} ping was not sent: {error}")
            return
        if trouble := ping(url, text, self.manner):
            run.warn(f"the {event} ping was not delivered: {trouble}")


def address(target: PingTarget, setting: str, folder: Path) -> Secret:
    """The whole address of an event.

    Args:
        target: from the configuration.
        setting: the setting's name, for an error.
        folder: where a relative file of a reference begins.

    Raises:
        SecretError: the reference leads nowhere, or not to an http address.
    """
    url = target.address
    text = resolve(url, where=setting, base=folder).reveal() if isinstance(url, SecretRef) else url
    base = Secret(text.strip())
    try:
        parts = urlsplit(base.reveal())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise SecretError("this is no http:// or https:// address", where=setting, hint="Write the whole address there")
    return Secret(urlunsplit(parts._replace(path=parts.path.rstrip("/") + target.suffix))) if target.suffix else base


def ping(url: Secret, text: str = "", manner: Manner | None = None) -> str:
    """Send one ping. Never raises.

    Args:
        url: the address; http or https.
        text: sent as the body of a POST, secrets blanked, only its end if it is long; without one it is a GET. To a
            service that knows only GET it goes without the text.
        manner: how patient to be.

    Returns:
        Empty when it was delivered; otherwise what went wrong, without the address.
    """
    manner = manner or Manner()
    body = redact(text)[-BODY:].encode()
    trouble = _Trouble("it was not tried", False)
    for number in range(manner.tries):
        if number:
            manner.wait(manner.pause * 2 ** (number - 1))
        answer = _in_time(url, body, manner.timeout)
        if answer is None:
            return ""
        trouble = answer
        if body and trouble.code in _ONLY_GET:
            body = b""
        elif not trouble.passing:
            break
    return f"{_host(url)}: {trouble.what}"


@dataclass(frozen=True)
class _Trouble:
    what: str
    passing: bool
    code: int = 0


def _in_time(url: Secret, body: bytes, timeout: float) -> _Trouble | None:
    """One try. A socket's timeout begins anew with each byte, so the whole is given a limit from outside."""
    done: list[_Trouble | None] = []
    thread = threading.Thread(target=lambda: done.append(_request(url, body, timeout)), name="ping", daemon=True)
    thread.start()
    thread.join(timeout)
    return done[0] if done else _Trouble(f"no answer within {timeout:g} s", True)


def _request(url: Secret, body: bytes, timeout: float) -> _Trouble | None:
    headers = {"User-Agent": _AGENT} | ({"Content-Type": "text/plain; charset=utf-8"} if body else {})
    try:
        request = urllib.request.Request(url.reveal(), body or None, headers)  # noqa: S310 - the opener knows only http
        with _opener().open(request, timeout=timeout) as answer:
            answer.read(1)
    except urllib.error.HTTPError as error:
        error.close()
        return _Trouble(f"it answered {error.code}{_advice(error.code)}", _passing(error.code), error.code)
    except TimeoutError:
        return _Trouble(f"no answer within {timeout:g} s", True)
    except urllib.error.URLError as error:
        return _Trouble(_reason(error.reason), True)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return _Trouble(_reason(error), not isinstance(error, ValueError | http.client.InvalidURL))
    return None


def _passing(code: int) -> bool:
    return code >= 500 or code in _WORTH_ANOTHER_TRY


def _advice(code: int) -> str:
    if code in (404, 410):
        return "; is the address right?"
    return "; write the address that it redirects to" if 300 <= code < 400 else ""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET without its body, perhaps at another host."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        """Follow nowhere: the answer's code becomes the error."""
        return


def _opener() -> urllib.request.OpenerDirector:
    # Only these: urllib's own list would also open file: and ftp: addresses.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(), urllib.request.HTTPHandler(), urllib.request.HTTPSHandler(), _NoRedirect(),
        urllib.request.HTTPDefaultErrorHandler(), urllib.request.HTTPErrorProcessor(), urllib.request.UnknownHandler(),
    ):  # fmt: skip
        opener.add_handler(handler)
    return opener


def _reason(error: object) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, http.client.InvalidURL | ValueError):
        return "the address is not a valid one"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return redact(str(text))


def _host(url: Secret) -> str:
    return urlsplit(url.reveal()).hostname or "the address"
