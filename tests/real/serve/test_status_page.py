"""The whole way with a real daemon and a real mail server: subscribe, confirm, be told, leave; the page as files."""

import email
import email.policy
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from tests.real.serve.running import PROGRAM, Place, place, until


@dataclass
class Box:
    """A mail server; it keeps what it is given.

    Args:
        mails: of each, who gets it and what it says.
    """

    mails: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Take a mail."""
        made = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(made, EmailMessage)
        with self.lock:
            self.mails.append((list(envelope.rcpt_tos), made))
        return "250 taken"

    def of(self, address: str) -> list[EmailMessage]:
        with self.lock:
            return [made for to, made in self.mails if address in to]


class _AnyPort(Controller):  # type: ignore[misc,unused-ignore]
    """A mail server on a port that is free."""

    def _trigger_server(self) -> None:
        server: Any = self.server
        self.port = server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


def link(mail: EmailMessage, purpose: str) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    [found] = set(re.findall(rf"(/status/{purpose}/[\w-]+)", body.get_content()))
    return str(found)


@pytest.fixture
def box() -> Iterator[tuple[Box, int]]:
    kept = Box()
    server = _AnyPort(kept, hostname="127.0.0.1", port=0)
    server.start()
    try:
        yield kept, server.port
    finally:
        server.stop()


@pytest.fixture
def app(tmp_path: Path, box: tuple[Box, int]) -> Iterator[Place]:
    extra = (
        f"channels: {{mail: {{kind: email, host: 127.0.0.1, port: {box[1]}, tls: none, from: status@example.com, "
        "rate: 6000, burst: 1000}}\n"
        "status_page: {title: The Shop, folder: public, subscribe: mail, components: "
        "{front: {title: Shop front, services: uploads}}}\n"
    )
    with place(tmp_path) as made:
        made.extra = extra
        made.write()
        yield made


def test_subscribe_confirm_hear_leave_and_the_page_outlives_the_daemon(app: Place, box: tuple[Box, int]) -> None:
    kept, _ = box
    daemon = app.start()
    web, page = app.web, app.folder / "public" / "index.html"
    until(page.exists, "the page is written")
    assert web.post("/status/subscribe", data={"address": "eve@example.com"}).status_code == 200
    assert web.post("/status/subscribe", data={"address": "bob@example.com"}).status_code == 200
    until(lambda: kept.of("eve@example.com") and kept.of("bob@example.com"), "the letters are there")
    [letter] = kept.of("eve@example.com")
    assert letter["To"] == "eve@example.com"
    assert web.post(link(letter, "confirm")).status_code == 200
    app.run("status-page", "update", "Slow <today>", "--component", "front=degraded")
    until(lambda: len(kept.of("eve@example.com")) == 2, "eve is told")
    told = kept.of("eve@example.com")[1]
    assert told["Subject"] == "The Shop: Investigating: Disturbance: Shop front"
    assert "Slow <today>" in told.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    until(lambda: "Slow &lt;today&gt;" in page.read_text(), "the file says so")
    until(
        lambda: {one["state"] for one in app.json("status-page", "subscribers", "show", "1")["mails"]} == {"sent"},
        "it is noted as sent: else it is sent again, once",
    )
    daemon.kill()
    daemon.wait()
    assert page.read_text().rstrip().endswith("</html>"), "it outlives the daemon"
    app.start()
    leave = link(told, "unsubscribe")
    assert leave in str(told["List-Unsubscribe"])
    assert app.web.post(leave, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    app.run("status-page", "update", "It works again", "--state", "resolved", "--notice", "1")
    until(lambda: "It works again" in page.read_text(), "the file says so")
    until(lambda: all(one["mailed"] for one in app.json("status-page", "updates")), "all who are to be told are")
    assert len(kept.of("eve@example.com")) == 2, "who has left is told nothing; nobody is told twice"
    assert len(kept.of("bob@example.com")) == 1, "who never confirmed is told nothing"


def test_the_commands(app: Place) -> None:
    assert app.json("status-page", "subscribers", "list") == []
    made = app.json("status-page", "subscribers", "add", "Eve@example.com")
    assert made["address"] == "eve@example.com"
    assert app.json("status-page", "subscribers", "show", "eve@example.com")["mails"] == []
    app.run("status-page", "subscribers", "remove", "eve@example.com")
    assert "nobody is subscribed" in app.run("status-page", "subscribers", "show", "eve@example.com", code=None).stderr
    told = app.json("status-page", "update", "--component", "front=partial-outage")
    assert told["text"] == "We are looking into a disturbance of Shop front."
    assert app.json("status-page", "show")["components"][0]["state"] == "partial outage"
    assert app.json("status-page", "withdraw", str(told["number"]))["withdrawn"]
    app.run("status-page", "render", "--folder", str(app.folder / "elsewhere"))
    assert sorted(one.name for one in (app.folder / "elsewhere").iterdir()) == ["feed.xml", "index.html", "status.json"]
    for wrong in (
        ("--component", "front"),
        ("--component", "front=sad"),
        ("--state", "sad"),
        ("--component", "x=outage"),
    ):
        done = app.run("status-page", "update", "x", *wrong, code=None)
        assert (done.returncode not in (0, 1) and "next:" in done.stderr) or "error:" in done.stderr
        assert "Traceback" not in done.stderr
    assert subprocess.run([sys.executable, "-c", PROGRAM, "status-page", "--help"], capture_output=True, check=True)
