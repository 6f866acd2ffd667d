"""E-mail, to a real SMTP server: logging in, STARTTLS and TLS with a certificate made here, refusals, hostile text."""

import asyncio
import contextlib
import email
import email.policy
import socket
import ssl
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from hypothesis import given, settings

from daytwo.channels.email.mail import compose
from daytwo.core.channel import AnyChannel, Event, Message, PartlyTakenError, Person, RejectedError, UnavailableError
from tests.channels.http_case import channel
from tests.channels.messages import MESSAGES, message
from tests.channels.stand_in import closed_port
from tests.contract.channels import ChannelCase, ChannelContract
from tests.services.net.certs import sign

PASSWORD = "SecretSecretSecretSecret"
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
SENDER = "Operations <ops@shop.example>"


class Post:
    """What the server does with mail: keeps it, or answers as it is told to."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.to: list[list[str]] = []
        self.rcpt: dict[str, str] = {}
        self.data: list[str] = []

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if address in self.rcpt:
            return self.rcpt[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.data:
            return self.data.pop(0)
        content = envelope.content
        assert isinstance(content, bytes)
        assert all(len(one) <= 998 for one in content.split(b"\r\n"))
        mail = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage) and not mail.defects
        self.mails.append(mail)
        self.to.append(list(envelope.rcpt_tos))
        return "250 OK"


def login(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    assert isinstance(data, LoginPassword)
    return AuthResult(success=(data.login, data.password) == (b"daytwo", PASSWORD.encode()), handled=False)


@contextlib.contextmanager
def mail_server(post: Post, folder: Path, tls: str = "starttls", size: int = 1 << 25) -> Iterator[tuple[int, Path]]:
    """A server, and the authority to believe."""
    authority = sign(authority=True, name="Test authority")
    context = sign(authority).context(folder)
    ca = folder / "ca.pem"
    ca.write_bytes(authority.pem())
    options: dict[str, Any] = {
        "authenticator": lambda *words: login(*words),  # noqa: PLW0108 - looked up when it is called
        "auth_required": True,
        "hostname": "127.0.0.1",
        "port": 0,
        "data_size_limit": size,
    }
    if tls == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    elif tls == "tls":
        options |= {"ssl_context": context, "auth_require_tls": False}
    else:
        options |= {"auth_require_tls": False}
    controller = _Anywhere(post, **options)
    controller.start()
    try:
        yield controller.found, ca
    finally:
        asyncio.run_coroutine_threadsafe(controller.hang_up(), controller.loop).result(10)
        controller.stop()


class _Anywhere(Controller):
    """On a port that the system picks; what is open at the end is closed."""

    def factory(self) -> SMTP:
        made: SMTP = super().factory()  # type: ignore[no-untyped-call]
        self.made = [*getattr(self, "made", []), made]
        return made

    async def hang_up(self) -> None:
        for one in self.made:
            if one.transport is not None:
                one.transport.abort()
        await asyncio.sleep(0)

    @property
    def found(self) -> int:
        assert self.server is not None
        return int(self.server.sockets[0].getsockname()[1])  # type: ignore[attr-defined]

    def _trigger_server(self) -> None:
        with socket.create_connection(("127.0.0.1", self.found), 5) as line:
            if self.ssl_context:
                trusting = ssl.create_default_context()
                trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
                with trusting.wrap_socket(line) as secured:
                    secured.recv(1024)
            else:
                line.recv(1024)


class EmailCase(ChannelCase):
    secrets = (PASSWORD,)

    def __init__(self, post: Post, port: int, ca: Path, folder: Path, closed: int) -> None:
        self.post, self.port, self.ca, self.folder, self.closed = post, port, ca, folder, closed
        self.hung = contextlib.ExitStack()
        (folder / "password").write_text(PASSWORD)

    def settings(self, **changes: Any) -> dict[str, Any]:
        return {
            "host": "127.0.0.1", "port": self.port, "user": "daytwo", "password": {"file": "password"},
            "from": SENDER, "to": "ops@shop.example", "ca": "ca.pem", **changes,
        }  # fmt: skip

    def channel(self) -> AnyChannel:
        return channel("email", self.folder, **self.settings())

    def received(self) -> list[str]:
        return [_text(mail) for mail in self.post.mails]

    def fail(self, how: str) -> Any:
        if how in ("hang", "drip"):
            self.port = self.hung.enter_context(_silent(how))
        elif how in ("broken", "refused"):
            self.post.data.append("451 greylisted, come back later" if how == "broken" else "554 spam")
        else:
            return None
        return True

    def without_credentials(self) -> AnyChannel:
        (self.folder / "wrong").write_text("wrong password")
        return channel("email", self.folder, **self.settings(password={"file": "wrong"}))

    def without_receiver(self) -> AnyChannel:
        return channel("email", self.folder, **self.settings(port=self.closed))

    def without_secret(self) -> AnyChannel:
        return channel("email", self.folder, **self.settings(password={"env": "NO_SUCH_VARIABLE_HERE"}))


def _text(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return f"{mail['Subject']}\n{body.get_content()}"


@contextlib.contextmanager
def _silent(how: str) -> Iterator[int]:
    """A server that says nothing, or a greeting that never ends."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            line, _ = listening.accept()
            with line, contextlib.suppress(OSError):
                while not over.wait(0.05):
                    if how == "drip":
                        line.sendall(b"2")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            over.set()
            thread.join(5)


class TestEmail(ChannelContract):
    """The contract."""

    @pytest.fixture
    def case(self, tmp_path: Path) -> Iterator[EmailCase]:
        post = Post()
        with mail_server(post, tmp_path) as (port, ca), closed_port() as closed:
            made = EmailCase(post, port, ca, tmp_path, closed)
            with made.hung:
                yield made


@pytest.mark.parametrize("tls", ["starttls", "tls", "none"])
def test_each_way_of_encrypting(tmp_path: Path, tls: str) -> None:
    post = Post()
    with mail_server(post, tmp_path, tls) as (port, ca), closed_port() as closed:
        case = EmailCase(post, port, ca, tmp_path, closed)
        channel("email", tmp_path, **case.settings(tls=tls)).send(message(), "delivery", 10)
    assert len(post.mails) == 1


def test_a_certificate_that_is_not_trusted_gets_no_password(tmp_path: Path) -> None:
    post = Post()
    with mail_server(post, tmp_path) as (port, ca), closed_port() as closed:
        case = EmailCase(post, port, ca, tmp_path, closed)
        with pytest.raises(UnavailableError, match="certificate is not trusted"):
            channel("email", tmp_path, **case.settings(ca=None)).send(message(), "delivery", 10)


def test_a_server_without_starttls_gets_no_password(tmp_path: Path) -> None:
    post = Post()
    with mail_server(post, tmp_path, "none") as (port, ca), closed_port() as closed:
        case = EmailCase(post, port, ca, tmp_path, closed)
        with pytest.raises(RejectedError, match="does not offer STARTTLS"):
            channel("email", tmp_path, **case.settings()).send(message(), "delivery", 10)
    assert post.mails == []


def test_mails_of_one_alert_are_a_thread_and_a_try_again_is_known(tmp_path: Path) -> None:
    post = Post()
    with mail_server(post, tmp_path) as (port, ca), closed_port() as closed:
        made = EmailCase(post, port, ca, tmp_path, closed).channel()
        made.send(message(), "delivery 1", 10)
        made.send(message(), "delivery 1", 10)
        made.send(message(Event.RESOLVE), "delivery 2", 10)
        made.send(message(key="alert 18"), "delivery 3", 10)
    first, again, over, other = post.mails
    assert first["Message-ID"] == again["Message-ID"] != over["Message-ID"]
    assert first["References"] == over["References"] != other["References"]
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["Subject"] == "CRITICAL shop/production: db does not answer"
    assert first["List-Unsubscribe"] is None
    assert first.get_content_type() == "multipart/alternative"


def test_people_that_a_message_names_get_it_and_one_who_is_refused_does_not_stop_the_others(tmp_path: Path) -> None:
    post = Post()
    post.rcpt["gone@shop.example"] = "550 no such user"
    people = (Person(name="Ada", email="ada@shop.example"), Person(name="Gone", email="gone@shop.example"))
    with mail_server(post, tmp_path) as (port, ca), closed_port() as closed:
        made = EmailCase(post, port, ca, tmp_path, closed).channel()
        made.send(message(to=people), "delivery", 10)
        with pytest.raises(RejectedError, match="550: no such user"):
            made.send(message(to=people[1:]), "delivery 2", 10)
        post.rcpt["gone@shop.example"] = "450 greylisted"
        with pytest.raises(PartlyTakenError, match=r"for gone@shop\.example now") as caught:
            made.send(message(to=people), "delivery 4", 10)
        assert caught.value.left == ("gone@shop.example",)
        post.rcpt["ada@shop.example"] = "450 greylisted"
        with pytest.raises(UnavailableError, match="450"):
            made.send(message(to=people[:1]), "delivery 3", 10)
    assert post.to == [["ada@shop.example"]] * 2


class HangsUp(Post):
    """A server that ends the connection where others say goodbye."""

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(server.transport, asyncio.Transport)
        server.transport.abort()
        return "221 Bye"


def test_what_was_taken_is_not_sent_again_because_the_goodbye_failed(tmp_path: Path) -> None:
    post = HangsUp()
    with mail_server(post, tmp_path) as (port, ca), closed_port() as closed:
        EmailCase(post, port, ca, tmp_path, closed).channel().send(message(), "delivery", 10)
    assert len(post.mails) == 1


@pytest.mark.parametrize("enough", [True, False])
def test_a_mail_that_is_too_large_for_the_server_is_refused_for_good(tmp_path: Path, enough: bool) -> None:
    post = Post()
    size = len(compose(message(), "k", SENDER, ["ops@shop.example"]).as_bytes())
    with mail_server(post, tmp_path, size=size + 100 if enough else size - 100) as (port, ca), closed_port() as closed:
        made = EmailCase(post, port, ca, tmp_path, closed).channel()
        if enough:
            made.send(message(), "k", 10)
        else:
            with pytest.raises(RejectedError, match="552"):
                made.send(message(), "k", 10)
    assert len(post.mails) == enough


def test_a_login_that_the_server_cannot_judge_now_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.channels.test_email.login", lambda *_: _later())
    post = Post()
    with mail_server(post, tmp_path) as (port, ca), closed_port() as closed:
        with pytest.raises(UnavailableError, match="454") as caught:
            EmailCase(post, port, ca, tmp_path, closed).channel().send(message(), "k", 10)
    assert PASSWORD not in str(caught.value)


def _later() -> AuthResult:
    return AuthResult(success=False, handled=False, message="454 4.7.0 Temporary authentication failure")


def test_both_forms_are_complete_and_are_taken_by_any_server(tmp_path: Path) -> None:
    told = message(text="Grüße: das Postfach läuft voll.\n" * 60, title="Postfach läuft voll")
    mail = compose(told, "k", "Bereitschaft Süd <ops@shop.example>", ["ops@shop.example"])
    assert mail.as_bytes().isascii(), "a server need not know 8BITMIME"
    plain, page = (mail.get_body((one,)) for one in ("plain", "html"))
    assert plain is not None and page is not None
    assert mail.get_content_type() == "multipart/alternative" and [*mail.iter_parts()][-1] is page
    for body in (plain.get_content(), page.get_content()):
        for word in (
            "läuft voll",
            "03:08 (4 min ago)",
            "web is slow",
            "2 s",
            "daytwo alerts ack 17",
            "2026-11-21 03:12",
        ):
            assert word in body, word
    assert "https://ops.example.com/alerts/17?a=1&b=2" in plain.get_content()
    assert 'href="https://ops.example.com/alerts/17?a=1&amp;b=2"' in page.get_content()
    assert mail["From"].addresses[0].display_name == "Bereitschaft Süd"


def test_a_subscriber_can_leave_by_one_click() -> None:
    url = "https://status.shop.example/leave/abc"
    mail = compose(message(unsubscribe=url), "k", SENDER, ["a@b.example"])
    assert mail["List-Unsubscribe"] == f"<{url}>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert compose(message(unsubscribe="x\r\nBcc: e@e"), "k", SENDER, ["a@b.example"])["List-Unsubscribe"] is None


KNOWN = {
    "From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted", "MIME-Version",
    "X-Auto-Response-Suppress", "Importance", "Content-Type", "Content-Transfer-Encoding",
}  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(told=MESSAGES)
def test_no_text_becomes_a_header_or_a_tag(told: Message) -> None:
    raw = compose(told, f"{told.key}\r\nX-Evil: 1", SENDER, ["a@b.example"]).as_bytes()
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    assert set(mail.keys()) <= KNOWN
    page = mail.get_body(("html",))
    assert page is not None
    _Reader().feed(page.get_content())


class _Reader(HTMLParser):
    """Takes the elements that the page is made of, and no others."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {
            "html",
            "head",
            "meta",
            "title",
            "body",
            "div",
            "p",
            "h1",
            "h2",
            "table",
            "tr",
            "th",
            "td",
            "br",
            "a",
            "pre",
        }
        given = dict(attrs)
        assert set(given) <= {"lang", "charset", "name", "content", "style", "scope", "href"}
        assert (given.get("href") or "https://").startswith(("http://", "https://"))


@pytest.mark.parametrize("wrong", ["", "ops", "a@b\r\nBcc: c@d", "a b@c.example", "ä@b.example", "a@b@c"])
def test_an_address_that_is_none_is_said_at_once(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(ValueError):
        channel("email", tmp_path, host="h", **{"from": wrong}, to="a@b.example")
