"""What people are told of an incident."""

from datetime import datetime, timedelta

from daytwo.config import Config
from daytwo.core.channel import Event, Fact, Level, Link, Message
from daytwo.core.schedule import zone_of
from daytwo.respond.incidents.model import Incident
from daytwo.respond.incidents.words import lasting, listed

_PUT = {Event.ACKNOWLEDGE: "Acknowledged: ", Event.RESOLVE: "Resolved: "}


def key_of(incident: Incident, config: Config) -> str:
    """What receivers know an incident by, from its beginning to its end."""
    return f"{config.own_name}/incident/{incident.number}"


def level_of(severity: str, config: Config) -> Level:
    """How urgent messages of a severity are: the first two are critical, the third a warning, others neither."""
    names = list(config.incidents.severities)
    place = names.index(severity) if severity in names else 0
    return "critical" if place < 2 else "warning" if place == 2 else "info"


def message_of(config: Config, incident: Incident, event: Event, text: str, now: datetime) -> Message:
    """A message about an incident, to nobody in particular.

    Args:
        config: the configuration.
        incident: as it is now.
        event: what is told.
        text: sentences for this occasion.
        now: the time now, aware.
    """
    base = config.serve.url
    return Message(
        event=event,
        key=key_of(incident, config),
        app=config.app,
        environment=config.environment,
        level=level_of(incident.severity, config),
        title=f"{_PUT.get(event, '')}{incident.severity} incident {incident.number}: {incident.title}",
        text=text,
        at=now,
        facts=tuple(_facts(config, incident, now)),
        links=(Link(title="The incident", url=f"{base.rstrip('/')}/incidents/{incident.number}"),) if base else (),
        commands=() if incident.over or event is Event.ACKNOWLEDGE else (f"daytwo incidents ack {incident.number}",),
    )


def _facts(config: Config, incident: Incident, now: datetime) -> list[Fact]:
    zone = zone_of(config.timezone)
    began = f"{incident.began.astimezone(zone):%Y-%m-%d %H:%M %Z} ({lasting(now - incident.began)} ago)"
    found = [Fact(name="since", value=began)]
    if incident.services:
        found.append(Fact(name="services", value=listed(incident.services)))
    if about := config.incidents.severities[incident.severity].about if _known(config, incident) else "":
        found.append(Fact(name=incident.severity, value=about))
    if incident.respond_within is not None and incident.responded is None and not incident.over:
        until = incident.opened + timedelta(seconds=incident.respond_within)
        found.append(Fact(name="acknowledge by", value=f"{until.astimezone(zone):%H:%M %Z}"))
    if incident.acknowledged_by:
        found.append(Fact(name="acknowledged by", value=incident.acknowledged_by))
    if incident.cause:
        found.append(Fact(name="cause", value=incident.cause))
    return found


def _known(config: Config, incident: Incident) -> bool:
    return incident.severity in config.incidents.severities
