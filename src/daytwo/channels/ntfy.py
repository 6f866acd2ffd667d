"""ntfy, by its JSON form, in which no text becomes a header: https://docs.ntfy.sh/publish/#publish-as-json."""

import re
from pathlib import Path
from typing import Any

from pydantic import Field

from daytwo.core.channel import Channel, ChannelSettings, Event, Message, RejectedError
from daytwo.core.secrets import SecretRef, resolve
from daytwo.core.telling import text
from daytwo.core.telling.post import post

_MESSAGE = 4000
"""Bytes; of more than 4,096 ntfy makes an attachment: https://docs.ntfy.sh/publish/#limitations."""
_ACTIONS = 3
_PRIORITIES = {"critical": 5, "warning": 4, "info": 3}
_TAGS = {
    Event.TRIGGER: "rotating_light", Event.ACKNOWLEDGE: "eyes", Event.RESOLVE: "white_check_mark",
    Event.NOTICE: "information_source", Event.TEST: "test_tube",
}  # fmt: skip
_TOPIC = re.compile(r"[-_A-Za-z0-9]{1,64}")
Json = dict[str, Any]


class NtfySettings(ChannelSettings):
    """Settings of an ntfy topic."""

    server: str = Field(default="https://ntfy.sh", pattern=r"^https?://[^\s]+$", description="the server's address")
    topic: SecretRef = Field(description="the topic; whoever knows it can read and write, unless the server has users")
    token: SecretRef | None = Field(default=None, description="an access token, where the server has users")
    ca: Path | None = Field(default=None, description="a file of authorities to believe, for a server of your own")


class Ntfy(Channel[NtfySettings]):
    """Publishes to a topic."""

    kind = "ntfy"
    summary = "a topic of ntfy, which reaches phones and desktops"
    Settings = NtfySettings

    def send(self, message: Message, key: str, timeout: float) -> None:
        """Publish it."""
        base, settings = self.place.folder, self.settings
        topic = resolve(settings.topic, where=f"channels.{self.name}.topic", base=base).reveal()
        if not _TOPIC.fullmatch(topic):
            raise RejectedError(
                "its topic is not one", where=self.where, hint="Write up to 64 letters, digits, - and _"
            )
        headers = {}
        if settings.token is not None:
            token = resolve(settings.token, where=f"channels.{self.name}.token", base=base).reveal()
            headers["Authorization"] = f"Bearer {token}"
        ca = None if settings.ca is None else self.place.path(settings.ca)
        post(settings.server, payload(message, topic), where=self.where, timeout=timeout, headers=headers, ca=ca)


def payload(message: Message, topic: str) -> Json:
    """The message as ntfy wants it."""
    message = text.bounded(message)
    links = [one for one in text.links(message.links) if len(one.url) <= 500][:_ACTIONS]
    body = text.plain(message.model_copy(update={"links": ()}))
    found: Json = {
        "topic": topic,
        "title": text.fit(text.headline(message), 250, str, text.utf8),
        "message": text.fit(body, _MESSAGE, str, text.utf8) or "-",
        "priority": _PRIORITIES[message.level] if message.event is Event.TRIGGER else 3,
        "tags": [_TAGS[message.event]],
    }
    if links:
        found["click"] = links[0].url
        found["actions"] = [{"action": "view", "label": text.cut(one.title, 60), "url": one.url} for one in links]
    return found
