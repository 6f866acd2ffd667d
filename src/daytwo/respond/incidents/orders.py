"""What somebody wants done with an incident: the same from the command line, the API and the pages."""

from datetime import date
from typing import ClassVar, Literal

from pydantic import Field

from daytwo.config.responding import Grade
from daytwo.config.types import Name
from daytwo.respond.incidents.model import Line, Phase, Shown, Words

Category = Literal["", "breach", "key-exposure", "unauthorised-access", "abuse", "malware", "policy", "other"]
_NUMBER = 2**31 - 1


class Open(Shown):
    """Open an incident by hand."""

    title: Line = Field(description="one line: what is wrong")
    severity: Grade = Field(description="its severity, one of `incidents.severities`")
    services: tuple[Name, ...] = Field(default=(), max_length=50, description="what it touches")
    category: Category = Field(default="", description="of a security incident; else empty")
    public: bool | None = Field(
        default=None, description="whether it is on the status page; as its severity says when absent"
    )
    note: Words | None = Field(default=None, description="what is known")


class Order(Shown):
    """Something to do with an incident that is there."""

    word: ClassVar[str]
    """As in the address of the API and the audit trail."""


class Acknowledge(Order):
    """Take it: it does not escalate any more, and its alerts are not repeated."""

    word = "ack"


class Assign(Order):
    """Say who takes care of it; they are told."""

    word = "assign"
    person: Name = Field(description="a person of the configuration")


class Note(Order):
    """Write something down in its timeline."""

    word = "note"
    text: Words


class Regrade(Order):
    """Change its severity; its escalation follows."""

    word = "severity"
    severity: Grade
    why: Line


class Tick(Order):
    """Tick a line of its checklists, or take that back."""

    word = "tick"
    item: int = Field(ge=1, le=_NUMBER, description="the line's number")
    ticked: bool = True


class Update(Order):
    """Tell users how things stand: shown on the status page while the incident is public."""

    word = "update"
    phase: Phase
    text: Words


class Publish(Order):
    """Show it on the status page, or not any more."""

    word = "publish"
    public: bool = True


class Resolve(Order):
    """Say that it is over, and why it happened; refused while lines of its resolution checklist are open."""

    word = "resolve"
    cause: Words = Field(description="why it happened, as far as it is known")
    anyway: bool = Field(default=False, description="although lines of the resolution checklist are open")


class Reopen(Order):
    """Say that it is not over; its escalation begins anew."""

    word = "reopen"
    why: Line


class AddAction(Order):
    """Add an action item with an owner and a day."""

    word = "actions"
    text: Line
    owner: Name = Field(description="a person of the configuration; they are reminded")
    due: date = Field(description="the day by which it is to be done")


class Evidence(Order):
    """Note in its timeline that evidence was collected, with the checksum of the archive."""

    word = "evidence"
    name: Line = Field(description="of the archive")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="of the archive, in hexadecimal")
    files: int = Field(ge=0, le=_NUMBER, description="how many files are in it")


ORDERS: tuple[type[Order], ...] = (
    Acknowledge, Assign, Note, Regrade, Tick, Update, Publish, Resolve, Reopen, AddAction, Evidence
)  # fmt: skip
