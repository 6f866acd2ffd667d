"""From facts to the page: pure functions."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from daytwo.config import Config
from daytwo.config.responding import Component, StatusPage
from daytwo.core.check import Verdict
from daytwo.respond.incidents.model import Incident, Phase
from daytwo.respond.status_page.facts import AHEAD, PAST, Facts, Update, components, is_ours
from daytwo.respond.status_page.matching import touches
from daytwo.respond.status_page.model import (
    ComponentView,
    Day,
    Health,
    MaintenanceView,
    StatusView,
    StoryView,
    UpdateView,
)
from daytwo.watch.observations import State

_DISTURBED = (Health.DEGRADED, Health.PARTIAL, Health.OUTAGE)


def view(config: Config, facts: Facts, now: datetime, url: str = "") -> StatusView:
    """The page.

    Args:
        config: the configuration.
        facts: what is known.
        now: the time now, aware.
        url: where the page is.
    """
    shown = components(config)
    titles = {name: one.title or name for name, one in shown.items()}
    gathered = [one for one in _gathered(facts) if one.ended is None or one.ended >= now - PAST]
    stories = [_story(one, shown, titles) for one in gathered]
    said = _said([one for one in gathered if one.ended is None], shown)
    parts = tuple(_component(name, one, facts, said.get(name, Health.OPERATIONAL), now) for name, one in shown.items())
    current = [one for one in stories if one.ended is None]
    over = sorted((one for one in stories if one.ended is not None), key=lambda one: one.began, reverse=True)
    state, sentence = _overall([one.state for one in parts], bool(current))
    return StatusView(
        title=page_title(config),
        url=url,
        sentence=sentence,
        state=state,
        zone=config.timezone,
        at=now,
        components=parts,
        current=tuple(sorted(current, key=lambda one: one.began, reverse=True)),
        past=tuple(over),
        maintenance=_maintenance(facts, shown, titles, now),
    )


def page_title(config: Config) -> str:
    """What stands above the page, and in the subject of mails."""
    return (config.status_page or StatusPage()).title or config.app


# Components


def _component(name: str, one: Component, facts: Facts, said: Health, now: datetime) -> ComponentView:
    days = facts.days.get(name, ())
    seen = _seen(facts.states.get(name, {}), facts.failures, now)
    if any(now in period and _is_touched(one, services) for period, services in facts.windows):
        seen = Health.MAINTENANCE
    return ComponentView(
        name=name, title=one.title or name, about=one.about, days=days, uptime=_uptime(days),
        state=max(seen, said, key=lambda health: health.rank),
    )  # fmt: skip


def _seen(states: Mapping[str, State], failures: Mapping[str, int], now: datetime) -> Health:
    """How a component is by its checks."""
    known = [one for one in states.values() if now <= one.stale_after and one.verdict is not Verdict.INCONCLUSIVE]
    if not known:
        return Health.UNKNOWN
    down = [one for one in known if one.verdict is Verdict.FAILED and one.failures >= failures.get(one.service, 1)]
    if not down:
        return Health.OPERATIONAL
    return Health.OUTAGE if len(down) == len(states) else Health.PARTIAL


def _said(stories: Iterable["_Gathered"], shown: Mapping[str, Component]) -> dict[str, Health]:
    """How people say that components are, in what is not over."""
    found: dict[str, Health] = {}
    for story in stories:
        for name, health in _touched(story, shown).items():
            found[name] = max(found.get(name, Health.OPERATIONAL), health, key=lambda one: one.rank)
    return found


def _uptime(days: Sequence[Day]) -> float | None:
    ok, failed = sum(one.ok for one in days), sum(one.failed for one in days)
    return ok / (ok + failed) if ok + failed > 0 else None


def _overall(states: Sequence[Health], disturbed: bool) -> tuple[Health, str]:
    worst = max(states, key=lambda one: one.rank, default=Health.UNKNOWN)
    if states and all(one is Health.OUTAGE for one in states):
        return Health.OUTAGE, "Outage"
    if worst in _DISTURBED:
        return worst if worst is not Health.OUTAGE else Health.PARTIAL, "Some systems are disturbed"
    if disturbed:
        return Health.DEGRADED, "Some systems are disturbed"
    if worst is Health.MAINTENANCE:
        return worst, "Maintenance is under way"
    if worst is Health.UNKNOWN:
        return worst, "The state of some systems is not known"
    return worst, "All systems operational"


# Stories


class _Gathered:
    """An incident or a notice, with what was told of it; oldest first."""

    def __init__(self, key: str, incident: Incident | None, updates: Sequence[Update]) -> None:
        self.key = key
        self.incident = incident
        self.updates = updates
        self.standing = [one for one in updates if one.withdrawn is None]

    @property
    def last(self) -> Update | None:
        return self.standing[-1] if self.standing else None

    @property
    def began(self) -> datetime:
        return self.incident.began if self.incident is not None else self.updates[0].at

    @property
    def ended(self) -> datetime | None:
        if self.incident is not None and self.incident.resolved is not None:
            return self.incident.resolved
        if self.last is not None and self.last.state == "resolved":
            return self.last.at
        # A notice of which nothing is left is over.
        return self.updates[-1].withdrawn if self.last is None and self.incident is None else None

    @property
    def state(self) -> Phase:
        if self.ended is not None:
            return "resolved"
        return self.last.state if self.last is not None else "investigating"


def _gathered(facts: Facts) -> list[_Gathered]:
    by_story: dict[str, list[Update]] = {}
    for one in facts.updates:
        by_story.setdefault(one.story, []).append(one)
    found = [_Gathered(key := f"incident-{one.number}", one, by_story.get(key, ())) for one in facts.incidents]
    return found + [_Gathered(key, None, updates) for key, updates in by_story.items() if updates[0].incident is None]


def _story(one: _Gathered, shown: Mapping[str, Component], titles: Mapping[str, str]) -> StoryView:
    touched = tuple(titles[name] for name in _touched(one, shown, ever=True))
    return StoryView(
        id=one.key, title=_title(one, touched), state=one.state, began=one.began, ended=one.ended, components=touched,
        updates=tuple(
            UpdateView(
                number=update.id, at=update.at, state=update.state, withdrawn=update.withdrawn is not None,
                withdrawn_at=update.withdrawn, text="" if update.withdrawn is not None else update.text,
            )
            for update in reversed(one.updates)
        ),
    )  # fmt: skip


def _title(one: _Gathered, touched: Sequence[str]) -> str:
    """The newest title that a person wrote. One that daytwo made of a check's name is not for users."""
    for update in reversed(one.standing):
        if update.title:
            return update.title
    if one.incident is not None and is_ours(one.incident):
        return one.incident.title
    return f"Disturbance: {', '.join(touched)}" if touched else "Disturbance"


def _touched(one: _Gathered, shown: Mapping[str, Component], *, ever: bool = False) -> dict[str, Health]:
    """What a story touches, in the page's order: as people said last, or else by the incident's services."""
    found: dict[str, Health] = {}
    if one.incident is not None:
        for name, component in shown.items():
            if any(touches(component.services, service) for service in one.incident.services):
                found[name] = Health.DEGRADED
    for update in one.standing:
        for name, health in update.components.items():
            if name in shown:
                found[name] = health
    return {name: found[name] for name in shown if name in found and (ever or found[name] is not Health.OPERATIONAL)}


# Maintenance


def _maintenance(
    facts: Facts, shown: Mapping[str, Component], titles: Mapping[str, str], now: datetime
) -> tuple[MaintenanceView, ...]:
    found = []
    for period, services in facts.windows:
        names = tuple(titles[name] for name, one in shown.items() if _is_touched(one, services))
        if names and period.end > now and period.begin <= now + AHEAD:
            found.append(MaintenanceView(begin=period.begin, end=period.end, components=names, open=now in period))
    return tuple(found)


def _is_touched(one: Component, services: Sequence[str]) -> bool:
    # Both may be patterns: those of the configuration are compared as they are.
    return not services or any(touches(services, mine) or touches(one.services, theirs)
                               for mine in one.services for theirs in services)  # fmt: skip


__all__ = ["page_title", "view"]
