"""The time of a line is the one that its program put there, and never one that somebody else's words hold."""

import time
from datetime import UTC, datetime

import pytest

from daytwo.watch.logs.stamps import stamp_of

AT = round(datetime(2026, 11, 21, 10, tzinfo=UTC).timestamp() * 1000)
ISO, OLD = "2026-11-21T10:00:00", "2020-01-01T00:00:00"

OWN = [
    f"{ISO}Z started",
    "2026-11-21 10:00:00.000 UTC [71] FATAL:  no",
    "2026-11-21 11:00:00,000+0100 said",
    f"[{ISO}.000000+00:00] app.ERROR: no",
    f"[INFO] [{ISO}Z] said",
    f"I, [{ISO}.000000Z #12]  INFO -- : said",
    f"INFO {ISO}Z said",
    f"info: {ISO}Z said",
    f"INFO  org.app.Main - {ISO}Z said",
    f"web_1  | {ISO}Z said",
    f"<34>1 {ISO}Z host app - - - said",
    f'time="{ISO}Z" level=info msg=said',
    f"logger=context userId=0 orgId=1 uname= t={ISO}.000Z level=info msg=said",
    f"level=info ts={ISO}Z msg=said until {OLD}Z",
    f'{{"level":"info","message":"until {OLD}Z","timestamp":"{ISO}Z"}}',
    f'{{"t":{{"$date":"{ISO}.000+00:00"}},"s":"I"}}',
    f'{{"level":"info","ts":{AT // 1000}.0001,"msg":"{OLD}Z"}}',
    f'{{"time":{AT},"msg":"x"}}',
    '{"time_local":"21/Nov/2026:10:00:00 +0000","remote_addr":"x"}',
    f'203.0.113.9 - - [21/Nov/2026:11:00:00 +0100] "GET /?since={OLD}Z HTTP/1.1" 401 0',
    f'203.0.113.9 - {OLD}Z [21/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 401 0',
    'shop.example 203.0.113.9 - [01/Jan/2020:00:00:00 +0000] [21/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 401 0',
    "[21/Nov/2026:10:00:00 +0000] 203.0.113.9 TLSv1.3",
]
NOT_ITS_OWN = [
    f"Nov 21 10:00:00 web sshd[812]: Failed password for invalid user {OLD}Z from 203.0.113.9 port 4 ssh2",
    f"<38>Nov 21 10:00:00 web sshd[812]: Failed password for invalid user {OLD}Z from 203.0.113.9 port 4 ssh2",
    f"2026/11/21 10:00:00 [error] 12#12: *1 open() failed, request: GET /{OLD}Z",
    f"[Sat Nov 21 10:00:00.123 2026] [core:error] {OLD}Z",
    f"1:M 21 Nov 2026 10:00:00.123 * {OLD}Z",
    f"Token expired at {OLD}Z",
    f"expired {OLD}Z",
    f"auth: {OLD}Z denied",
    f"level=warn user={OLD}Z said",
    f'{{"level":"warn","message":"{OLD}Z","user":"{OLD}Z"}}',
    rf'{{"message":"\"time\":\"{OLD}Z\""}}',
    f"203.0.113.9 - {OLD}Z said",
    f"{ISO} without a zone",
    "2026-13-41T10:00:00Z no such day",
    "",
]


@pytest.mark.parametrize("text", OWN)
def test_its_own(text: str) -> None:
    assert stamp_of(text) == AT


@pytest.mark.parametrize("text", NOT_ITS_OWN)
def test_not_its_own(text: str) -> None:
    assert stamp_of(text) is None


def test_a_line_made_to_take_long_does_not() -> None:
    begun = time.thread_time()
    for part in ("a=", "[", "a.a", "INFO ", "a ", '"time":', "- ", "[01/Jan/2020", "a-a-a_"):
        stamp_of((part * 200)[:235] + f"! {OLD}Z")
        stamp_of("{" + (part * 200)[:235] + f"! {OLD}Z")
    assert time.thread_time() - begun < 1
