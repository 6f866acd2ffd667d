"""How things stand, for the overview: what is wrong, what is protected, what is next."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from daytwo.config import Config
from daytwo.core.windows import next_of
from daytwo.ledger.glance import glance
from daytwo.ledger.runs import Outcome, RunRow
from daytwo.protect.status import BackupStatus, Health, assess
from daytwo.respond.incidents.book import Book
from daytwo.respond.incidents.model import Incident
from daytwo.store.tables import checks
from daytwo.store.url import StateUrl
from daytwo.watch.alerts import Alert, Alerts
from daytwo.watch.observations import Observations, Stretch
from daytwo.web.house import House
from daytwo.web.ui.stamps import Stamps
from daytwo.web.ui.strips import Strip, strip

WRONG = 20
"""Lines of what is wrong that are shown at once."""
INCIDENTS = 5
SERVICES = 12
NEXT = 6
_DAY = timedelta(days=1)
_AHEAD = timedelta(days=30)
_FRESH = 5.0
"""Seconds that a look may be old while no stamp has changed: ages and numbers go on."""
_COLUMNS = ("name", "service", "verdict", "why", "since", "at", "every", "detail")
PATIENCE, SLACK = 2.0, 30.0
"""See `State.stale_after`: rhythms and seconds without an observation after which nobody has been looking."""
_BADNESS = {"critical": 0, "warning": 1, "info": 2, "unknown": 3}


@dataclass(frozen=True)
class Trouble:
    """Something that is wrong.

    Args:
        kind: `alert`, `check`, `backup` or `daytwo`.
        name: what it is about.
        level: `critical`, `warning`, or `unknown` for what nobody could find out.
        why: in words.
        since: since when; None where that is not known.
        path: where more of it is told.
        because_of: what else fails that it depends on.
    """

    kind: str
    name: str
    level: str
    why: str
    since: datetime | None
    path: str
    because_of: str = ""


@dataclass(frozen=True)
class Service:
    """A service as its checks tell.

    Args:
        name: the service's.
        checks: how many it has.
        failed: how many of them fail.
        unsure: how many could not tell, or have not been asked for too long.
        strip: the last day.
    """

    name: str
    checks: int
    failed: int
    unsure: int
    strip: Strip


@dataclass(frozen=True)
class Coming:
    """Something that is next.

    Args:
        at: when.
        kind: `backup`, `maintenance`, `certificate`.
        what: in words.
        path: where more of it is told.
        now: whether it is going on.
    """

    at: datetime
    kind: str
    what: str
    path: str
    now: bool = False


@dataclass(frozen=True)
class Standing:
    """How everything stands."""

    checks: int
    failed: int
    unsure: int
    troubles: tuple[Trouble, ...]
    unknown: tuple[Trouble, ...]
    backups: tuple[BackupStatus, ...]
    coming: tuple[Coming, ...]
    services: tuple[Service, ...]
    more_services: int
    running: tuple[RunRow, ...]
    incidents: tuple[Incident, ...]
    more_incidents: int
    oncall: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """How things stand, in a sentence."""
        if self.troubles:
            many = len(self.troubles)
            return "One thing is wrong" if many == 1 else f"{many} things are wrong"
        if not self.checks:
            return "Nothing is watched yet"
        if self.unsure:
            return "Nothing is wrong, as far as anybody could tell"
        return "The one check is well" if self.checks == 1 else f"All {self.checks:,} checks are well"

    @property
    def level(self) -> str:
        """The worst of it: `critical`, `warning`, `unknown` or `ok`."""
        worst = min((_BADNESS[one.level] for one in self.troubles), default=None)
        if worst is None:
            return "ok" if self.checks and not self.unsure else "unknown"
        return next(name for name, badness in _BADNESS.items() if badness == worst)


@dataclass(frozen=True, slots=True)
class Seen:
    """A check, as far as the overview needs it.

    Args:
        name: the check's.
        service: whom it asks.
        verdict: how it stands.
        why: what it said.
        since: when that verdict began.
        at: when it was asked last.
        stale: whether it has not been asked for too long.
        detail: its numbers and facts, as JSON; few of them are looked into.
        failed: whether it failed.
        unsure: whether nobody knows.
    """

    name: str
    service: str
    verdict: str
    why: str
    since: datetime
    at: datetime
    stale: bool
    detail: str
    failed: bool
    unsure: bool


class Lookout:
    """Looks at how things stand, and remembers it while nothing has changed.

    Args:
        house: the house.
    """

    def __init__(self, house: House) -> None:
        config = house.current()
        self._house = house
        self._observations = Observations(house.database, config.app, config.environment)
        self._states = sa.select(*(checks.c[name] for name in _COLUMNS)).filter_by(
            app=config.app, environment=config.environment
        )
        self._alerts = Alerts(config.app, config.environment)
        self._incidents = Book(config.app, config.environment)
        self._known: tuple[float, Stamps, Standing] | None = None

    def read(self, stamps: Stamps) -> Standing:
        """How things stand.

        Args:
            stamps: of all that it is made from, read just before.
        """
        known, stamps = self._known, {topic: one for topic, one in stamps.items() if topic != "numbers"}
        if known is not None and known[1] == stamps and time.monotonic() - known[0] < _FRESH:
            return known[2]
        found = self._read()
        self._known = (time.monotonic(), stamps, found)
        return found

    def _read(self) -> Standing:
        house, config, now = self._house, self._house.current(), self._house.clock()
        with house.database.read() as connection:
            states = {row[0]: _seen(tuple(row), now) for row in connection.execute(self._states)}
            alerts = [one for one in self._alerts.standing(connection) if one.state.alert]
            groups = _ranked(states)
            shown = [one.name for group in groups[:SERVICES] for one in group.checks]
            histories = self._observations.histories(connection, now - _DAY, now, shown)
            incidents = self._incidents.standing(connection)
        backups = _backups(config, now)
        running = [*house.desk.runs.latest(outcome=Outcome.RUNNING), *house.desk.runs.latest(outcome=Outcome.QUEUED)]
        troubles = _troubles(states, alerts, backups, _problems(house))
        unknown = _unknown(states)
        services = [group.drawn(histories, now) for group in groups[:SERVICES]]
        return Standing(
            checks=len(states),
            failed=sum(one.failed for one in states.values()),
            unsure=len(unknown),
            troubles=tuple(troubles),
            unknown=tuple(unknown),
            backups=tuple(backups),
            coming=tuple(_coming(config, states, backups, now)),
            services=tuple(services),
            more_services=max(0, len(groups) - SERVICES),
            running=tuple(running),
            incidents=tuple(_urgent(config, incidents)[:INCIDENTS]),
            more_incidents=max(0, len(incidents) - INCIDENTS),
            oncall=tuple(dict.fromkeys(one or "nobody" for one in house.roster.people().values())),
        )


def _urgent(config: Config, standing: Sequence[Incident]) -> list[Incident]:
    """Incidents, what nobody takes care of first, of that the worst: not all are shown."""
    grades = {name: place for place, name in enumerate(config.incidents.severities)}
    return sorted(standing, key=lambda one: (one.acknowledged is not None, grades.get(one.severity, 0), -one.number))


def _seen(row: Sequence[Any], now: datetime) -> Seen:
    name, service, verdict, why, since, at, every, detail = row
    stale = (now - at).total_seconds() > every * PATIENCE + SLACK
    unsure = stale or verdict == "inconclusive"
    return Seen(name, service, verdict, why, since, at, stale, detail, verdict == "failed", unsure)


def _detail(one: Seen, key: str) -> Any:
    """A number or a fact of a check, by its name."""
    if f'"{key}"' not in one.detail:
        return None
    found = json.loads(one.detail)
    return found["numbers"].get(key, found["facts"].get(key))


def _problems(house: House) -> list[str]:
    from daytwo.web.routes.health import problems  # the routes import the pages

    found = problems(house)
    if said := house.refused():
        found.append(f"the configuration file was not reloaded: {said}")
    return found


def check_path(name: str) -> str:
    """Where a check is shown."""
    return f"/checks/{quote(name, safe='')}"


def _backups(config: Config, now: datetime) -> list[BackupStatus]:
    seen = glance(StateUrl.of(config), config.app, config.environment)
    return assess(config.backups, config.timezone, seen, now)


def _troubles(
    states: Mapping[str, Seen],
    alerts: Sequence[Alert],
    backups: Sequence[BackupStatus],
    problems: Sequence[str],
) -> list[Trouble]:
    """What is wrong, each thing once: what an alert tells of is not told again as a check or a backup."""
    found = [Trouble("daytwo", "daytwo", "critical", one, None, "/settings") for one in problems]
    told: set[str] = set()
    for one in alerts:
        subject, state = one.key.subject, states.get(one.key.subject)
        told |= {subject}
        why = state.why if state is not None and state.failed else one.why
        path = check_path(_owner(subject, states) or subject)
        found.append(Trouble("alert", subject, one.level, why, one.since, path, one.because_of))
    for name, state in states.items():
        if state.failed and name not in told and not state.stale:
            level = "warning" if _detail(state, "level") == "warning" else "critical"
            found.append(Trouble("check", name, level, state.why, state.since, check_path(name)))
            told |= {name}
    for backup in backups:
        if not backup.health.well and backup.health is not Health.NEVER and f"backup.{backup.name}" not in told:
            since = backup.run.ended if backup.run else None
            said = f"{backup.health.value}: {backup.why}"
            found.append(Trouble("backup", backup.name, "critical", said, since, f"/backups/{backup.name}"))
    return sorted(found, key=lambda one: (_BADNESS[one.level], bool(one.because_of), one.since is not None,
                                          -(one.since.timestamp() if one.since else 0)))  # fmt: skip


def _owner(series: str, states: Mapping[str, Seen]) -> str:
    """The check that a series is of; empty when it is of none."""
    while series and series not in states:
        series = series.rpartition(".")[0]
    return series


def _unknown(states: Mapping[str, Seen]) -> list[Trouble]:
    """What nobody could find out."""
    found = []
    for name, one in states.items():
        if one.stale:
            why, since = "it has not been asked for too long", one.at
        elif one.unsure:
            why, since = one.why, one.since
        else:
            continue
        found.append(Trouble("check", name, "unknown", why, since, check_path(name)))
    return sorted(found, key=lambda one: one.name)


@dataclass(frozen=True)
class Group:
    """The checks of a service.

    Args:
        name: the service's.
        checks: its checks.
        failed: how many of them fail.
        unsure: of how many nobody knows.
    """

    name: str
    checks: Sequence[Seen]
    failed: int
    unsure: int

    def drawn(self, histories: Mapping[str, Sequence[Stretch]], now: datetime) -> Service:
        """With the strip of the last day."""
        mine = (histories.get(one.name, ()) for one in self.checks)
        return Service(self.name, len(self.checks), self.failed, self.unsure, strip(mine, now - _DAY, now))


def _ranked(states: Mapping[str, Seen]) -> list[Group]:
    """By service, the worst first."""
    grouped: dict[str, list[Seen]] = {}
    for one in states.values():
        grouped.setdefault(one.service, []).append(one)
    found = [
        Group(name, mine, sum(one.failed for one in mine), sum(one.unsure for one in mine))
        for name, mine in grouped.items()
    ]
    return sorted(found, key=lambda one: (-one.failed, -one.unsure, one.name))


def _coming(config: Config, states: Mapping[str, Seen], backups: Sequence[BackupStatus], now: datetime) -> list[Coming]:
    """What is next, the soonest first."""
    found = [
        Coming(one.due, "backup", f"Backup {one.name}", f"/backups/{one.name}")
        for one in backups
        if one.due is not None
    ]
    for name, settings in config.maintenance.items():
        period = next_of(settings.window(config.timezone), now)
        if period is not None and period.begin < now + _AHEAD:
            open_now = period.begin <= now
            found.append(
                Coming(
                    period.end if open_now else period.begin,
                    "maintenance",
                    f"Maintenance {name}",
                    "/settings",
                    open_now,
                )
            )
    for name, state in states.items():
        left = _detail(state, "certificate_left")
        if left is not None and state.at + timedelta(seconds=left) < now + _AHEAD:
            end = state.at + timedelta(seconds=left)
            found.append(
                Coming(
                    end, "certificate", f"The certificate of {name.removesuffix('.certificate')} ends", check_path(name)
                )
            )
    return sorted(found, key=lambda one: (not one.now, one.at))[:NEXT]
