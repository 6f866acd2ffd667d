"""Everything else, through Apprise: https://appriseit.com/services/."""

import re
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any

from pydantic import Field

from daytwo.core.channel import Channel, ChannelSettings, Event, Message, RejectedError, UnavailableError
from daytwo.core.secrets import SecretRef, remember, resolve
from daytwo.core.service import Place
from daytwo.core.telling import text
from daytwo.core.telling.within import Lines, within

_BUSY: defaultdict[tuple[Path, str], threading.Lock] = defaultdict(threading.Lock)
"""Held by the try of a channel that goes on, by its configuration's folder and its name: each try makes the channel
anew, and the one before may hang in Apprise still."""
_TYPES = {"critical": "failure", "warning": "warning", "info": "info"}


class AppriseSettings(ChannelSettings):
    """Settings of an Apprise address."""

    url: SecretRef = Field(
        description="the address as Apprise writes it, such as matrix://..., gotify://..., mqtt://..."
    )


class Apprise(Channel[AppriseSettings]):
    """Sends to any service that Apprise knows."""

    kind = "apprise"
    summary = "any of the hundred services that Apprise knows, by its address"
    Settings = AppriseSettings

    def __init__(self, name: str, settings: AppriseSettings, place: Place) -> None:
        super().__init__(name, settings, place)
        self._busy = _BUSY[place.folder, name]

    def send(self, message: Message, key: str, timeout: float) -> None:
        """Send it. While a try from before hangs in Apprise, no other one is begun. It only says that it did not work,
        not why: so that may be over soon, and is tried again."""
        message = text.bounded(message)
        url = resolve(self.settings.url, where=f"channels.{self.name}.url", base=self.place.folder).reveal()
        for part in re.split(r"[/@:?&=,]+", url):
            # Apprise logs its address in pieces. Any may be a token, but for names of hosts.
            if len(part) > 7 and "." not in part:
                remember(part)
        target = self._target(url)
        if not self._busy.acquire(blocking=False):
            raise UnavailableError("the try before hangs still", where=self.where, hint="It is tried again")
        if not within(timeout, lambda lines: self._notify(target, message, lines), self.where):
            raise UnavailableError(
                "Apprise could not deliver it, and does not say why", where=self.where,
                hint="Look at its address; it is tried again",
            )  # fmt: skip

    def _target(self, url: str) -> Any:
        from apprise import Apprise as Sender
        from apprise import AppriseAsset

        target = Sender(asset=AppriseAsset(app_id="daytwo", app_desc="daytwo", async_mode=False))
        if not target.add(url):
            raise RejectedError(
                "Apprise cannot read its address", where=self.where, hint="See https://appriseit.com/services/"
            )
        return target

    def _notify(self, target: Any, message: Message, lines: Lines) -> bool:
        try:
            kind = "success" if message.event is Event.RESOLVE else _TYPES[message.level]
            body = text.plain(message) or "-"
            return bool(
                target.notify(
                    title=text.cut(text.headline(message), 250), body=text.cut(body, 30_000), body_format="text",
                    notify_type=kind, interpret_escapes=False,
                )
            )  # fmt: skip
        finally:
            self._busy.release()
