"""Lines as the servers' documentation shows them, and lines as nobody wants them."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daytwo.watch.traffic.parsing import PARSERS
from daytwo.watch.traffic.request import Parsed, Request, Unread
from tests.watch.traffic.conftest import nginx_line

AT = 1795271400.0
"""2026-11-21 14:30:00 UTC"""
UA = "Mozilla/5.0 (X11)"


def parsed(access: Any, line: str) -> Request:
    found = PARSERS[access](line)
    assert isinstance(found, Request), found
    return found


def told(access: Any, line: str) -> tuple[Any, ...]:
    return tuple(parsed(access, line))


COMBINED = '203.0.113.7 - - [21/Nov/2026:15:30:00 +0100] "GET /a?b=1 HTTP/1.1" 200 612 "https://x/" "Mozilla/5.0 (X11)"'
PLAIN = (AT, "/a?b=1", 200, 612.0, None, "203.0.113.7")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (COMBINED, PLAIN),
        (f"{COMBINED} 0.012", (*PLAIN[:4], 0.012, PLAIN[5])),
        (f"{COMBINED} 0.012 0.010", (*PLAIN[:4], 0.012, PLAIN[5])),
        (f"{COMBINED} 0.012 0.010, 0.001 .", (*PLAIN[:4], 0.012, PLAIN[5])),
        (f'{COMBINED} "0.012" "-"', (*PLAIN[:4], 0.012, PLAIN[5])),
        (f"{COMBINED} rt=0.012 uct=\"0.001\" urt=\"0.010\"", (*PLAIN[:4], 0.012, PLAIN[5])),
        (f"{COMBINED} request_time=0.012", (*PLAIN[:4], 0.012, PLAIN[5])),
        (f'{COMBINED} 731 0.012 [default-shop-80] [] 10.1.2.3:8080 612 0.010 200 e9f', (*PLAIN[:4], 0.012, PLAIN[5])),
        (f'{COMBINED} "-"', PLAIN),
        (f'{COMBINED} "198.51.100.9, 192.0.2.44"', (*PLAIN[:5], "192.0.2.44")),
        (f'{COMBINED} "2001:db8::1" 0.500', (*PLAIN[:4], 0.5, "2001:db8::1")),
        (f"shop.example.com {COMBINED}", PLAIN),
        (f"shop.example.com:443 {COMBINED}", PLAIN),
        (COMBINED.replace(" - - ", " - ann "), (*PLAIN[:5], "ann")),
        (COMBINED.replace(" - - ", " - ann example "), (*PLAIN[:5], "ann example")),
        (f"shop.example.com {COMBINED}".replace(" - - ", " - ann "), (*PLAIN[:5], "ann")),
        (COMBINED.partition(' "https')[0], PLAIN),
        (COMBINED.replace("203.0.113.7", "2001:db8::7"), (*PLAIN[:5], "2001:db8::7")),
        (COMBINED.replace("GET /a?b=1 HTTP/1.1", r"\x16\x03\x01\x00"), (AT, "", *PLAIN[2:])),
        (COMBINED.replace('"GET /a?b=1 HTTP/1.1" 200 612', '"" 400 0'), (AT, "", 400, 0.0, None, "203.0.113.7")),
        (COMBINED.replace("200 612", "304 -"), (AT, "/a?b=1", 304, 0.0, None, "203.0.113.7")),
        (COMBINED.replace(UA, r"an \"odd\" one") + " 0.012", (*PLAIN[:4], 0.012, PLAIN[5])),
    ],
)  # fmt: skip
def test_nginx(line: str, expected: object) -> None:
    assert told("nginx", line) == expected


def test_a_user_cannot_forge_what_follows() -> None:
    forged = COMBINED.replace(" - - ", r" - [01/Jan/2020:00:00:00 +0000] \x22GET /ok HTTP/1.1\x22 200 ")
    assert parsed("nginx", forged)[:3] == (AT, "/a?b=1", 200)


CADDY: dict[str, Any] = {
    "level": "info", "ts": AT + 0.5241024, "logger": "http.log.access", "msg": "handled request",
    "request": {
        "remote_ip": "127.0.0.1", "remote_port": "41342", "client_ip": "203.0.113.7", "proto": "HTTP/2.0",
        "method": "GET", "host": "localhost", "uri": "/a?b=1",
        "headers": {"User-Agent": ["curl/7.82.0"], "Accept": ["*/*"], "Accept-Encoding": ["gzip, deflate, br"]},
        "tls": {"resumed": False, "version": 772, "cipher_suite": 4865, "proto": "h2", "server_name": "example.com"},
    },
    "bytes_read": 0, "user_id": "", "duration": 0.000929675, "size": 10900, "status": 200,
    "resp_headers": {"Server": ["Caddy"], "Content-Type": ["text/html; charset=utf-8"]},
}  # fmt: skip
OLD = {**CADDY, "request": {"remote_addr": "[2001:db8::7]:4711", "uri": "/a?b=1"}}


@pytest.mark.parametrize(
    ("changed", "field", "value"),
    [
        ({}, "at", AT + 0.5241024), ({}, "path", "/a?b=1"), ({}, "user", "203.0.113.7"), ({}, "seconds", 0.000929675),
        ({}, "size", 10900.0), ({"user_id": "ann"}, "user", "ann"), (OLD, "user", "[2001:db8::7]"),
        ({"ts": (AT + 1) * 1000}, "at", AT + 1), ({"ts": int((AT + 1) * 1e9)}, "at", AT + 1),
        ({"ts": "2026-11-21T15:30:00.000+0100"}, "at", AT), ({"ts": "2026/11/21 14:30:00"}, "at", None),
        ({"duration": 929675}, "seconds", 0.000929675), ({"duration": "1m2.5s"}, "seconds", 62.5),
        ({"duration": "12.5ms"}, "seconds", 0.0125), ({"duration": "930µs"}, "seconds", 0.00093),
        ({"duration": None}, "seconds", None), ({"duration": -1}, "seconds", None), ({"status": 0}, "status", 0),
        ({"size": "x"}, "size", 0.0), ({"level": "error", "status": 502}, "status", 502),
        ({"logger": "http.log.access.log0"}, "status", 200),
    ],
)  # fmt: skip
def test_caddy(changed: dict[str, Any], field: str, value: object) -> None:
    found = getattr(parsed("caddy", json.dumps(CADDY | changed)), field)
    assert found == (pytest.approx(value) if isinstance(value, float) else value)


@pytest.mark.parametrize(
    "changed", [{"logger": "http.log.error"}, {"logger": "tls"}, {"status": 7}, {"status": True}, {"request": []}]
)
def test_what_caddy_says_besides_is_no_request(changed: dict[str, Any]) -> None:
    assert PARSERS["caddy"](json.dumps(CADDY | changed)) is Unread.OTHER


NGINX_JSON = {
    "time_iso8601": "2026-11-21T15:30:00+01:00", "remote_addr": "203.0.113.7", "remote_user": "", "status": "200",
    "request": "GET /a?b=1 HTTP/1.1", "body_bytes_sent": "612", "request_time": "0.012",
    "upstream_response_time": "0.010",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, (AT, "/a?b=1", 200, 612.0, 0.012, "203.0.113.7")),
        ({"request": None, "request_uri": "/a?b=1", "request_method": "GET"}, (AT, "/a?b=1", 200, 612.0, 0.012, "203.0.113.7")),
        ({"status": 503, "request_time": 1.5}, (AT, "/a?b=1", 503, 612.0, 1.5, "203.0.113.7")),
        ({"time_iso8601": None, "msec": "1795271400.000"}, (AT, "/a?b=1", 200, 612.0, 0.012, "203.0.113.7")),
        ({"time_iso8601": None, "time_local": "21/Nov/2026:14:30:00 +0000"}, (AT, "/a?b=1", 200, 612.0, 0.012, "203.0.113.7")),
        ({"time_iso8601": "yesterday"}, (None, "/a?b=1", 200, 612.0, 0.012, "203.0.113.7")),
        ({"request_time": None, "upstream_response_time": "0.1, 0.2 : -"}, (AT, "/a?b=1", 200, 612.0, 0.3, "203.0.113.7")),
        ({"request_time": None, "upstream_response_time": "-"}, (AT, "/a?b=1", 200, 612.0, None, "203.0.113.7")),
        ({"remote_user": "ann"}, (AT, "/a?b=1", 200, 612.0, 0.012, "ann")),
        ({"http_x_forwarded_for": "198.51.100.9, 192.0.2.44"}, (AT, "/a?b=1", 200, 612.0, 0.012, "192.0.2.44")),
    ],
)  # fmt: skip
def test_nginx_json(changed: dict[str, Any], expected: tuple[Any, ...]) -> None:
    found = told("nginx-json", json.dumps(NGINX_JSON | changed))
    assert found[:4] == expected[:4]
    assert found[4] == (None if expected[4] is None else pytest.approx(expected[4]))
    assert found[5] == expected[5]


def test_nginx_json_without_its_own_escaping() -> None:
    assert parsed("nginx-json", r'{"status": 200, "uri": "/a", "user_agent": "an \x22odd\x22 one"}').path == "/a"


TRAEFIK = {
    "ClientAddr": "203.0.113.7:4711", "ClientHost": "203.0.113.7", "ClientPort": "4711", "ClientUsername": "-",
    "DownstreamContentSize": 612, "DownstreamStatus": 200, "Duration": 12_000_000, "OriginStatus": 200,
    "RequestHost": "shop.example.com", "RequestMethod": "GET", "RequestPath": "/a?b=1", "RequestProtocol": "HTTP/1.1",
    "RouterName": "shop@docker", "StartUTC": "2026-11-21T14:29:59.988123456Z", "entryPointName": "web",
    "level": "info", "msg": "", "time": "2026-11-21T14:30:00Z",
}  # fmt: skip


def test_traefik_in_json() -> None:
    assert told("traefik", json.dumps(TRAEFIK)) == (AT, "/a?b=1", 200, 612.0, 0.012, "203.0.113.7")
    named = parsed("traefik", json.dumps(TRAEFIK | {"ClientUsername": "ann", "time": None}))
    assert named.user == "ann"
    assert named.at == pytest.approx(AT - 0.012, abs=0.001)
    assert PARSERS["traefik"]('{"level":"error","msg":"no such provider"}') is Unread.OTHER


def test_traefik_in_its_own_form() -> None:
    line = (
        '203.0.113.7 - - [21/Nov/2026:14:30:00 +0000] "GET /a?b=1 HTTP/1.1" 200 612 "-" "curl/8.5.0" '
        '4711 "shop@docker" "http://10.0.0.5:8080" 12ms'
    )
    assert told("traefik", line) == (AT, "/a?b=1", 200, 612.0, 0.012, "203.0.113.7")
    missed = line.replace('"shop@docker" "http://10.0.0.5:8080" 12ms', '"-" "-" 0ms').replace("200", "404")
    assert parsed("traefik", missed)[2:5] == (404, 612.0, 0.0)


HOSTILE = [
    "", " ", "\0", "-" * 65536, "[" * 65536, '{"a":' * 13_000, "{" + '"status":200,' * 5000 + "}", '"' * 65536,
    '{"status": ' + "9" * 60_000 + "}", '{"status": 1e999}', '{"status": NaN}', '{"status": -0}', "[]", "null", '"x"',
    '{"status": 200, "ts": 1e308, "request": {"uri": 7, "remote_ip": {}}, "duration": 1e400, "size": "9e9999"}',
    '{"DownstreamStatus": "200", "Duration": ' + "1" * 4000 + "}", '{"status": 200, "time": "' + "1" * 60_000 + '"}',
    nginx_line("/" + "a" * 65_000), nginx_line(user="x " * 30_000), nginx_line(rest=" 0." * 20_000),
    nginx_line(rest=' "' * 30_000), nginx_line("/" + '\\"' * 30_000), nginx_line("/" + "\\" * 60_000),
    nginx_line(at="99/Foo/0000:99:99:99 +9999"), nginx_line(at="31/Feb/2026:00:00:00 +0000"),
    '{"status": 200, "time": "9999-12-31T23:59:59-12:00"}', '{"status": 200, "time": "0001-01-01T00:00:00+14:00"}',
    "[21/Nov/2026:14:30:00 +0000] " * 2000, '[21/Nov/2026:14:30:00 +0000] "' * 2000, "\ud800\udfff", "日本語 " * 9000,
    r"\x" * 30_000, r'{"a": "\x4' * 6000,
]  # fmt: skip


@pytest.mark.parametrize("access", PARSERS)
@pytest.mark.parametrize("line", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_lines_take_no_time_and_break_nothing(access: Any, line: str) -> None:
    begun = time.process_time()
    found: Parsed = PARSERS[access](line)
    assert time.process_time() - begun < 0.25
    assert isinstance(found, Request | Unread)


@pytest.mark.parametrize("access", PARSERS)
@given(line=st.text() | st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
       lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(
           ["status", "ts", "request", "uri", "duration", "DownstreamStatus", "Duration", "time", "msec", "size"]
       ), inner)).map(json.dumps))  # fmt: skip
def test_nothing_raises(access: Any, line: str) -> None:
    found = PARSERS[access](line)
    assert isinstance(found, Request | Unread)
    if isinstance(found, Request):
        assert found.status == 0 or 100 <= found.status < 1000
        assert found.size >= 0
        assert found.seconds is None or found.seconds >= 0
