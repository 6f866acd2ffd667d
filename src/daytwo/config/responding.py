"""The settings of responding: who hears of what, who is on call, what an incident is, what users are shown."""

import re
from datetime import UTC, datetime, time
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from daytwo.config.objectives import Clock, Moment, Opening
from daytwo.config.types import Count, Model, Name, Names, Span, web_address
from daytwo.core.schedule import Cron, zone_of
from daytwo.core.telling.mailbox import mailbox
from daytwo.core.units import Duration
from daytwo.core.windows import instant

Grade = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,16}$")]
"""An incident's severity: `P0`, `SEV-1`."""


def _hours(value: object) -> object:
    return [value] if isinstance(value, str | dict | Opening) else value


class Route(Model):
    """Which alerts go to which channels, and how soon."""

    level: tuple[Literal["critical", "warning", "info"], ...] = Field(
        default=(), description="only alerts of these levels; of every one when absent"
    )
    services: Names = Field(default=(), description="only of these services, by name or pattern; of all when absent")
    rules: Names = Field(default=(), description="only of these rules, by name or pattern; of all when absent")
    hours: Annotated[tuple[Opening, ...], BeforeValidator(_hours)] = Field(
        default=(), description="only at these times, such as `mon-fri 09:00-17:00`; always when absent"
    )
    to: Names = Field(min_length=1, description="channels, or rotas: whoever is on call is told by their own channels")
    when: Cron | Literal["at once"] = Field(
        default="at once", description="at once, or collected and told as one summary at these times: `0 8 * * *`"
    )
    repeat: Span | None = Field(
        default=Duration(4 * 3600), description="after how long it is told again while nobody has acknowledged it"
    )
    resolved: bool = Field(default=True, description="tell, too, that it is over")
    stop: bool = Field(default=False, description="the routes below this one are not looked at for what it takes")

    @model_validator(mode="before")
    @classmethod
    def _one_level(cls, value: object) -> object:
        if isinstance(value, dict) and isinstance(value.get("level"), str):
            return {**value, "level": [value["level"]]}
        return value


class Person(Model):
    """Somebody who can be reached."""

    email: Annotated[str, AfterValidator(lambda value: value and mailbox(value))] = Field(
        default="", description="e-mail address"
    )
    phone: str = Field(default="", description="telephone number, as +49...")
    channels: Names = Field(default=(), description="the channels that reach this person; e-mail channels when absent")
    user: str | None = Field(
        default=None, description="the user of this daemon who this person is, when called otherwise"
    )
    zone: Annotated[str, AfterValidator(lambda value: zone_of(value) and value)] | None = Field(
        default=None, description="IANA zone; the app's when absent"
    )


class Override(Model):
    """Somebody takes over for a time."""

    person: Name = Field(description="who")
    from_: Moment = Field(alias="from", description="from when on: `2026-12-24T18:00`, by the rota's clocks")
    to: Moment = Field(description="until when")

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if instant(self.from_, UTC) >= instant(self.to, UTC):
            raise ValueError("`to` must be later than `from`")
        return self


class Layer(Model):
    """People who take turns."""

    people: Names = Field(min_length=1, description="in the order of their turns")
    every: Literal["day", "week"] | Span = Field(default="week", description="how long a turn is")
    at: Clock = Field(default=time(9), description="when turns change, by the clock on the wall")
    day: Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"] = Field(
        default="mon", description="on which day, with `every: week`"
    )
    since: Moment = Field(
        default=datetime(2026, 1, 5), description="the day on which the first person's first turn began, or begins"
    )
    hours: Annotated[tuple[Opening, ...], BeforeValidator(_hours)] = Field(
        default=(), description="only at these times; at others the layer below counts"
    )

    @model_validator(mode="after")
    def _not_hectic(self) -> Self:
        if not isinstance(self.every, str) and self.every < 3600:
            raise ValueError("`every` must be an hour or more")
        return self


class Rota(Model):
    """Who is on call when. Of several layers the first one that has somebody counts."""

    layers: tuple[Layer, ...] = Field(default=(), description="from the first to be asked to the last")
    people: Names = Field(default=(), description="short for one layer that changes every Monday at 09:00")
    zone: Annotated[str, AfterValidator(lambda value: zone_of(value) and value)] | None = Field(
        default=None, description="IANA zone of its times; the app's when absent"
    )
    overrides: tuple[Override, ...] = Field(default=(), description="times in which somebody else takes over")
    gaps: Literal["warn", "allow"] = Field(
        default="warn", description="whether times without anybody are mistakes, that everybody of it is told of"
    )

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if bool(self.layers) == bool(self.people):
            raise ValueError("give `people`, or `layers`")
        return self

    @property
    def turns(self) -> tuple[Layer, ...]:
        """Its layers."""
        return self.layers or (Layer(people=self.people),)


class Step(Model):
    """One level of an escalation."""

    after: Duration = Field(ge=0, description="how long after the incident was opened, when nobody has acknowledged it")
    to: Names = Field(min_length=1, description="rotas, people or channels")


class Severity(Model):
    """A grade of incidents."""

    about: str = Field(default="", description="what belongs here, in words")
    respond: Span | None = Field(default=None, description="within how long somebody should acknowledge it")
    resolve: Span | None = Field(default=None, description="within how long it should be over")
    escalate: tuple[Step, ...] = Field(default=(), description="who is told when nobody acknowledges it, and when")
    public: bool = Field(default=False, description="whether it is shown on the status page without being asked")
    announce: bool = Field(
        default=False, description="whether users are told at once that one is open, in the words of the status page"
    )


class Opens(Model):
    """What opens an incident by itself."""

    rules: Names = Field(default=(), description="alerts of these rules, by name or pattern")
    services: Names = Field(default=(), description="only of these services")
    level: Literal["critical", "warning"] = Field(default="critical", description="from this level on")
    security: Names = Field(default=(), description="security findings of these kinds, by name or pattern")
    severity: Grade = Field(description="how it is graded")
    after: Duration = Field(default=Duration(0), ge=0, description="only when the alert has lasted so long")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.rules or self.security or self.services):
            raise ValueError("say of what: `rules`, `services` or `security`")
        return self


_GRADES = {
    "P1": Severity(about="Complete outage, or data lost", respond=Duration(900), public=True),
    "P2": Severity(about="An important part does not work", respond=Duration(3600), public=True),
    "P3": Severity(about="A lesser part does not work", respond=Duration(4 * 3600)),
    "P4": Severity(about="A blemish", respond=Duration(24 * 3600)),
}


class Incidents(Model):
    """How incidents are graded, opened and escalated."""

    severities: dict[Grade, Severity] = Field(
        default=_GRADES, min_length=1, description="grades by name, the worst first; P1 to P4 when absent"
    )
    open: tuple[Opens, ...] = Field(
        default=(), description="what opens an incident by itself; the first that fits counts"
    )
    response: tuple[str, ...] = Field(
        default=("Assess the impact", "Mitigate", "Notify stakeholders", "Update the status page"),
        description="the checklist of a response",
    )
    resolution: tuple[str, ...] = Field(
        default=("Root cause identified", "Fix implemented", "Tested", "Monitoring restored", "Documentation updated"),
        description="the checklist of a resolution",
    )
    resolve_after: Span | None = Field(
        default=None,
        description="it is resolved by itself when all its alerts have been over for so long; by hand only when absent",
    )
    remind: Count = Field(default=1, description="days before an action item is due on which its owner is reminded")

    @model_validator(mode="after")
    def _graded(self) -> Self:
        for one in self.open:
            if one.severity not in self.severities:
                raise ValueError(f"`open` grades by {one.severity}; there are {', '.join(self.severities)}")
        return self


MOST_COMPONENTS = 200
"""More than anybody reads, and the page is sent to everybody whole."""


class Component(Model):
    """A part of the app, as users know it."""

    title: str = Field(default="", description="what users are shown; its name when absent")
    services: Names = Field(min_length=1, description="services whose checks tell how it is")
    about: str = Field(default="", description="a line for users")
    checks: Names = Field(
        default=(),
        description="which checks of those services count, by name or pattern such as `web.*`; the first check of each "
        "service when absent",
    )


_SAYS = {
    "investigating": "We are looking into a disturbance of {components}.",
    "identified": "We have found the cause and are working on it. Affected: {components}.",
    "monitoring": "A fix is in place. We are watching whether {components} stays well.",
    "resolved": "This is over: {components} works again. We are sorry for the trouble.",
}
_PLACEHOLDERS = ("title", "components", "page", "time")
Wording = dict[Literal["investigating", "identified", "monitoring", "resolved"], str]


def _said(value: Wording) -> Wording:
    for state, text in value.items():
        for name in re.findall(r"\{([^{}]*)\}", text):
            if name not in _PLACEHOLDERS:
                known = ", ".join(f"{{{one}}}" for one in _PLACEHOLDERS)
                raise ValueError(f"{state}: there is no placeholder {{{name}}}; there are {known}")
    return value


class StatusPage(Model):
    """The page that shows users how things stand."""

    title: str = Field(default="", description="what stands above it; the app's name when absent")
    url: Annotated[str, AfterValidator(web_address)] | None = Field(
        default=None, description="its public address, for links in mails and the feed; the daemon's when absent"
    )
    components: dict[Name, Component] = Field(
        default={}, max_length=MOST_COMPONENTS, description="what is shown, by name; every service when absent"
    )
    folder: str | None = Field(default=None, description="where it is written as files, for any web server")
    subscribe: str | None = Field(
        default=None, description="the e-mail channel that tells subscribers; none when absent"
    )
    texts: Annotated[Wording, AfterValidator(_said)] = Field(
        default={},
        description="what an update without a text says, by state: investigating, identified, monitoring, resolved; "
        "with {title}, {components}, {page}, {time}",
    )

    def text(self, state: Literal["investigating", "identified", "monitoring", "resolved"]) -> str:
        """What an update without a text says."""
        return self.texts.get(state, _SAYS[state])


__all__ = [
    "Component", "Incidents", "Layer", "Opens", "Override", "Person", "Rota", "Route", "Severity", "StatusPage", "Step",
]  # fmt: skip
