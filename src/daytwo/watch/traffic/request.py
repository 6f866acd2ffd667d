"""One request, as an access log tells of it; or why a line tells of none."""

import math
from enum import StrEnum
from typing import NamedTuple


class Unread(StrEnum):
    """Why a line counts as no request; each is a series `traffic.LOG.unread.REASON`."""

    FORMAT = "format"
    """It is not in the form of the log."""
    JSON = "no-json"
    """It is no JSON object."""
    OTHER = "no-request"
    """It is JSON, and something else than a request: a message of the server itself."""
    LONG = "too-long"
    """It was longer than lines may be, and is not whole."""
    TIME = "time"
    """Its time is ahead of our clock, or older than numbers are kept."""


class Request(NamedTuple):
    """A request and its answer.

    Args:
        at: when it was written down, in seconds since 1970; None when the line has no time of its own.
        path: as asked for, with its query; empty when what came was no HTTP.
        status: of the answer; 0 when the client went before there was one.
        size: bytes of the answer's content.
        seconds: from its beginning to its end; None when the log does not tell.
        user: whoever asked: a user's name where the log has one, else an address.
    """

    at: float | None
    path: str
    status: int
    size: float
    seconds: float | None
    user: str


Parsed = Request | Unread


def amount(value: object) -> float | None:
    """A finite number that is not below zero, as logs write it; None for anything else.

    Args:
        value: a number, or its digits.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if 0 <= found < math.inf else None


def status_of(value: object) -> int | None:
    """The status of an answer; None when it is none. 0: there was no answer."""
    found = amount(value)
    return int(found) if found is not None and (found == 0 or 100 <= found < 1000) else None


def path_of(line: str) -> str:
    """The path of a request line such as `GET /a?b HTTP/1.1`; empty when it is none."""
    words = line.split(" ", 2)
    return words[1] if len(words) > 1 and words[0].isupper() and words[1][:1] in ("/", "*", "h") else ""


__all__ = ["Parsed", "Request", "Unread", "amount", "path_of", "status_of"]
