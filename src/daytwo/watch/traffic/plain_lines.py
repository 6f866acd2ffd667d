"""Access logs of plain lines: nginx' `combined` and what people make of it, and Traefik's default form.

nginx: https://nginx.org/en/docs/http/ngx_http_log_module.html; Traefik: https://doc.traefik.io/traefik/observability/access-logs/.
"""

import re

from daytwo.watch.traffic.request import Parsed, Request, Unread, path_of
from daytwo.watch.traffic.stamps import common

# What a client writes is in quotes or before the time; nginx escapes quotes in it, so that it cannot forge `] "`.
_QUOTED = r'"([^"\\]*(?:\\.[^"\\]*)*)"'
_LINE = re.compile(
    rf"(.{{0,600}}?)\[(\d\d/[A-Z][a-z][a-z]/[^\]]{{18,20}})\] {_QUOTED} (\d{{3}}) (\d{{1,18}}|-)"
    rf"(?: {_QUOTED} {_QUOTED})?(.*)"
)
_QUOTES = re.compile(_QUOTED)
_SECONDS = re.compile(r'(?:^|[\s"=:,])(\d{1,9}\.\d{1,9})(?=$|[\s",])')
_TRAEFIK = re.compile(r" (\d{1,12})ms$")
_MOST_TAIL = 2000
"""Characters after the browser's name that are looked through."""


def nginx(line: str) -> Parsed:
    """A line of nginx: `combined`, with a host before it or not, with `$request_time` after it or not.

    Args:
        line: the line.
    """
    match = _LINE.match(line)
    if match is None:
        return Unread.FORMAT
    head, time, request, status, size, _, _, tail = match.groups()
    at = common(time)
    if at is None:
        return Unread.FORMAT
    user, seconds = _who(head), None
    if tail:
        seconds, forwarded = _tail(tail[:_MOST_TAIL])
        if forwarded and user[1]:
            user = (forwarded, True)
    return Request(at, path_of(request), int(status), 0.0 if size == "-" else float(size), seconds, user[0])


def traefik(line: str) -> Parsed:
    """A line of Traefik's default form, which ends with the time taken: `12ms`."""
    parsed = nginx(line)
    if isinstance(parsed, Unread):
        return parsed
    match = _TRAEFIK.search(line[-20:])
    return parsed._replace(seconds=int(match[1]) / 1000 if match else None)


def _who(head: str) -> tuple[str, bool]:
    """Who asked, and whether that is an address: `ADDRESS - USER `, with a host before it or not."""
    first, _, rest = head.partition(" ")
    ident, _, user = rest.partition(" ")
    if ident != "-":
        address, (_, _, user) = ident, user.partition(" ")
        if not address:
            return first, True
    else:
        address = first
    user = user.strip()
    return (address, True) if user in ("-", "") else (user, False)


def _tail(tail: str) -> tuple[float | None, str]:
    """The seconds that a request took, and the address that the nearest proxy saw."""
    seconds = _SECONDS.search(tail)
    forwarded = ""
    quoted = _QUOTES.match(tail, 1) if tail.startswith(' "') else None
    if quoted and (quoted[1].count(".") >= 3 or ":" in quoted[1]) and quoted[1][:1].isalnum():
        # The last one is what the proxy before this server wrote; those before it are what the client claims.
        forwarded = quoted[1].rpartition(",")[2].strip()
    return (float(seconds[1]) if seconds else None), forwarded


__all__ = ["nginx", "traefik"]
