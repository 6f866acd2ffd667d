"""PagerDuty, by Events API v2: https://developer.pagerduty.com/docs/events-api-v2-overview."""

import hashlib
import json
from typing import Any

from pydantic import Field

from daytwo.core.channel import Channel, ChannelSettings, Event, Message, RejectedError
from daytwo.core.secrets import SecretRef, resolve
from daytwo.core.telling import text
from daytwo.core.telling.post import Answer, ask, judge, spoken

_SUMMARY, _DEDUP, _ALL = 1024, 255, 500_000
"""Characters of a summary and of a key, bytes of an event (512 KB): .../docs/send-alert-event."""
_ACTIONS = {Event.TRIGGER: "trigger", Event.ACKNOWLEDGE: "acknowledge", Event.RESOLVE: "resolve"}
_KEY_LENGTH = 32
Json = dict[str, Any]


class PagerdutySettings(ChannelSettings):
    """Settings of a PagerDuty service."""

    key: SecretRef = Field(description="the integration key of the service's integration `Events API v2`")
    url: str = Field(
        default="https://events.pagerduty.com", pattern=r"^https?://[^\s]+$",
        description="where events go; https://events.eu.pagerduty.com for the European region",
    )  # fmt: skip


class Pagerduty(Channel[PagerdutySettings]):
    """Opens, acknowledges and resolves alerts; what is neither becomes a change event, which pages nobody."""

    kind = "pagerduty"
    acknowledges = True
    summary = "a service of PagerDuty, which pages whoever is on call there"
    Settings = PagerdutySettings

    def send(self, message: Message, key: str, timeout: float) -> None:
        """Send the event. PagerDuty takes one of the same key once. A test opens an alert and resolves it."""
        message = text.bounded(message)
        secret = resolve(self.settings.key, where=f"channels.{self.name}.key", base=self.place.folder).reveal()
        if message.event is Event.NOTICE:
            self._post("/v2/change/enqueue", change(message, secret), timeout)
            return
        if message.event is Event.TEST:
            for action in ("trigger", "resolve"):
                self._post("/v2/enqueue", event(message, secret, action), timeout / 2)
            return
        self._post("/v2/enqueue", event(message, secret, _ACTIONS[message.event]), timeout)

    def _post(self, path: str, body: Json, timeout: float) -> None:
        answer = ask(f"{self.settings.url.rstrip('/')}{path}", body, where=self.where, timeout=timeout)
        if answer.status == 400 and (said := _said(answer)):
            raise RejectedError(f"PagerDuty says: {said}", where=self.where, hint="Look at the integration key")
        judge(answer, self.where)


def _said(answer: Answer) -> str:
    told = answer.data
    if not isinstance(told, dict):
        return ""
    errors = told.get("errors")
    return spoken("; ".join(map(str, errors)) if isinstance(errors, list) and errors else str(told.get("message", "")))


def dedup_key(key: str) -> str:
    """What PagerDuty knows an alert by: the message's key, or its digest where that is too long."""
    return key if 0 < len(key) <= _DEDUP else hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def event(message: Message, key: str, action: str) -> Json:
    """An event; only one that triggers tells anything."""
    found: Json = {"routing_key": key, "event_action": action, "dedup_key": dedup_key(message.key)}
    if action == "trigger":
        found["payload"] = {**_payload(message), "severity": message.level, "component": message.app}
        found["client"] = "daytwo"
        found["links"] = _links(message)
    return _small(found)


def change(message: Message, key: str) -> Json:
    """A change event: https://developer.pagerduty.com/docs/send-change-event."""
    return _small({"routing_key": key, "payload": _payload(message), "links": _links(message)})


def _payload(message: Message) -> Json:
    return {
        "summary": text.cut(text.headline(message), _SUMMARY),
        "source": text.source(message),
        "timestamp": message.at.isoformat(),
        "custom_details": _details(message),
    }


def _details(message: Message) -> Json:
    found: Json = {text.cut(text.one_line(one.name), 100) or "-": text.cut(text.clean(one.value), 2000)
                   for one in message.facts[:50]}  # fmt: skip
    if message.text.strip():
        found["text"] = text.cut(text.clean(message.text), 5000)
    if message.sections:
        told = message.model_copy(update={"facts": (), "links": (), "commands": (), "text": ""})
        found["more"] = text.cut(text.plain(told), 10_000)
    if message.commands:
        found["commands"] = "\n".join(text.cut(text.one_line(one), 300) for one in message.commands[:10])
    return found


def _links(message: Message) -> list[Json]:
    return [{"href": one.url, "text": text.cut(one.title, 200)} for one in text.links(message.links)[:20]
            if len(one.url) <= 2000]  # fmt: skip


def _small(found: Json) -> Json:
    """The event without its details where it would be too large otherwise."""
    if "payload" in found and len(json.dumps(found)) > _ALL:
        return {**found, "payload": {**found["payload"], "custom_details": {"text": "too much to be shown here"}}}
    return found
