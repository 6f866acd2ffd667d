"""E-mail, by SMTP."""

import contextlib
import logging
import platform
import smtplib
import socket
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from daytwo.channels.email.mail import compose
from daytwo.core.channel import (
    Channel,
    ChannelSettings,
    Message,
    PartlyTakenError,
    RejectedError,
    UnavailableError,
    recipients,
)
from daytwo.core.secrets import SecretRef, resolve
from daytwo.core.telling.mailbox import mailbox
from daytwo.core.telling.post import spoken
from daytwo.core.telling.within import Lines, within

_log = logging.getLogger(__name__)
_PORTS = {"starttls": 587, "tls": 465, "none": 25}


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Mailbox = Annotated[str, AfterValidator(mailbox)]


class EmailSettings(ChannelSettings):
    """Settings of e-mail."""

    host: str = Field(min_length=1, description="the mail server")
    port: int | None = Field(
        default=None, ge=1, le=65535, description="its port; 587 with starttls, 465 with tls, 25 with none when absent"
    )
    tls: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="encrypted after a greeting, from the first byte on, or not at all"
    )
    user: str | None = Field(default=None, description="the name to log in with; without one nobody logs in")
    password: SecretRef | None = Field(default=None, description="its password")
    from_: Mailbox = Field(alias="from", description="the sender: `Operations <ops@example.com>`")
    to: Annotated[tuple[Mailbox, ...], BeforeValidator(_listed)] = Field(
        default=(), description="who gets what is not meant for somebody by name"
    )
    ca: Path | None = Field(default=None, description="a file of authorities to believe, for a server of your own")


class Email(Channel[EmailSettings]):
    """Sends mail with a plain and an HTML form; all of one alert are one thread."""

    kind = "email"
    summary = "e-mail, as HTML and as text"
    Settings = EmailSettings

    def send(self, message: Message, key: str, timeout: float) -> None:
        """Hand it to the mail server. A try again has the same Message-ID, by which receivers know it."""
        settings = self.settings
        to = recipients(message, settings.to)
        if not to:
            raise RejectedError("nobody is to get it", where=self.where, hint="Set `to`")
        try:
            mail = compose(message, key, settings.from_, to)
        except (ValueError, IndexError):  # Python's parser ends with either
            raise RejectedError("an address to send it to is not one of e-mail", where=self.where) from None
        password = ""
        if settings.password is not None:
            password = resolve(
                settings.password, where=f"channels.{self.name}.password", base=self.place.folder
            ).reveal()
        envelope = [parseaddr(one)[1] for one in to]
        try:
            within(timeout, lambda lines: self._deliver(mail, envelope, password, lines, timeout), self.where)
        except smtplib.SMTPException as error:
            raise self._judged(error) from None
        except OSError as error:
            raise UnavailableError(_trouble(error), where=self.where, hint="It is tried again") from None

    def _deliver(self, mail: EmailMessage, to: Sequence[str], password: str, lines: Lines, timeout: float) -> None:
        settings = self.settings
        port = settings.port or _PORTS[settings.tls]
        trust = None if settings.ca is None else str(self.place.path(settings.ca))
        context = ssl.create_default_context(cafile=trust)
        name = platform.node().encode("ascii", "ignore").decode() or "localhost"
        line: smtplib.SMTP = (
            _SecuredLine(lines, settings.host, port, name, timeout, context)
            if settings.tls == "tls"
            else _Line(lines, settings.host, port, name, timeout)
        )
        try:
            if settings.tls == "starttls":
                line.starttls(context=context)
            if settings.user is not None:
                line.login(settings.user, password)
            refused = line.send_message(mail, parseaddr(settings.from_)[1], list(to))
            if refused:
                _log.warning("%s: the mail server refuses %s", self.where, ", ".join(sorted(refused)))
            # It is taken by now: whatever becomes of the goodbye, the mail must not be sent again.
            with contextlib.suppress(smtplib.SMTPException, OSError):
                line.putcmd("quit")
        finally:
            line.close()
        if later := sorted(address for address, (code, _) in refused.items() if code < 500):
            what = f"the mail server does not take it for {', '.join(later)} now"
            raise PartlyTakenError(what, later, where=self.where, hint="It is tried again for them")

    def _judged(self, error: smtplib.SMTPException) -> RejectedError | UnavailableError:
        code, said = _reply(error)
        shown = spoken(said)
        if isinstance(error, smtplib.SMTPServerDisconnected):
            return UnavailableError("the mail server ended the connection", where=self.where, hint="It is tried again")
        if isinstance(error, smtplib.SMTPNotSupportedError):
            what = "STARTTLS" if "STARTTLS" in str(error) else "logging in"
            return RejectedError(f"the mail server does not offer {what}", where=self.where, hint="Look at `tls`")
        what = f"the mail server answered {code}{f': {shown}' if shown else ''}"
        if 500 <= code < 600:
            hint = "Look at user and password" if isinstance(error, smtplib.SMTPAuthenticationError) else ""
            return RejectedError(what, where=self.where, hint=hint or "Look at the addresses")
        return UnavailableError(what if code else "the mail server makes no sense", where=self.where)


class _Line(smtplib.SMTP):
    def __init__(self, lines: Lines, host: str, port: int, name: str, timeout: float) -> None:
        self._lines = lines
        super().__init__(host, port, local_hostname=name, timeout=timeout)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        made = socket.create_connection((host, port), timeout)
        self._lines.add(made)
        return made


class _SecuredLine(_Line):
    def __init__(self, lines: Lines, host: str, port: int, name: str, timeout: float, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(lines, host, port, name, timeout)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        made = super()._get_socket(host, port, timeout)
        try:
            return self._context.wrap_socket(made, server_hostname=host)
        except BaseException:
            made.close()
            raise


def _reply(error: smtplib.SMTPException) -> tuple[int, str]:
    """The code and the words of a server's answer; of several the first that is for good."""
    found: tuple[int, bytes | str] = (0, "")
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        answers = list(error.recipients.values())
        found = min(answers, key=lambda one: one[0]) if answers else found
    elif isinstance(error, smtplib.SMTPResponseException):
        found = (error.smtp_code, error.smtp_error)
    code, said = found
    return code, said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)


def _trouble(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the mail server's certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return "the mail server does not speak TLS on this port"
    if isinstance(error, socket.gaierror):
        return "the mail server's name is not known"
    if isinstance(error, ConnectionRefusedError):
        return "the mail server refuses connections"
    if isinstance(error, TimeoutError):
        return "the mail server does not answer"
    return "the connection to the mail server was lost"
