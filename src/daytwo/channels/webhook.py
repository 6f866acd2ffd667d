"""A webhook of one's own: the message as JSON, signed, so that the receiver knows whom it comes from."""

import hashlib
import hmac
import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Discriminator, Field, Tag

from daytwo.core.channel import Channel, ChannelSettings, Message
from daytwo.core.secrets import SecretRef, resolve
from daytwo.core.telling import text
from daytwo.core.telling.post import post

_SECTIONS = 500
_PLAIN = re.compile(r"[\x21-\x7e]{1,200}")

Text = Annotated[
    Annotated[str, Tag("text")] | Annotated[SecretRef, Tag("reference")],
    Discriminator(lambda value: "reference" if isinstance(value, Mapping | SecretRef) else "text"),
]
"""Text that may be a secret."""
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]


class WebhookSettings(ChannelSettings):
    """Settings of a webhook."""

    url: SecretRef = Field(description="the address that messages are posted to")
    secret: SecretRef | None = Field(default=None, description="what messages are signed with; not signed when absent")
    headers: dict[HeaderName, Text] = Field(
        default={}, description="further headers; secret ones, such as Authorization, as references"
    )
    ca: Path | None = Field(default=None, description="a file of authorities to believe, for a server of your own")


class Webhook(Channel[WebhookSettings]):
    """Posts each message as one JSON document."""

    kind = "webhook"
    summary = "an address of your own, which gets messages as signed JSON"
    Settings = WebhookSettings

    def send(self, message: Message, key: str, timeout: float) -> None:
        """Post it. The header Idempotency-Key is the same with each try of the same delivery."""
        settings, base = self.settings, self.place.folder
        url = resolve(settings.url, where=f"channels.{self.name}.url", base=base).reveal()
        name = idempotency_key(key)
        told = text.bounded(message, _SECTIONS).model_dump(mode="json")
        body = json.dumps({"id": name, **told}, ensure_ascii=False).encode("utf-8", "replace")
        headers = {
            header: value
            if isinstance(value, str)
            else resolve(value, where=f"channels.{self.name}.headers.{header}", base=base).reveal()
            for header, value in settings.headers.items()
        }
        headers["Idempotency-Key"] = name
        if settings.secret is not None:
            secret = resolve(settings.secret, where=f"channels.{self.name}.secret", base=base).reveal()
            stamp = str(int(time.time()))
            headers |= {"Daytwo-Timestamp": stamp, "Daytwo-Signature": signature(secret, stamp, body)}
        ca = None if settings.ca is None else self.place.path(settings.ca)
        post(url, body, where=self.where, timeout=timeout, headers=headers, ca=ca)


def signature(secret: str, stamp: str, body: bytes) -> str:
    """`sha256=` and the HMAC of the timestamp, a full stop and the body, in hexadecimal."""
    return f"sha256={hmac.new(secret.encode(), stamp.encode() + b'.' + body, hashlib.sha256).hexdigest()}"


def idempotency_key(key: str) -> str:
    """The key as a header may hold it: itself, or its digest."""
    return key if _PLAIN.fullmatch(key) else hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
