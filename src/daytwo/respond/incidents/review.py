"""The draft of an incident's review, as Markdown: what is known is filled in, what only people know is asked for."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from daytwo.access.roles import SYSTEM
from daytwo.config import Config
from daytwo.core.schedule import zone_of
from daytwo.core.shown import share
from daytwo.respond.incidents.model import Action, Detail, Entry, Target
from daytwo.respond.incidents.views import IncidentViews
from daytwo.respond.incidents.words import lasting
from daytwo.store.database import Database
from daytwo.watch.numbers import Numbers
from daytwo.watch.observations import Observations
from daytwo.watch.traffic.names import SOURCE, logs_in, series_of
from daytwo.watch.uptime import Counting, Uptime

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~!])")
_ASKED = "_To be written._"


@dataclass(frozen=True)
class Impact:
    """What an incident did, in numbers.

    Args:
        uptimes: of the checks of the services it touched, while it lasted.
        requests: by log, how many requests there were while it lasted.
        errors: by log, how many of them failed.
    """

    uptimes: dict[str, Uptime]
    requests: dict[str, int]
    errors: dict[str, int]


class Reviews:
    """Drafts reviews of the incidents of one app.

    Args:
        database: the state.
        views: shows incidents.
        config: gives the configuration as it is now.
        clock: the time now.
    """

    def __init__(
        self, database: Database, views: IncidentViews, config: Callable[[], Config], clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._views = views
        self._config = config
        self._clock = clock
        own = (config().app, config().environment)
        self._observations = Observations(database, *own)
        self._numbers = Numbers(database, *own)

    def draft(self, number: int) -> str:
        """The draft of a review.

        Args:
            number: of the incident; one that is not over has a draft, too.

        Raises:
            NotFoundError: there is none of this number.
        """
        one = self._views.get(number)
        return written(one, self._impact(one), self._config(), self._clock())

    def _impact(self, one: Detail) -> Impact:
        begin = one.incident.began
        end = max(one.incident.resolved or self._clock(), begin + timedelta(seconds=1))
        counting = Counting.of(begin, end)
        touched = {*one.incident.services, *(alert.subject for alert in one.joined)}
        with self._database.read() as connection:
            uptimes = {
                name: counting.uptime(self._observations.stretches(connection, name, begin, end))
                for name, state in self._observations.all(connection).items()
                if name in touched or state.service in touched
            }
            names = frozenset(self._numbers.names(connection, f"{SOURCE}.*"))
            logs = logs_in(names)
            counted = {
                what: {log: self._sum(connection, names, f"{series_of(log)}.{what}", begin, end) for log in logs}
                for what in ("requests", "errors")
            }
        return Impact(uptimes, counted["requests"], counted["errors"])

    def _sum(
        self, connection: sa.Connection, names: frozenset[str], series: str, begin: datetime, end: datetime
    ) -> int:
        return round(self._numbers.summary(connection, series, begin, end).sum) if series in names else 0


def written(one: Detail, impact: Impact, config: Config, now: datetime) -> str:
    """The draft; a pure function.

    Args:
        one: the incident.
        impact: what it did.
        config: the configuration.
        now: the time now, aware.
    """
    parts = [
        _summary(one, config, now), _impact_of(one, impact, now), _detection(one, config), _cause(one, config),
        _timeline(one.timeline, config), _lessons(), _actions(one.actions), _checklists(one),
    ]  # fmt: skip
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _summary(one: Detail, config: Config, now: datetime) -> Iterator[str]:
    incident = one.incident
    yield f"# Review: {incident.severity} incident {incident.number}, {plain(incident.title)}"
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield f"| App | {config.app}, {config.environment} |"
    if incident.services:
        yield f"| Services | {plain(', '.join(incident.services))} |"
    if incident.category:
        yield f"| Class | {incident.category} |"
    yield f"| Began | {_when(incident.began, config)} |"
    yield f"| Opened | {_when(incident.opened, config)} by {plain(incident.opened_by)} |"
    taken = _done(incident.responded, incident.acknowledged_by, config)
    by_itself = incident.over and incident.responded is None
    yield f"| Acknowledged | {'by nobody' if by_itself else f'{taken}{_target(one.respond)}'} |"
    yield f"| Resolved | {_done(incident.resolved, incident.resolved_by, config)}{_target(one.resolve)} |"
    yield f"| Lasted | {lasting((incident.resolved or now) - incident.began)} |"
    if not incident.over:
        yield ""
        yield "**It is not over yet.**"


def _impact_of(one: Detail, impact: Impact, now: datetime) -> Iterator[str]:
    yield "## Impact"
    yield ""
    lasted = lasting((one.incident.resolved or now) - one.incident.began)
    for name, uptime in impact.uptimes.items():
        worked = share(uptime.share) if uptime.share is not None else "unknown"
        yield f"- {plain(name)} failed for {lasting(uptime.failed)} of {lasted} (uptime meanwhile: {worked})"
    for log, requests in impact.requests.items():
        failed = impact.errors[log]
        part = f", {share(failed / requests, 1)} of them" if requests and failed else ""
        yield f"- {plain(log)}: {requests:,} requests, {failed:,} failed{part}"
    yield f"- Who noticed, and what it kept them from: {_ASKED}"


def _detection(one: Detail, config: Config) -> Iterator[str]:
    incident = one.incident
    yield "## Detection"
    yield ""
    found = "by daytwo" if incident.opened_by == SYSTEM.name else f"by {plain(incident.opened_by)}, by hand"
    yield f"Found {found}, {lasting(incident.opened - incident.began)} after it began."
    for alert in one.joined:
        yield f"- {_when(alert.began, config)} {plain(alert.rule)} ({plain(alert.subject)}): {plain(alert.why)}"
    yield ""
    yield f"Could it have been found sooner? {_ASKED}"


def _cause(one: Detail, config: Config) -> Iterator[str]:
    yield "## Root cause"
    yield ""
    yield plain(one.incident.cause) if one.incident.cause else _ASKED
    if one.changes:
        yield ""
        yield "What was done in the two hours before:"
        yield ""
        for entry in one.changes[:20]:
            yield f"- {_when(entry.at, config)} {plain(entry.text)}{f', by {plain(entry.by)}' if entry.by else ''}"


def _timeline(entries: Sequence[Entry], config: Config) -> Iterator[str]:
    yield "## Timeline"
    yield ""
    yield "| When | What | Who |"
    yield "|---|---|---|"
    for one in entries:
        text = f"{one.what}{f' ({one.phase})' if one.phase else ''}{f': {plain(one.text)}' if one.text else ''}"
        yield f"| {_when(one.at, config)} | {text} | {plain(one.by)} |"


def _lessons() -> Iterator[str]:
    yield "## Lessons"
    for question in ("What went well", "What went badly", "Where we were lucky"):
        yield ""
        yield f"**{question}**: {_ASKED}"
    yield ""
    yield "## Improvements"
    yield ""
    yield f"What changes in how we work: {_ASKED}"


def _actions(actions: Sequence[Action]) -> Iterator[str]:
    yield "## Action items"
    yield ""
    if not actions:
        yield f"{_ASKED} `daytwo incidents action add` keeps track of them and reminds their owners."
        return
    yield "| | What | Who | Until |"
    yield "|---|---|---|---|"
    for one in actions:
        state = "done" if one.done else "overdue" if one.overdue else "open"
        yield f"| {state} | {one.number} {plain(one.text)} | {one.owner} | {one.due} |"


def _checklists(one: Detail) -> Iterator[str]:
    yield "## Checklists"
    yield ""
    for item in one.items:
        by = f" ({plain(item.ticked_by)})" if item.ticked_by else ""
        yield f"- [{'x' if item.ticked else ' '}] {plain(item.text)}{by}"


def plain(text: str) -> str:
    """Text from anywhere as one line of Markdown in which nothing means anything."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _when(at: datetime, config: Config) -> str:
    return f"{at.astimezone(zone_of(config.timezone)):%Y-%m-%d %H:%M:%S %Z}"


def _done(at: datetime | None, by: str, config: Config) -> str:
    return f"{_when(at, config)}{f' by {plain(by)}' if by else ''}" if at else "not yet"


def _target(target: Target | None) -> str:
    if target is None:
        return ""
    took, within = (lasting(timedelta(seconds=value)) for value in (target.took, target.within))
    return f", after {took} ({'promised' if not target.missed else '**late**: promised'} within {within})"
