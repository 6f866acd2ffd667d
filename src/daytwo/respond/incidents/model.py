"""What an incident is, as all faces show it."""

import re
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

Checklist = Literal["response", "resolution"]
Phase = Literal["investigating", "identified", "monitoring", "resolved"]


def _without(pattern: str, said: str) -> tuple[AfterValidator, Any]:
    """What refuses characters with a sentence, and says in the schema which."""

    def look(text: str) -> str:
        if re.search(pattern, text):
            raise ValueError(said)
        return text

    return AfterValidator(look), Field(json_schema_extra={"pattern": f"^[^{pattern[1:-1]}]*$"})


_ONE_LINE = _without(r"[\x00-\x1f\x7f]", "write it on one line, without control characters")
_PRINTABLE = _without(r"[\x00-\x08\x0b-\x1f\x7f]", "it has control characters in it; leave them out")
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), *_ONE_LINE]
"""One line that somebody wrote."""
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000), *_PRINTABLE]
"""Sentences that somebody wrote."""


class Shown(BaseModel):
    """Frozen, and the same in JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class State(StrEnum):
    """How an incident stands."""

    OPEN = "open"
    """Nobody has taken it yet; it escalates."""
    ACKNOWLEDGED = "acknowledged"
    """Somebody takes care of it."""
    RESOLVED = "resolved"
    """It is over."""


class What(StrEnum):
    """What happened in an incident."""

    OPENED = "opened"
    ALERT = "alert"
    """An alert joined it, or is over."""
    FINDING = "finding"
    """A security finding joined it."""
    ESCALATED = "escalated"
    REMARK = "remark"
    """Something about how it was dealt with, that daytwo noticed."""
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    NOTE = "note"
    SEVERITY = "severity"
    TICKED = "ticked"
    UPDATE = "update"
    """What users are told."""
    PUBLISHED = "published"
    EVIDENCE = "evidence"
    ACTION = "action"
    """An action item was added, or is done."""
    QUIET = "quiet"
    """All its alerts are over."""
    RESOLVED = "resolved"
    REOPENED = "reopened"


class Incident(Shown):
    """One incident.

    Times are UTC; lengths of time are seconds.
    """

    number: int
    title: str
    severity: str
    state: State
    category: str = Field(description="of a security incident: `breach`, `key-exposure`, `abuse`, ...; else empty")
    services: tuple[str, ...] = Field(description="what it touches")
    public: bool = Field(description="whether it is on the status page")
    began: datetime = Field(description="when what it is about began")
    opened: datetime = Field(description="when it became an incident")
    opened_by: str
    round: int = Field(description="how often it was opened: more than 1 when it was reopened")
    round_began: datetime = Field(description="since when its escalation counts")
    responded: datetime | None = Field(description="when somebody first took it")
    acknowledged: datetime | None
    acknowledged_by: str
    assigned: str = Field(description="a person of the configuration; empty when nobody is")
    resolved: datetime | None
    resolved_by: str
    cause: str = Field(description="why it happened, as said when it was resolved")
    quiet: datetime | None = Field(description="since when all its alerts have been over")
    respond_within: float | None = Field(description="within how many seconds somebody should take it")
    resolve_within: float | None = Field(description="within how many seconds it should be over")

    @property
    def over(self) -> bool:
        """Whether it is over."""
        return self.state is State.RESOLVED

    @property
    def about(self) -> str:
        """What messages, links and records call it."""
        return f"incident {self.number}"


class Target(Shown):
    """A promised time, measured."""

    within: float = Field(description="seconds")
    took: float = Field(description="seconds until it was done, or that have passed")
    done: bool
    missed: bool = Field(description="it took longer, or has already")


class Entry(Shown):
    """A line of a timeline."""

    at: datetime
    what: str = Field(description="`note`, `escalated`, ...; of elsewhere: `run`, `notification`, `audit`, `began`")
    by: str
    text: str
    source: Literal["incident", "alert", "notification", "run", "audit"] = "incident"
    phase: Phase | None = Field(default=None, description="of an update")


class Item(Shown):
    """A line of a checklist."""

    number: int
    list: Checklist
    text: str
    ticked: datetime | None
    ticked_by: str


class Told(Shown):
    """Who was told through what."""

    channel: str
    people: tuple[str, ...] = ()


class Level(Shown):
    """A level of its escalation."""

    id: int
    incident: int
    round: int
    severity: str
    level: int
    names: tuple[str, ...]
    after: float = Field(description="seconds after it was opened")
    due: datetime
    done: datetime | None
    stopped: datetime | None = Field(description="when it was called off")
    told: tuple[Told, ...]


class Action(Shown):
    """Something that is to be done so that it does not happen again."""

    number: int
    incident: int
    text: str
    owner: str
    due: date
    created: datetime
    created_by: str
    done: datetime | None
    done_by: str
    overdue: bool = False


class JoinedAlert(Shown):
    """An alert that belongs to an incident."""

    number: int
    rule: str
    subject: str
    service: str
    level: str
    began: datetime
    over: datetime | None
    why: str


class Summary(Shown):
    """An incident as a list shows it."""

    incident: Incident
    respond: Target | None
    resolve: Target | None
    alerts: int = Field(description="that are not over")
    suggestion: str = Field(description="what to do next; empty when nothing is obvious")


class Detail(Summary):
    """All of an incident."""

    timeline: tuple[Entry, ...]
    items: tuple[Item, ...]
    levels: tuple[Level, ...]
    joined: tuple[JoinedAlert, ...]
    changes: tuple[Entry, ...] = Field(description="what was done shortly before it began")
    actions: tuple[Action, ...]
    containment: tuple[str, ...] = Field(description="what can be done about a security incident, as commands")


class Grade(Shown):
    """How fast incidents of a severity were dealt with."""

    severity: str
    incidents: int
    open: int
    mtta: float | None = Field(description="mean seconds until somebody took them; null when nobody has")
    mttr: float | None = Field(description="mean seconds until they were over")
    late: int = Field(description="taken or resolved later than promised, or not yet and overdue")


class Figures(Shown):
    """How fast incidents were dealt with in a time."""

    days: int
    grades: tuple[Grade, ...] = Field(description="the worst severity first, and `all` at last")
