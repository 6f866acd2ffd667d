"""Discord, by a webhook: https://discord.com/developers/docs/resources/webhook#execute-webhook."""

import re
from typing import Any

from pydantic import Field

from daytwo.core.channel import Channel, ChannelSettings, Event, Fact, Message, UnavailableError
from daytwo.core.secrets import SecretRef, resolve
from daytwo.core.telling import text
from daytwo.core.telling.post import ask, judge

_TITLE, _DESCRIPTION, _FIELDS, _NAME, _VALUE, _ALL = 256, 4096, 25, 256, 1024, 6000
"""Limits of an embed: https://discord.com/developers/docs/resources/message#embed-object-embed-limits."""
_COLOURS = {"critical": 0xD32F2F, "warning": 0xF57C00, "info": 0x1976D2}
_OVER = 0x388E3C
_MARKDOWN = re.compile(r"([\\*_~`|>\[\]()<#@:+-])")
Json = dict[str, Any]


class DiscordSettings(ChannelSettings):
    """Settings of a Discord channel."""

    url: SecretRef = Field(description="the address of the webhook: https://discord.com/api/webhooks/...")


class Discord(Channel[DiscordSettings]):
    """Posts into the channel that the webhook was made for."""

    kind = "discord"
    summary = "a channel of Discord, through a webhook"
    Settings = DiscordSettings

    def send(self, message: Message, key: str, timeout: float) -> None:
        """Post it, and wait until Discord has stored it."""
        url = resolve(self.settings.url, where=f"channels.{self.name}.url", base=self.place.folder).reveal()
        url += "&wait=true" if "?" in url else "?wait=true"
        answer = ask(url, payload(message), where=self.where, timeout=timeout)
        try:
            judge(answer, self.where)
        except UnavailableError as error:
            told = answer.data.get("retry_after") if isinstance(answer.data, dict) else None
            if error.retry_after is None and isinstance(told, int | float):
                error.retry_after = max(0.0, float(told))
            raise


def escape(value: str) -> str:
    """Text of which nothing is taken for formatting, a link or a mention."""
    return _MARKDOWN.sub(r"\\\1", text.clean(value))


def payload(message: Message) -> Json:
    """The message as one embed; nobody is mentioned by it, whatever it says."""
    message = text.bounded(message)
    title = text.fit(text.headline(message), _TITLE, escape, text.utf16)
    when = text.when(message)
    left = _ALL - text.utf16(title) - len(when)
    links = text.links(message.links)[:5]
    tail = "\n".join(
        [f"[{text.fit(one.title, 80, escape)}]({one.url.replace(')', '%29')})" for one in links if len(one.url) < 400]
        + [f"`{text.cut(text.one_line(one), 200).replace('`', chr(39))}`" for one in message.commands[:5]]
    )
    body = text.fit(_body(message), min(_DESCRIPTION, left) - text.utf16(tail) - 2, escape, text.utf16)
    description = f"{body}\n\n{tail}".strip()
    left -= text.utf16(description)
    embed: Json = {
        "title": title,
        "description": description,
        "color": _OVER if message.event is Event.RESOLVE else _COLOURS[message.level],
        "fields": _fields(message.facts, left),
        "footer": {"text": when},
    }
    return {"embeds": [embed], "allowed_mentions": {"parse": []}}


def _body(message: Message) -> str:
    parts = [message.text]
    for section in message.sections[: text.SHOWN]:
        facts = ", ".join(f"{one.name}: {one.value}" for one in section.facts)
        parts.append("\n".join(part for part in (section.title, section.text, facts) if part))
    return "\n\n".join(part for part in [*parts, text.more(message)] if part)


def _fields(facts: tuple[Fact, ...], left: int) -> list[Json]:
    found: list[Json] = []
    for one in facts[:_FIELDS]:
        name = text.fit(text.one_line(one.name) or "-", _NAME, escape, text.utf16)
        value = text.fit(text.clean(one.value).strip() or "-", _VALUE, escape, text.utf16)
        left -= text.utf16(name) + text.utf16(value)
        if left < 0:
            break
        found.append({"name": name, "value": value, "inline": len(value) < 40})
    return found
