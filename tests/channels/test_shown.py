"""What people see: each kind shows all of an alert, down to how to acknowledge it."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from daytwo.channels import discord, ntfy, pagerduty, slack, teams, telegram
from daytwo.channels.email.mail import compose
from daytwo.channels.telegram import TelegramSettings
from daytwo.core.channel import Event, Fact, Link, Message
from daytwo.core.telling import text

ALERT = Message(
    event=Event.TRIGGER,
    key="shop/production/alert/17",
    app="shop",
    environment="production",
    level="critical",
    title="db.disk: 96 % is above 95 %",
    text="The disk fills; old images are the usual find.\nIt is put down to host.disk (alert 12).",
    at=datetime(2026, 11, 21, 3, 12, tzinfo=UTC),
    facts=(
        Fact(name="service", value="db"),
        Fact(name="since", value="2026-11-21 04:08 CET (4 min)"),
        Fact(name="value", value="96"),
        Fact(name="threshold", value="critical > 95, warning > 85"),
    ),
    links=(
        Link(title="Look and acknowledge", url="https://ops.example.com/alerts/17"),
        Link(title="Runbook", url="https://wiki.example.com/disk"),
    ),
    commands=("daytwo alerts ack 17",),
)
PARTS = {
    "what": "db.disk: 96 % is above 95 %",
    "where": "shop/production",
    "how bad": "CRITICAL",
    "since": "2026-11-21 04:08 CET (4 min)",
    "value": "96",
    "threshold": "critical > 95, warning > 85",
    "what to do": "old images are the usual find",
    "likely cause": "It is put down to host.disk (alert 12)",
    "runbook": "https://wiki.example.com/disk",
    "button": "https://ops.example.com/alerts/17",
    "button's name": "Look and acknowledge",
    "command": "daytwo alerts ack 17",
}


def mail_part(kind: str) -> Callable[[Message], str]:
    def shown(message: Message) -> str:
        mail = compose(message, "delivery", "ops@shop.example", ["ada@shop.example"])
        body = mail.get_body((kind,))
        assert body is not None
        return f"{mail['Subject']}\n{body.get_content()}"

    return shown


def telegram_text(message: Message) -> str:
    found = telegram.payload(
        message, TelegramSettings.model_validate({"kind": "telegram", "token": {"env": "T"}, "chat": 1})
    )
    return str(found["text"])


SHOWN: dict[str, Callable[[Message], object]] = {
    "email, text": mail_part("plain"),
    "email, HTML": mail_part("html"),
    "slack": slack.payload,
    "discord": discord.payload,
    "teams": teams.payload,
    "telegram": telegram_text,
    "ntfy": lambda message: ntfy.payload(message, "topic"),
    "pagerduty": lambda message: pagerduty.event(message, "key", "trigger"),
    "apprise": lambda message: f"{text.headline(message)}\n{text.plain(message.model_copy())}",
}


def plainly(found: object) -> str:
    """As people read it: without the escapes of the form."""
    told = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
    told = told.replace("&gt;", ">").replace("&amp;", "&").replace("\\\\", "\\")
    return re.sub(r"\\([^\w\s\\\"])", r"\1", told)


@pytest.mark.parametrize("kind", SHOWN)
def test_a_message_holds_all_that_is_needed_to_act(kind: str) -> None:
    told = plainly(SHOWN[kind](ALERT))
    assert [name for name, part in PARTS.items() if part not in told] == []


@pytest.mark.parametrize("kind", SHOWN)
def test_what_is_not_there_leaves_no_gap(kind: str) -> None:
    told = plainly(SHOWN[kind](ALERT.model_copy(update={"facts": (), "links": (), "commands": (), "text": ""})))
    assert PARTS["what"] in told
    assert "None" not in told and "\n\n\n" not in told
