"""A `ChannelCase` of a kind that posts to a stand-in."""

import time
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any, ClassVar

from daytwo.core.channel import AnyChannel
from daytwo.core.registry import channel_class
from daytwo.core.service import Place
from tests.channels.stand_in import Reply, StandIn
from tests.contract.channels import ChannelCase

Settings = dict[str, Any]


def channel(kind: str, folder: Path, **settings: Any) -> AnyChannel:
    """A channel as the configuration makes it."""
    found = channel_class(kind)
    made = found.Settings.model_validate({"kind": kind, **settings})
    return found("test", made, Place(folder, "shop", "production"))


class HttpCase(ChannelCase):
    """The stand-in answers as the service does.

    Args:
        stand_in: it.
        closed: a port where nobody listens.
        folder: for secrets.
    """

    kind: ClassVar[str]
    secret: ClassVar[str]
    """The setting that holds the secret."""
    status: ClassVar[int] = 429

    def __init__(self, stand_in: StandIn, closed: int, folder: Path) -> None:
        self.stand_in = stand_in
        self.folder = folder
        self.nowhere = f"http://127.0.0.1:{closed}"

    def settings(self, base: str) -> Settings:
        """The YAML block for a receiver at an address."""
        raise NotImplementedError

    def wrong(self) -> Settings | None:
        """The YAML block with wrong credentials."""
        raise NotImplementedError

    def put(self, name: str, value: str) -> dict[str, str]:
        """A reference to a secret."""
        (self.folder / name).write_text(value)
        return {"file": str(self.folder / name)}

    def channel(self) -> AnyChannel:
        return channel(self.kind, self.folder, **self.settings(self.stand_in.url))

    def received(self) -> list[str]:
        return [one.body.decode() for one in self.stand_in.taken]

    def fail(self, how: str) -> Any:
        faults: dict[str, Reply | str] = {
            "busy": Reply(self.status, "rate_limited", {"Retry-After": "7"}),
            "broken": Reply(503, "<html><body>no healthy upstream</body></html>"),
            "dated": Reply(self.status, "", {"Retry-After": formatdate(time.time() + 60, usegmt=True)}),
            "moved": Reply(307, "", {"Location": f"{self.stand_in.url}/elsewhere"}),
            "hang": "hang", "drip": "drip headers", "cut": "cut",
            "refused": Reply(422, '{"error": "no"}'),
        }  # fmt: skip
        self.stand_in.faults.append(faults[how])
        return {"busy": 7, "dated": 60}.get(how, True)

    def without_credentials(self) -> AnyChannel | None:
        settings = self.wrong()
        return None if settings is None else channel(self.kind, self.folder, **settings)

    def without_receiver(self) -> AnyChannel:
        return channel(self.kind, self.folder, **self.settings(self.nowhere))

    def without_secret(self) -> AnyChannel:
        settings = {**self.settings(self.stand_in.url), self.secret: {"env": "NO_SUCH_VARIABLE_HERE"}}
        return channel(self.kind, self.folder, **settings)


Make = Callable[[type[HttpCase]], HttpCase]
