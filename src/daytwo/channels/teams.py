"""Microsoft Teams, by a webhook of its Workflows app, which posts an Adaptive Card:
https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import Field

from daytwo.core.channel import Channel, ChannelSettings, Event, Fact, Message, UnavailableError
from daytwo.core.secrets import SecretRef, resolve
from daytwo.core.telling import text
from daytwo.core.telling.post import post, spoken

_MOST = 28_000
"""Bytes of a message; Teams takes 28 KB."""
_COLOURS = {"critical": "Attention", "warning": "Warning", "info": "Accent"}
_FAILED = "delivery failed"
"""What the older addresses say, with status 200, when Teams has not taken it."""
Json = dict[str, Any]


class TeamsSettings(ChannelSettings):
    """Settings of a Teams channel."""

    url: SecretRef = Field(description='the address that the workflow "post to a channel when a webhook..." shows')


class Teams(Channel[TeamsSettings]):
    """Posts into the channel that the workflow was made for."""

    kind = "teams"
    summary = "a channel of Microsoft Teams, through a Workflows webhook"
    Settings = TeamsSettings

    def send(self, message: Message, key: str, timeout: float) -> None:
        """Post it; a workflow takes it first and shows it a little later."""
        url = resolve(self.settings.url, where=f"channels.{self.name}.url", base=self.place.folder).reveal()
        answer = post(url, payload(message), where=self.where, timeout=timeout)
        if _FAILED in answer.text.lower():
            raise UnavailableError(f"Teams has not taken it: {spoken(answer.text)}", where=self.where)


def payload(message: Message) -> Json:
    """The message as a card. Its texts are runs, in which Teams sees neither Markdown nor mentions."""
    message = text.bounded(message)
    body: list[Json] = []
    end = [_run(text.when(message), subtle=True)]
    for block in [*_body(message)]:
        if len(json.dumps(_card(message, [*body, block, *end]), ensure_ascii=False).encode()) > _MOST:
            end.insert(0, _run("Cut short; the rest is in daytwo."))
            break
        body.append(block)
    return _card(message, [*body, *end])


def _card(message: Message, body: Sequence[Json]) -> Json:
    links = [one for one in text.links(message.links) if len(one.url) <= 1000][:5]
    actions = [{"type": "Action.OpenUrl", "title": text.cut(one.title, 60), "url": one.url} for one in links]
    card: Json = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": list(body),
    }
    if actions:
        card["actions"] = actions
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _body(message: Message) -> Iterator[Json]:
    colour = "Good" if message.event is Event.RESOLVE else _COLOURS[message.level]
    yield _run(text.cut(text.headline(message), 300), size="Large", weight="Bolder", color=colour)
    if message.text.strip():
        yield _run(text.cut(text.clean(message.text), 4000))
    yield from _facts(message.facts)
    for section in message.sections[: text.SHOWN]:
        yield _run(text.cut(text.one_line(section.title), 300), weight="Bolder", color=_COLOURS[section.level])
        if section.text.strip():
            yield _run(text.cut(text.clean(section.text), 2000))
        yield from _facts(section.facts)
    if rest := text.more(message):
        yield _run(rest)
    for command in message.commands[:10]:
        yield _run(text.cut(text.one_line(command), 300), fontType="Monospace")


def _facts(facts: Sequence[Fact]) -> Iterator[Json]:
    for one in facts:
        name = {"type": "TextRun", "text": f"{text.cut(text.one_line(one.name), 100)}: ", "weight": "Bolder"}
        value = {"type": "TextRun", "text": text.cut(text.clean(one.value), 1000) or "-"}
        yield {"type": "RichTextBlock", "inlines": [name, value]}


def _run(content: str, *, subtle: bool = False, **look: str) -> Json:
    run: Json = {"type": "TextRun", "text": content or "-", **look}
    if subtle:
        run["isSubtle"] = True
    return {"type": "RichTextBlock", "inlines": [run]}
