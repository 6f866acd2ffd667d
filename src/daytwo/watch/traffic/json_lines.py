"""Access logs of JSON lines: Caddy, nginx as people configure it, and Traefik.

Caddy: https://caddyserver.com/docs/logging; Traefik: https://doc.traefik.io/traefik/observability/access-logs/, with
durations in nanoseconds. nginx has no form of its own: `log_format ... escape=json` with names of the user's choice.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from daytwo.watch.traffic.request import Parsed, Request, Unread, amount, path_of, status_of
from daytwo.watch.traffic.stamps import moment

_BAD_ESCAPE = re.compile(r"\\x([0-9A-Fa-f]{2})")
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,12})?)(ns|us|µs|μs|ms|s|m|h)")
_FACTORS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_NANOSECONDS = 100_000
"""A whole number of more seconds than a day and a bit is one of nanoseconds: Caddy's `duration_format nano`."""
Object = Mapping[str, Any]


def _read(line: str) -> Object | None:
    """The JSON object of a line; None when it is none, whatever it holds."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        if "\\x" not in line:
            return None
        try:  # nginx without `escape=json` escapes as no JSON does
            found = json.loads(_BAD_ESCAPE.sub(r"\\u00\1", line))
        except (ValueError, RecursionError):
            return None
    return found if isinstance(found, dict) else None


def caddy(line: str) -> Parsed:
    """A line of Caddy's access log; those of its other loggers are no requests, also where they tell of one."""
    found = _read(line)
    if found is None:
        return Unread.JSON
    request, status = found.get("request"), status_of(found.get("status"))
    logger = found.get("logger", "http.log.access")
    if (
        not isinstance(request, dict)
        or status is None
        or not isinstance(logger, str)
        or not logger.startswith("http.log.access")
    ):
        return Unread.OTHER
    user = _text(found, ("user_id",)) or _text(request, ("client_ip", "remote_ip"))
    if not user:
        user = _text(request, ("remote_addr",)).rpartition(":")[0]
    return Request(
        moment(found.get("ts")),
        _text(request, ("uri",)),
        status,
        amount(found.get("size")) or 0.0,
        _lasted(found.get("duration")),
        user,
    )


_STATUS = ("status", "status_code", "response_status", "http_status")
_SECONDS = ("request_time", "duration", "response_time", "rt")
_UPSTREAM = ("upstream_response_time", "upstream_time", "urt")
_TARGETS = ("request_uri", "uri", "path", "url", "request_path")
_LINES = ("request", "request_line")
_SIZES = ("body_bytes_sent", "bytes_sent", "bytes", "size", "response_size")
_TIMES = ("time_iso8601", "msec", "time_local", "timestamp", "@timestamp", "time", "ts", "date")
_USERS = ("remote_user", "user")
_FORWARDED = ("http_x_forwarded_for", "x_forwarded_for")
_ADDRESSES = ("remote_addr", "client_ip", "remote_ip", "client", "ip", "realip_remote_addr")


def nginx(line: str) -> Parsed:
    """A line of nginx in JSON, under the names that are usual."""
    found = _read(line)
    if found is None:
        return Unread.JSON
    status = next((code for name in _STATUS if (code := status_of(found.get(name))) is not None), None)
    if status is None:
        return Unread.OTHER
    path = _text(found, _TARGETS)
    if not path:
        line_of = _text(found, _LINES)
        path = line_of if line_of.startswith("/") else path_of(line_of)
    user = _text(found, _USERS) or _text(found, _FORWARDED).rpartition(",")[2].strip() or _text(found, _ADDRESSES)
    return Request(
        _first_moment(found, _TIMES), path, status, _first(found, _SIZES) or 0.0, _nginx_seconds(found), user
    )


def traefik(line: str) -> Parsed:
    """A line of Traefik in JSON."""
    found = _read(line)
    if found is None:
        return Unread.JSON
    status = status_of(found.get("DownstreamStatus", found.get("OriginStatus")))
    if status is None:
        return Unread.OTHER
    nanoseconds = amount(found.get("Duration"))
    return Request(
        _first_moment(found, ("time", "StartUTC", "StartLocal")),
        _text(found, ("RequestPath",)),
        status,
        _first(found, ("DownstreamContentSize", "OriginContentSize")) or 0.0,
        None if nanoseconds is None else nanoseconds / 1e9,
        _text(found, ("ClientUsername", "ClientHost")) or _text(found, ("ClientAddr",)).rpartition(":")[0],
    )


def _text(found: Object, names: Iterable[str]) -> str:
    """The first of these that holds something; `-` is nothing."""
    for name in names:
        value = found.get(name)
        if isinstance(value, str) and value not in ("", "-"):
            return value
    return ""


def _first(found: Object, names: Iterable[str]) -> float | None:
    for name in names:
        if name in found and (value := amount(found[name])) is not None:
            return value
    return None


def _first_moment(found: Object, names: Iterable[str]) -> float | None:
    for name in names:
        if name in found and (value := moment(found[name])) is not None:
            return value
    return None


def _nginx_seconds(found: Object) -> float | None:
    taken = _first(found, _SECONDS)
    if taken is not None:
        return taken
    for name in _UPSTREAM:  # of several servers that were tried: `0.001, 0.002 : 0.003`
        tried = found.get(name)
        if isinstance(tried, str):
            parts = [amount(one) for one in re.split(r"[,:]", tried[:200])]
            known = [one for one in parts if one is not None]
            if known:
                return sum(known)
        elif (value := amount(tried)) is not None:
            return value
    return None


def _lasted(value: object) -> float | None:
    """Seconds, as Caddy writes them: a number, whole nanoseconds, or Go's `1m2.5s`."""
    if isinstance(value, str):
        parts = _DURATION.findall(value[:60])
        return sum(float(number) * _FACTORS[unit] for number, unit in parts) if parts else amount(value)
    seconds = amount(value)
    return seconds / 1e9 if seconds is not None and isinstance(value, int) and value >= _NANOSECONDS else seconds


__all__ = ["caddy", "nginx", "traefik"]
