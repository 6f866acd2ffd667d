"""What keeps pages true: many who look, somebody who looks and does not read, and an end that waits for nobody."""

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from itertools import count

import pytest
import sqlalchemy as sa

from daytwo.access.roles import Role
from daytwo.store.tables import runs
from daytwo.web import protocol
from daytwo.web.ui import live
from daytwo.web.ui.stamps import Stamper
from tests.web.conftest import World
from tests.web.ui.conftest import browser
from tests.web.ui.serving import answering

pytestmark = pytest.mark.slow

WITHIN = 30.0


class Line:
    """A page that is kept true.

    Args:
        port: of the server.
        cookie: of its session.
        room: bytes that the kernel takes before somebody reads; as many as it likes when 0.
    """

    def __init__(self, port: int, cookie: str, room: int = 0) -> None:
        self.socket = socket.socket()
        if room:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        self.socket.settimeout(WITHIN)
        self.socket.connect(("127.0.0.1", port))
        head = f"GET /live HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nCookie: {cookie}\r\n\r\n"
        self.socket.sendall(head.encode())
        self.heard = b""

    def hear(self, enough: Callable[[bytes], bool]) -> bytes:
        """Read until it is enough, or until the other end hangs up."""
        while not enough(self.heard):
            more = self.socket.recv(65536)
            if not more:
                break
            self.heard += more
        return self.heard

    def close(self) -> None:
        """Go away."""
        self.socket.close()


Listen = Callable[..., Line]


@pytest.fixture
def listen(shop: World) -> Iterator[Listen]:
    """Begin to look, as somebody who is logged in."""
    cookie = "; ".join(f"{name}={value}" for name, value in browser(shop, Role.VIEWER).cookies.items())
    with ExitStack() as stack:
        port = int(stack.enter_context(answering(shop)).rpartition(":")[2])

        def one(room: int = 0) -> Line:
            made = Line(port, cookie, room)
            stack.callback(made.close)
            return made

        yield one


def until(what: Callable[[], bool], why: str) -> None:
    end = time.monotonic() + WITHIN
    while not what():
        assert time.monotonic() < end, why
        time.sleep(0.02)


def lines(shop: World) -> int:
    return len(getattr(shop.app.state, "lines", ()))


def test_however_many_look_the_state_is_looked_at_once_a_second(
    shop: World, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []
    read = Stamper.read

    def counted(self: Stamper) -> Mapping[str, str]:
        looks.append(time.monotonic())
        return read(self)

    monkeypatch.setattr(Stamper, "read", counted)
    begun = time.monotonic()
    many = [listen() for _ in range(40)]
    for one in many:
        one.hear(lambda heard: heard.count(b"event: stamps") == 1)
    assert lines(shop) == 40
    with shop.house.database.begin() as connection:
        connection.execute(sa.update(runs).where(runs.c.outcome == "running").values(ended=shop.clock()))
    for one in many:
        assert one.hear(lambda heard: heard.count(b"event: stamps") == 2).count(b"event: stamps") == 2
    assert len(looks) <= (time.monotonic() - begun) / 0.9 + 2
    for one in many:
        one.close()
    until(lambda: lines(shop) == 0, "nothing is left of pages that were closed")


def test_there_are_only_so_many_lines(shop: World, listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_MOST", 2)
    first, second = listen(), listen()
    for one in (first, second):
        one.hear(lambda heard: b"event: stamps" in heard)
    said = listen().hear(lambda heard: b"\r\n\r\n" in heard).lower()
    assert said.startswith(b"http/1.1 429") and b"retry-after: 5" in said
    first.close()
    until(lambda: lines(shop) == 1, "the place of one who went is free")
    assert listen().hear(lambda heard: b"event: stamps" in heard).startswith(b"HTTP/1.1 200")


def test_who_looks_and_does_not_read_is_let_go(shop: World, listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = count()

    async def look(self: Stamper) -> Mapping[str, str]:
        return {"checks": f"{next(numbers)}{'x' * 20_000}"}

    monkeypatch.setattr(Stamper, "look", look)
    monkeypatch.setattr(live, "_ROUND", 0.001)
    monkeypatch.setattr(protocol, "ANSWER_WITHIN", 0.5)
    idle = listen(room=4096)
    idle.hear(lambda heard: b"event: stamps" in heard)
    assert lines(shop) == 1
    until(lambda: lines(shop) == 0, "it holds its line no longer")


def test_a_line_ends_so_that_a_session_is_looked_at_again(
    shop: World, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_LONGEST", 0.2)
    monkeypatch.setattr(live, "_ROUND", 0.05)
    one = listen()
    assert one.hear(lambda heard: heard.endswith(b"0\r\n\r\n")).endswith(b"0\r\n\r\n")
    assert b"retry: 2000" in one.heard
    until(lambda: lines(shop) == 0, "it is over")


def test_a_daemon_that_stops_lets_everybody_go(shop: World, listen: Listen) -> None:
    many = [listen() for _ in range(5)]
    for one in many:
        one.hear(lambda heard: b"event: stamps" in heard)
    shop.app.state.closing = True
    for one in many:
        assert one.hear(lambda heard: heard.endswith(b"0\r\n\r\n")).endswith(b"0\r\n\r\n")
    assert lines(shop) == 0
