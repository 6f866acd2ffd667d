"""What somebody wants done with the status page: the same from the command line, the API and the pages."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from daytwo.config.types import Name
from daytwo.respond.incidents.model import Line, Phase, Words
from daytwo.respond.status_page.model import Health, Shown

Number = Annotated[int, Field(ge=1, le=2**31 - 1)]
Address = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=254)]


class NewUpdate(Shown):
    """Tell users how things stand."""

    state: Phase
    text: Words | None = Field(default=None, description="what users read; the state's own text when absent")
    title: Line | None = Field(default=None, description="what stands above it; as before when absent")
    incident: Number | None = Field(default=None, description="the incident that it belongs to; it must be public")
    notice: Number | None = Field(
        default=None, description="the first update of the notice that it goes on with; a new notice when absent"
    )
    components: dict[Name, Health] = Field(
        default={}, max_length=200, description="how components are; the others stay as they are"
    )


class NewSubscriber(Shown):
    """Have somebody told by mail who has agreed to that."""

    address: Address


class UpdateData(Shown):
    """An update, as those who operate see it."""

    number: int
    incident: int | None
    notice: int | None = Field(description="the first update of its notice, when it belongs to no incident")
    title: str
    state: Phase
    text: str
    components: dict[str, Health]
    at: datetime
    by: str
    withdrawn: datetime | None
    withdrawn_by: str
    mailed: datetime | None = Field(description="when mails to all subscribers were ordered; null until then")


class SubscriberData(Shown):
    """Who is told by mail. Personal data: only for admins."""

    number: int
    address: str
    asked: datetime = Field(description="when they asked for it")
    confirmed: datetime | None = Field(description="when they confirmed it; null until then")
    by: str = Field(description="the admin who added them; empty when they came by themselves")
    trouble: str = Field(default="", description="why the newest mail did not reach them; empty when nothing is known")


class MailData(Shown):
    """A mail to a subscriber."""

    title: str
    ordered: datetime
    sent: datetime | None
    state: str
    error: str


class PersonData(Shown):
    """All that is stored of a subscriber."""

    subscriber: SubscriberData
    mails: tuple[MailData, ...]
