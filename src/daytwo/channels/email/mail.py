"""The mail that a message becomes. None of its text ever reaches a header as more than one line."""

import hashlib
from collections.abc import Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from daytwo.channels.email.page import page
from daytwo.core.channel import Event, Link, Message
from daytwo.core.telling import text

_SUBJECT = 200
_POLICY = SMTP.clone(cte_type="7bit")
"""Text is encoded so that a server without 8BITMIME (RFC 6152) takes it as well."""


def compose(message: Message, key: str, sender: str, to: Sequence[str]) -> EmailMessage:
    """The mail.

    Args:
        message: what to tell; any of it may be hostile.
        key: of the delivery.
        sender: the From address.
        to: the To addresses.

    Raises:
        ValueError: an address is none.
    """
    message = text.bounded(message)
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = _mailbox(sender)
    mail["To"] = [_mailbox(one) for one in to]
    mail["Subject"] = text.cut(text.headline(message), _SUBJECT)
    mail["Date"] = format_datetime(message.at)
    host = parseaddr(sender)[1].partition("@")[2]
    thread = f"<{_digest(f'{message.app}/{message.environment}/{message.key}')}@{host}>"
    mail["Message-ID"] = f"<{_digest(f'{key}/{chr(10).join(to)}')}@{host}>"
    mail["In-Reply-To"] = thread
    mail["References"] = thread
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    if message.level == "critical" and message.event is Event.TRIGGER:
        mail["Importance"] = "high"
    for link in text.links([Link(title="", url=message.unsubscribe)]):
        mail["List-Unsubscribe"] = f"<{link.url}>"
        if link.url.startswith("https:"):  # https://www.rfc-editor.org/rfc/rfc8058
            mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content(f"{text.plain(message)}\n")
    mail.add_alternative(page(message), subtype="html")
    return mail


def _mailbox(value: str) -> Address:
    name, address = parseaddr(value)
    return Address(display_name=text.one_line(name), addr_spec=address)


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()[:32]
