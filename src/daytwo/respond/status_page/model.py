"""What the status page shows. All of it is public: titles of the configuration, and texts that people wrote."""

from datetime import date, datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from daytwo.respond.incidents.model import Phase


class Shown(BaseModel):
    """Frozen, and the same in JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Health(StrEnum):
    """How a component is, from the best to the worst."""

    OPERATIONAL = "operational"
    UNKNOWN = "unknown"
    """Nobody has looked lately."""
    MAINTENANCE = "maintenance"
    DEGRADED = "degraded"
    PARTIAL = "partial outage"
    OUTAGE = "outage"

    @property
    def rank(self) -> int:
        """How bad it is; 0 is the best."""
        return list(Health).index(self)

    @property
    def word(self) -> str:
        """As people read it: `Partial outage`."""
        return self.value.capitalize()


class Day(Shown):
    """A bar: how a component was on a day. Lengths of time are seconds, the means of its checks."""

    day: date
    ok: float
    failed: float
    unknown: float
    maintenance: float

    @property
    def uptime(self) -> float | None:
        """The fraction of the known time in which it worked; None when nothing is known."""
        known = self.ok + self.failed
        return self.ok / known if known > 0 else None


class ComponentView(Shown):
    """A part of the app, as users know it."""

    name: str
    title: str
    about: str
    state: Health
    uptime: float | None = Field(description="the fraction of the known time of all days in which it worked")
    days: tuple[Day, ...] = Field(description="oldest first")


class UpdateView(Shown):
    """What users are told at a time."""

    number: int
    at: datetime
    state: Phase
    text: str
    withdrawn: bool = Field(default=False, description="it was a mistake; then its text is empty")
    withdrawn_at: datetime | None = Field(default=None, description="when it was withdrawn")


class StoryView(Shown):
    """A disturbance as users are told of it: an incident, or a notice that stands alone."""

    id: str = Field(description="`incident-3`, `notice-7`: the same for ever")
    title: str
    state: Phase
    began: datetime
    ended: datetime | None
    components: tuple[str, ...] = Field(description="titles of what it touches")
    updates: tuple[UpdateView, ...] = Field(description="newest first")


class MaintenanceView(Shown):
    """A maintenance window that is open, or to come."""

    begin: datetime
    end: datetime
    components: tuple[str, ...] = Field(description="titles of what it touches")
    open: bool


class StatusView(Shown):
    """The whole page."""

    title: str
    url: str = Field(description="where it is; empty when that is not known")
    sentence: str
    state: Health
    zone: str = Field(description="IANA zone of days and of times as people read them")
    at: datetime = Field(description="when this was so")
    components: tuple[ComponentView, ...]
    current: tuple[StoryView, ...] = Field(description="what is not over, newest first")
    past: tuple[StoryView, ...] = Field(description="what was over in the last 14 days, newest first")
    maintenance: tuple[MaintenanceView, ...] = Field(description="open or in the next 14 days, the first one first")
