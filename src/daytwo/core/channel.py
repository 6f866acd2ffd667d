"""The contract of a channel: a way to reach people.

A kind is one module in `daytwo.channels` with one `Channel` subclass, which holds its own `Settings`. What is sent is a
`Message`, the same for all kinds; each turns it into what its service shows best. Sending is done by the outbox, in a
thread of the channel's own, and never by whoever noticed something.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from daytwo.core.errors import DaytwoError
from daytwo.core.service import Place

Level = Literal["critical", "warning", "info"]


class Event(StrEnum):
    """What a message is about."""

    TRIGGER = "trigger"
    """Something is wrong; or it is still, or worse."""
    ACKNOWLEDGE = "acknowledge"
    """Somebody takes care of it."""
    RESOLVE = "resolve"
    """It is over."""
    NOTICE = "notice"
    """Something that is neither: an update, a summary, a reminder."""
    TEST = "test"
    """Somebody tries the channel."""


class Shown(BaseModel):
    """Frozen, and the same as JSON: the outbox keeps messages."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Fact(Shown):
    """A line of a message: `since` and `03:12 (4 min ago)`."""

    name: str
    value: str


class Link(Shown):
    """Where to go: `Acknowledge` and its address."""

    title: str
    url: str


class Person(Shown):
    """Somebody who is to be reached; a channel uses what it can."""

    name: str
    email: str = ""
    phone: str = ""


class Section(Shown):
    """One of several things that a message tells: an alert of a group, an entry of a summary."""

    title: str
    level: Level = "info"
    facts: tuple[Fact, ...] = ()
    text: str = ""


class Message(Shown):
    """What is told. All of it is plain text, which may come from anywhere: each channel escapes it for its own form."""

    event: Event
    key: str = Field(description="of what it is about, the same from its beginning to its end")
    app: str
    environment: str
    level: Level
    title: str = Field(description="one line: what is wrong")
    text: str = Field(default="", description="sentences: what it means and what to do")
    at: datetime
    facts: tuple[Fact, ...] = ()
    sections: tuple[Section, ...] = ()
    links: tuple[Link, ...] = ()
    commands: tuple[str, ...] = Field(default=(), description="to be typed: `daytwo alerts ack 17`")
    to: tuple[Person, ...] = Field(default=(), description="whom to reach; the channel's own receivers when empty")
    unsubscribe: str = Field(default="", description="the address by which whoever gets it by mail gets no more")


class ChannelError(DaytwoError):
    """A message was not taken."""


class RejectedError(ChannelError):
    """It never will be: wrong credentials, an address that does not exist, a message that is refused."""


class UnavailableError(ChannelError):
    """It may be later: no answer, an error of the server, too many messages.

    Args:
        what: what went wrong.
        where: the channel.
        hint: what to do next.
        retry_after: seconds that the receiver asked to wait, or None.
    """

    permanent = False

    def __init__(self, what: str, *, where: str = "", hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(what, where=where, hint=hint)
        self.retry_after = retry_after


class ChannelSettings(BaseModel):
    """The settings every kind of channel has."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: str = Field(description="what sort of channel it is")
    rate: int = Field(default=20, ge=1, description="messages a minute at most; what is more becomes one summary")
    burst: int = Field(default=10, ge=1, description="messages at once before that counts")
    fallback: str | None = Field(default=None, description="the channel that is used while this one does not work")


class PartlyTakenError(ChannelError):
    """Some of those whom it is for cannot have it now; the others got it.

    Args:
        what: what went wrong.
        left: the e-mail addresses of those who did not.
        where: the channel.
        hint: what to do next.
    """

    permanent = False

    def __init__(self, what: str, left: Sequence[str], *, where: str = "", hint: str = "") -> None:
        super().__init__(what, where=where, hint=hint)
        self.left = tuple(left)


S = TypeVar("S", bound=ChannelSettings)


class Channel(ABC, Generic[S]):
    """One channel of the configuration.

    Args:
        name: its name.
        settings: its YAML block.
        place: the app, and the folder that paths begin in.
    """

    kind: ClassVar[str]
    """As in the configuration."""
    summary: ClassVar[str]
    """One line for the reference and editors."""
    acknowledges: ClassVar[bool] = False
    """Whether it is told that somebody takes care of an alert, because its service keeps count of that."""
    Settings: ClassVar[type[Any]]

    def __init__(self, name: str, settings: S, place: Place) -> None:
        self.name = name
        self.settings = settings
        self.place = place

    @property
    def where(self) -> str:
        """What to name in errors."""
        return f"channel {self.name}"

    @abstractmethod
    def send(self, message: Message, key: str, timeout: float) -> None:
        """Deliver a message; blocks.

        Args:
            message: what to tell.
            key: the same for each try of the same delivery: a receiver that knows such keys takes it once.
            timeout: seconds within which it must be over, whatever the other side does.

        Raises:
            RejectedError: it will never be taken.
            UnavailableError: it may be later.
            PartlyTakenError: it may be later for some; the others got it.
            SecretError: a secret cannot be had.
        """

    def close(self) -> None:
        """Let go of connections; harmless when there are none."""
        return


AnyChannel = Channel[Any]


def recipients(message: Message, usual: Sequence[str]) -> tuple[str, ...]:
    """The e-mail addresses a message goes to: of the people it names, or the usual ones."""
    named = tuple(person.email for person in message.to if person.email)
    return named or tuple(usual)
