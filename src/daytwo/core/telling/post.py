"""HTTP posts, with every answer judged alike: taken, refused for good, or not now."""

import json
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from daytwo.core.channel import RejectedError, UnavailableError
from daytwo.core.secrets import redact, remember
from daytwo.core.telling.text import cut, one_line
from daytwo.core.telling.within import Lines, within

if TYPE_CHECKING:
    import requests

_MOST = 64 * 1024
"""Bytes of an answer that are read."""
_SAID = 200
"""Characters of an answer that are repeated in an error."""
_LONGEST_WAIT = 86400.0
_LATER = frozenset({408, 425, 429})
"""Statuses below 500 with which the same request may succeed later: https://www.rfc-editor.org/rfc/rfc9110,
https://www.rfc-editor.org/rfc/rfc8470 and https://www.rfc-editor.org/rfc/rfc6585."""
_HINTS = {
    400: "The receiver does not understand the message",
    401: "Look at the token or password",
    403: "Look at the token or address: it may have been revoked",
    404: "Look at the address: it may have been removed",
    410: "The address was removed; make a new one",
}


@dataclass(frozen=True)
class Answer:
    """What the receiver said.

    Args:
        status: of HTTP.
        text: the beginning of its answer.
        retry_after: seconds it asks to wait, or None.
    """

    status: int
    text: str
    retry_after: float | None = None

    @property
    def data(self) -> Any:
        """Its answer as JSON; None when it is none."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return None


def post(
    url: str,
    body: object,
    *,
    where: str,
    timeout: float,
    headers: Mapping[str, str] | None = None,
    ca: Path | None = None,
) -> Answer:
    """Post a JSON document and judge the answer.

    Args:
        url: where to. It may be a secret and is never repeated.
        body: the document; bytes are sent as they are.
        where: the channel, for errors.
        timeout: seconds for all of it.
        headers: further ones.
        ca: authorities to believe instead of the usual ones.

    Raises:
        RejectedError: it will never be taken as it is.
        UnavailableError: it may be later.
    """
    answer = ask(url, body, where=where, timeout=timeout, headers=headers, ca=ca)
    judge(answer, where)
    return answer


def ask(
    url: str,
    body: object,
    *,
    where: str,
    timeout: float,
    headers: Mapping[str, str] | None = None,
    ca: Path | None = None,
) -> Answer:
    """Post a JSON document, whatever the answer is; for arguments see `post`.

    Raises:
        RejectedError: the address is none.
        UnavailableError: there was no answer.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise RejectedError(
            "its address is not one of the web", where=where, hint="Write an http:// or https:// address"
        )
    for secret in (url, parts.path.lstrip("/"), parts.query, parts.password or ""):
        # What is guarded is the way in, not the way to: paths such as /v2/enqueue are no secrets.
        if len(secret) > 20:
            remember(secret)
    data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    given = {"Content-Type": "application/json", "User-Agent": "daytwo", **(headers or {})}
    return within(timeout, lambda lines: _exchange(url, data, given, lines, where, timeout, ca), where)


def judge(answer: Answer, where: str) -> None:
    """Raise what an answer means, unless it was taken.

    Raises:
        RejectedError, UnavailableError
    """
    if 200 <= answer.status < 300:
        return
    said = spoken(answer.text)
    what = f"it answered {answer.status}{f': {said}' if said else ''}"
    if answer.status in _LATER or answer.status >= 500:
        raise UnavailableError(what, where=where, hint="It is tried again", retry_after=answer.retry_after)
    if 300 <= answer.status < 400:
        raise RejectedError(
            f"it answered {answer.status}: go elsewhere", where=where, hint="Write the address that it leads to"
        )
    raise RejectedError(what, where=where, hint=_HINTS.get(answer.status, "Try it: `daytwo channels test`"))


def spoken(text: str) -> str:
    """What a receiver said, short and without secrets; nothing where it is a page for browsers."""
    if re.match(r"\s*<(!doctype|html)", text, re.IGNORECASE):
        return ""
    return cut(redact(one_line(text)), _SAID)


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds of a Retry-After header, which is a number or a date; None where it is neither."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            at = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()
    return min(max(0.0, seconds), _LONGEST_WAIT) if math.isfinite(seconds) else None


def _exchange(
    url: str, data: bytes, headers: Mapping[str, str], lines: Lines, where: str, timeout: float, ca: Path | None
) -> Answer:
    import requests

    from daytwo.core.telling.session import session

    begun = time.monotonic()
    try:
        with (
            session(lines, ca) as line,
            line.post(
                url, data=data, headers=dict(headers), timeout=timeout, allow_redirects=False, stream=True
            ) as answer,
        ):
            text = _beginning(answer)
            wait = retry_after(answer.headers.get("Retry-After"), datetime.now(UTC))
            return Answer(answer.status_code, text, wait)
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader, UnicodeError):
        what = "its address or token has characters in it that cannot be sent"
        raise RejectedError(what, where=where, hint="Look at what its secret holds") from None
    except (requests.exceptions.RequestException, OSError) as error:
        took = time.monotonic() - begun
        what = _trouble(error, took)
        raise UnavailableError(what, where=where, hint="It is tried again") from None


def _beginning(answer: "requests.Response") -> str:
    found = b""
    for chunk in answer.iter_content(4096):
        found += chunk
        if len(found) >= _MOST:
            break
    return found[:_MOST].decode("utf-8", "replace")


def _trouble(error: Exception, took: float) -> str:
    """What went wrong, in words of our own: the library's would repeat the address."""
    import requests

    text = str(error)
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy does not connect it"
    if isinstance(error, requests.exceptions.SSLError):
        reason = re.search(r"certificate verify failed: ([^(\]]+)", text)
        return f"its certificate is not trusted: {reason[1].strip()}" if reason else "it does not speak TLS"
    if isinstance(error, requests.exceptions.Timeout):
        return f"it gave no answer within {took:.0f} s"
    if "NameResolutionError" in text or "getaddrinfo" in text:
        return "its name is not known"
    if "refused" in text:
        return "it refuses connections"
    return "the connection was lost"
