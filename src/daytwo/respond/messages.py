"""What people are told of alerts: titles, facts, what to do. Plain text; channels give it their own form."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from daytwo.config import Config
from daytwo.config.watching import Rule
from daytwo.core.channel import Event, Fact, Level, Link, Message, Person, Section
from daytwo.core.schedule import zone_of
from daytwo.respond.alerts import GRADES, Alert, What, age

SECTIONS = 20
"""Alerts that one message describes; of the others it tells how many there are."""
_TITLE = 200
_TEXT = 1000
_LEVELS: tuple[Level, ...] = ("critical", "warning", "info")


@dataclass(frozen=True)
class Teller:
    """Writes messages.

    Args:
        config: the configuration.
        rules: all rules that judge, by name; the built-in ones, too.
    """

    config: Config
    rules: Callable[[], Mapping[str, Rule]]

    def about(self, rule: str) -> str:
        """What a rule means and what to do, as the configuration says."""
        found = self.rules().get(rule)
        return found.about if found else ""

    def one(self, alert: Alert, what: What, leader: int, now: datetime, people: Sequence[Person] = ()) -> Message:
        """The message of a single alert.

        Args:
            alert: as it stands.
            what: what happened to it.
            leader: the alert whose messages it shares: they have its key.
            now: the time now.
            people: whom to reach.
        """
        return Message(
            event=_event(what), key=self.key(leader), app=self.config.app, environment=self.config.environment,
            level=alert.level, title=_title(alert, what, now), text=self._text(alert, what), at=now,
            facts=self._facts(alert, now), links=self._links([alert], what), commands=_commands([alert], what),
            to=tuple(people),
        )  # fmt: skip

    def several(
        self, alerts: Sequence[Alert], event: Event, key: str, title: str, now: datetime, people: Sequence[Person] = ()
    ) -> Message:
        """One message of several alerts, the worst first.

        Args:
            alerts: as they stand.
            event: what kind of message it is.
            key: what it is about.
            title: one line.
            now: the time now.
            people: whom to reach.
        """
        ranked = sorted(alerts, key=lambda one: (not one.open, -GRADES[one.level], one.id))
        shown, rest = ranked[:SECTIONS], len(ranked) - SECTIONS
        text = f"And {rest} more: `daytwo alerts` lists them." if rest > 0 else ""
        standing = [one for one in alerts if one.open]
        level = worst([one.level for one in (standing or alerts)])
        what = What.OVER if event is Event.RESOLVE else What.FIRED
        return Message(
            event=event, key=key, app=self.config.app, environment=self.config.environment, level=level,
            title=_short(title, _TITLE), text=text, at=now, sections=tuple(self._section(one, now) for one in shown),
            links=self._links(shown, what), commands=_commands(standing, what), to=tuple(people),
        )  # fmt: skip

    def key(self, leader: int) -> str:
        """What all messages of an alert, and of those that share them, are about."""
        return f"{self.config.own_name}/alert/{leader}"

    def _text(self, alert: Alert, what: What) -> str:
        if what is What.OVER:
            return ""
        parts = [self.about(alert.rule), f"It is put down to {alert.because_of}." if alert.because_of else ""]
        return _short("\n".join(part for part in parts if part), _TEXT)

    def _facts(self, alert: Alert, now: datetime) -> tuple[Fact, ...]:
        rule = self.rules().get(alert.rule)
        pairs = (("critical", rule.critical), ("warning", rule.warning)) if rule else ()
        limits = [f"{name} {limit}" for name, limit in pairs if limit]
        facts = {
            "service": alert.service,
            "since": self._since(alert, now),
            # What a check counts is no number that it took.
            "failures in a row" if rule and rule.check else "value": f"{alert.value:.6g}"
            if alert.value is not None
            else "",
            "threshold": ", ".join(limits),
            "acknowledged": f"by {alert.acknowledged_by}" if alert.acknowledged else "",
        }
        return tuple(Fact(name=name, value=value) for name, value in facts.items() if value)

    def _since(self, alert: Alert, now: datetime) -> str:
        zone = zone_of(self.config.timezone)
        begin = alert.begin.astimezone(zone)
        if alert.end is None:
            return f"{begin:%Y-%m-%d %H:%M %Z} ({age(alert.begin, now)})"
        return f"{begin:%Y-%m-%d %H:%M} to {alert.end.astimezone(zone):%H:%M %Z} ({age(alert.begin, alert.end)})"

    def _section(self, alert: Alert, now: datetime) -> Section:
        over = "" if alert.open else "over: "
        return Section(
            title=_short(f"{over}{alert.name}: {alert.why}", _TITLE), level=alert.level,
            facts=(Fact(name="alert", value=str(alert.id)), Fact(name="since", value=self._since(alert, now))),
            text=_short(self.about(alert.rule), _TEXT) if alert.open else "",
        )  # fmt: skip

    def _links(self, alerts: Sequence[Alert], what: What) -> tuple[Link, ...]:
        found = []
        base = self.config.serve.url
        if base is not None:
            path = f"/alerts/{alerts[0].id}" if len(alerts) == 1 else "/alerts"
            word = "Look at it" if what is What.OVER else "Look and acknowledge"
            found.append(Link(title=word, url=f"{base}{path}"))
        runbooks = {rule.runbook for one in alerts if (rule := self.rules().get(one.rule)) and rule.runbook}
        if what is not What.OVER:
            found += [Link(title="Runbook", url=url) for url in sorted(runbooks)]
        return tuple(found)


def worst(levels: Sequence[Level]) -> Level:
    """The worst of several levels."""
    return next((one for one in _LEVELS if one in levels), "info")


def _event(what: What) -> Event:
    return {What.OVER: Event.RESOLVE, What.ACKNOWLEDGED: Event.ACKNOWLEDGE}.get(what, Event.TRIGGER)


def _title(alert: Alert, what: What, now: datetime) -> str:
    if what is What.OVER:
        end = alert.end or now
        return _short(f"{alert.name} is well again, after {age(alert.begin, end)}", _TITLE)
    if what is What.ACKNOWLEDGED:
        return _short(f"{alert.acknowledged_by} takes care of {alert.name}", _TITLE)
    still = f", for {age(alert.begin, now)}" if what is What.REPEAT else ""
    return _short(f"{alert.name}{still}: {alert.why}", _TITLE)


def _commands(alerts: Sequence[Alert], what: What) -> tuple[str, ...]:
    if what in (What.OVER, What.ACKNOWLEDGED):
        return ()
    unseen = [str(one.id) for one in alerts if one.open and not one.acknowledged][:SECTIONS]
    return (f"daytwo alerts ack {' '.join(unseen)}",) if unseen else ()


def _short(text: str, most: int) -> str:
    one_line = " ".join(text.split()) if most == _TITLE else text.strip()
    return one_line if len(one_line) <= most else f"{one_line[: most - 1]}…"
