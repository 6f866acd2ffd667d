"""Slack, by an incoming webhook: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks."""

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import Field

from daytwo.core.channel import Channel, ChannelSettings, Event, Fact, Message
from daytwo.core.secrets import SecretRef, resolve
from daytwo.core.telling import text
from daytwo.core.telling.post import post

_HEADER, _SECTION, _FIELD, _FIELDS, _BLOCKS = 150, 3000, 2000, 10, 50
"""Limits of Block Kit: https://docs.slack.dev/reference/block-kit/blocks."""
_ALL = 9000
"""Characters of all blocks together; above about 10,000 Slack answers `msg_blocks_too_long`."""
_SIGNS = {Event.ACKNOWLEDGE: "👀", Event.RESOLVE: "✅", Event.NOTICE: "📣", Event.TEST: "🧪"}
_LEVELS = {"critical": "🔴", "warning": "🟠", "info": "🔵"}
Json = dict[str, Any]


class SlackSettings(ChannelSettings):
    """Settings of a Slack channel."""

    url: SecretRef = Field(description="the address of the incoming webhook: https://hooks.slack.com/services/...")


class Slack(Channel[SlackSettings]):
    """Posts into the channel that the webhook was made for."""

    kind = "slack"
    summary = "a channel of Slack, through an incoming webhook"
    Settings = SlackSettings

    def send(self, message: Message, key: str, timeout: float) -> None:
        """Post it; Slack knows no keys, so that a second try may be shown twice."""
        url = resolve(self.settings.url, where=f"channels.{self.name}.url", base=self.place.folder).reveal()
        post(url, payload(message), where=self.where, timeout=timeout)


def escape(value: str) -> str:
    """The three characters that mean something: https://docs.slack.dev/messaging/formatting-message-text#escaping."""
    return text.clean(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def payload(message: Message) -> Json:
    """The message in blocks, with its headline for what shows no blocks."""
    message = text.bounded(message)
    blocks: list[Json] = []
    left = _ALL
    for block in _blocks(message):
        took = _length(block)
        if took > left or len(blocks) == _BLOCKS - 1:
            blocks.append(_mrkdwn("_cut short; the rest is in daytwo_"))
            break
        left -= took
        blocks.append(block)
    head = text.fit(text.headline(message), _SECTION, escape)
    return {"text": head, "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def _blocks(message: Message) -> Iterator[Json]:
    sign = _SIGNS.get(message.event) or _LEVELS[message.level]
    title = text.cut(f"{sign} {text.headline(message)}", _HEADER)
    yield {"type": "header", "text": {"type": "plain_text", "text": title, "emoji": False}}
    if message.text.strip():
        yield _mrkdwn(text.fit(message.text, _SECTION, escape))
    yield from _fields(message.facts)
    for section in message.sections[: text.SHOWN]:
        body = f"{section.title}\n{section.text}".strip()
        yield _mrkdwn(f"{_LEVELS[section.level]} {text.fit(body, _SECTION - 2, escape)}")
        yield from _fields(section.facts)
    if rest := text.more(message):
        yield _mrkdwn(rest)
    if found := [f"<{_url(one.url)}|{text.fit(one.title, 80, _label)}>" for one in text.links(message.links)]:
        yield _mrkdwn(" · ".join(found[:10]))
    if message.commands:
        yield _mrkdwn("\n".join(f"`{text.fit(one, 200, _code)}`" for one in message.commands[:10]))
    yield {"type": "context", "elements": [{"type": "plain_text", "text": text.when(message), "emoji": False}]}


def _fields(facts: Sequence[Fact]) -> Iterator[Json]:
    shown = [
        _text(f"*{text.fit(one.name, 100, _label)}*\n{text.fit(one.value, _FIELD - 200, escape)}") for one in facts
    ]
    for at in range(0, len(shown), _FIELDS):
        yield {"type": "section", "fields": shown[at : at + _FIELDS]}


def _mrkdwn(content: str) -> Json:
    return {"type": "section", "text": _text(content)}


def _text(content: str) -> Json:
    """Verbatim: else Slack makes names of channels, and some mentions, into links by itself."""
    return {"type": "mrkdwn", "text": content, "verbatim": True}


def _label(value: str) -> str:
    return escape(text.one_line(value)).replace("|", "¦").replace("*", "·")


def _code(value: str) -> str:
    return escape(text.one_line(value)).replace("`", "'")


def _url(value: str) -> str:
    return value.replace("&", "&amp;")


def _length(value: object) -> int:
    if isinstance(value, dict):
        return sum(_length(one) for one in value.values())
    if isinstance(value, list):
        return sum(_length(one) for one in value)
    return len(value) if isinstance(value, str) else 0
