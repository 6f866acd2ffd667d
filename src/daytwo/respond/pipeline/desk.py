"""Takes changes of alerts through the pipeline, and carries out what it says, in the caller's transaction."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from daytwo.config import Config
from daytwo.config.watching import Rule
from daytwo.core.channel import ChannelSettings, Event
from daytwo.respond.alerts import GRADES, Alert, AlertBook, Step, What
from daytwo.respond.messages import Teller
from daytwo.respond.oncall import Delivery, reach
from daytwo.respond.oncall.takeovers import Takeovers
from daytwo.respond.outbox import Bucket, Outbox, Standing
from daytwo.respond.pipeline.case import PAUSES, Case, Facts, Group, Order, Reason, Told, Way, way_of
from daytwo.respond.pipeline.stages import TOGETHER, routes_of, run
from daytwo.respond.pipeline.tellings import Tellings
from daytwo.respond.silences import Silences
from daytwo.respond.windows import Maintenances, open_windows

Reach = Callable[[sa.Connection, Config, Sequence[str], datetime], tuple[Delivery, ...]]


@dataclass
class _Sitting:
    """What is known and what is done during one transaction."""

    connection: sa.Connection
    config: Config
    now: datetime
    teller: Teller
    facts: Facts
    groups: dict[str, Group]
    open_in_group: dict[int, set[int]]
    heard: "_Heard"
    told: dict[int, list[Told]]
    buckets: dict[str, Bucket]
    spent: set[str] = field(default_factory=set)
    steps: list[tuple[int, Step]] = field(default_factory=list)
    rows: list[tuple[Alert, What, Order, int | None]] = field(default_factory=list)


class Desk:
    """Runs the pipeline of one app and environment.

    Args:
        app: the app's name.
        environment: the environment's name.
        config: gives the configuration as it is now.
        rules: gives all rules that judge, by name.
        reach: who is reached by which names; when absent, as the configuration and those who took over say.
    """

    def __init__(
        self,
        app: str,
        environment: str,
        config: Callable[[], Config],
        rules: Callable[[], Mapping[str, Rule]],
        reach: Reach | None = None,
    ) -> None:
        own = (app, environment)
        self.book = AlertBook(*own)
        self.outbox = Outbox(*own)
        self.tellings = Tellings(*own)
        self._silences = Silences(*own)
        self._maintenances = Maintenances(*own)
        self._config = config
        self._rules = rules
        self._takeovers = Takeovers(*own)
        self._reach = reach or self._usual_reach

    @property
    def config(self) -> Config:
        """The configuration as it is now."""
        return self._config()

    @property
    def teller(self) -> Teller:
        """Writes messages, by the configuration as it is now."""
        return Teller(self._config(), self._rules)

    def reach(self, connection: sa.Connection, names: Sequence[str], now: datetime) -> tuple[Delivery, ...]:
        """Who is reached by which names."""
        return self._reach(connection, self._config(), names, now)

    def _usual_reach(
        self, connection: sa.Connection, config: Config, names: Sequence[str], now: datetime
    ) -> tuple[Delivery, ...]:
        return reach(config, names, now, self._takeovers.standing(connection, now))

    def muting(self, connection: sa.Connection, now: datetime) -> tuple[object, ...]:
        """What keeps alerts from being told, as something to compare: different when they must be looked at again."""
        config = self._config()
        silences = tuple(one.id for one in self._silences.active(connection, now))
        windows = open_windows(config, self._maintenances.active(connection, now), now)
        hours = tuple(
            bool([*hours.hours(config.timezone).within(now, now + timedelta(microseconds=1))])
            for one in config.routes.values()
            for hours in one.hours
        )
        return silences, tuple((one.name, one.services) for one in windows), hours, config.fingerprint

    def handle(self, connection: sa.Connection, changes: Iterable[tuple[Alert, What]], now: datetime) -> list[Case]:
        """Take changes through the pipeline.

        Args:
            connection: of the transaction.
            changes: alerts as they stand after it, and what happened; in their order.
            now: the time now.

        Returns:
            What became of each.
        """
        listed = list(changes)
        with self._sitting(connection, listed, now) as sitting:
            return [self._one(sitting, alert, what) for alert, what in listed]

    @contextmanager
    def _sitting(
        self, connection: sa.Connection, changes: Sequence[tuple[Alert, What]], now: datetime
    ) -> Iterator[_Sitting]:
        config, alerts = self._config(), [alert for alert, _ in changes]
        groups = self.tellings.groups(connection, {one.service for one in alerts}, now - TOGETHER)
        told: dict[int, list[Told]] = self.tellings.told(connection, [one.id for one in alerts if one.told])
        standings = self.outbox.standings.all(connection)
        buckets = {
            name: _bucket(settings, standings.get(name, Standing())) for name, settings in config.channels.items()
        }
        ending = [alert for alert, what in changes if what is What.OVER]
        open_in_group = _OpenInGroup(self.book, connection, ending)
        heard = _Heard(self, connection, open_in_group)
        facts = Facts(
            config, routes_of(config), self._silences.active(connection, now),
            open_windows(config, self._maintenances.active(connection, now), now), groups, open_in_group, heard.open,
            told, buckets, lambda names, at: self._reach(connection, config, names, at),
        )  # fmt: skip
        teller = Teller(config, self._rules)
        sitting = _Sitting(connection, config, now, teller, facts, groups, open_in_group, heard, told, buckets)
        yield sitting
        self.book.note(connection, sitting.steps)
        self.tellings.add(connection, sitting.rows, now)
        self.outbox.standings.spend(connection, {name: buckets[name].spent for name in sitting.spent})

    def _one(self, sitting: _Sitting, alert: Alert, what: What) -> Case:
        case = run(Case(alert, what, sitting.now), sitting.facts)
        if case.stopped is not None and case.stopped in PAUSES and alert.held == case.stopped.value:
            return case  # nothing new is said of it
        sitting.steps += [(alert.id, step) for step in case.said]
        if case.stopped is not None:
            self._stopped(sitting, case)
        else:
            self._told(sitting, case)
        if what is What.OVER and alert.leader is not None:
            sitting.heard.over(alert.leader, alert.id)
        return case

    def _stopped(self, sitting: _Sitting, case: Case) -> None:
        if case.stopped is Reason.EASED:
            return
        if case.what is What.REPEAT:  # it is known: what keeps it back now must not make it news afterwards
            self.book.change(sitting.connection, case.alert.id, again=self._again(sitting, case))
            return
        held = case.stopped.value if case.stopped in PAUSES else ""
        values: dict[str, object] = {"held": held}
        if case.over and not held:
            values["told_over"] = sitting.now
        self.book.change(sitting.connection, case.alert.id, **values)

    def _told(self, sitting: _Sitting, case: Case) -> None:
        alert, now = case.alert, sitting.now
        for order in case.orders:
            number = self._put(sitting, case, order) if not order.batch else None
            sitting.rows.append((alert, case.what, order, number))
            sitting.told.setdefault(alert.id, []).append(Told(order, case.what, now, "", number is None))
        sitting.buckets.update(case.buckets)
        sitting.spent.update(case.buckets)
        if case.over:
            self.book.change(sitting.connection, alert.id, held="", told_over=now, again=None)
            return
        assert case.leader is not None
        self.book.change(
            sitting.connection, alert.id, held="", leader=case.leader, told=now, told_level=alert.level,
            again=self._again(sitting, case),
        )  # fmt: skip
        sitting.open_in_group[case.leader].add(alert.id)
        for order in case.orders:
            sitting.heard.add(case.leader, alert.id, order)
        at_once = frozenset(order.channel for order in case.orders if not order.batch)
        if case.leader == alert.id and at_once:
            sitting.groups[alert.service] = Group(alert.id, now, GRADES[alert.level], at_once)

    def _again(self, sitting: _Sitting, case: Case) -> datetime | None:
        """When it is told once more: as the first of its routes that told it at once wants it."""
        last = {order.route: at for order, at in self._at_once(sitting, case)}
        if case.stopped is not None:
            last = dict.fromkeys(last, sitting.now)
        routes = sitting.facts.routes
        spans = {name: routes[name].repeat for name in last if name in routes}
        return min((last[name] + span.delta for name, span in spans.items() if span is not None), default=None)

    @staticmethod
    def _at_once(sitting: _Sitting, case: Case) -> Iterator[tuple[Order, datetime]]:
        for one in sitting.told.get(case.alert.id, ()):
            if one.what is not What.OVER and not one.order.batch.startswith("summary "):
                yield one.order, max(one.at, one.order.due)

    def _put(self, sitting: _Sitting, case: Case, order: Order) -> int:
        """A message of its own; one that says that all is over takes in what its channel was still to be told."""
        alert, leader = case.alert, case.leader or case.alert.id
        connection, now = sitting.connection, sitting.now
        message = sitting.teller.one(alert, case.what, leader, now, order.people)
        absorbed: list[int] = []
        if case.over:
            told_here = sitting.heard.ever(leader, way_of(sitting.config, order.channel, order.people))
            sharing = [one for one in self.book.sharing(connection, leader) if one.id in told_here]
            if len(sharing) > 1:
                title = f"All {len(sharing)} of {alert.service} are well again"
                message = sitting.teller.several(sharing, Event.RESOLVE, message.key, title, now, order.people)
            batches = [f"group {leader}", f"over {leader}", f"repeat {leader}"]
            absorbed = self.tellings.pending(connection, batches, order.channel, order.people)
        people = "+".join(one.name for one in order.people)
        turn = alert.again or now
        key = f"alert {alert.id} {case.what} {turn.timestamp():.6f} {order.channel} {people}"[:200]
        number = self.outbox.put(connection, order.channel, message, key, f"alert {leader}", now)
        self.tellings.made(connection, absorbed, number)
        if case.over:
            sitting.rows[:] = [
                (a, w, o, number)
                if n is None and (o.channel, o.people) == (order.channel, order.people) and o.batch in batches
                else (a, w, o, n)
                for a, w, o, n in sitting.rows
            ]
        return number


def _bucket(settings: ChannelSettings, standing: Standing) -> Bucket:
    """What a channel may send. F20: while it does not work, and no other takes over, no more than a burst waits for it
    as messages of their own; the rest becomes a summary."""
    since = standing.since if standing.failures and settings.fallback is None else None
    return Bucket(settings.rate, settings.burst, standing.spent, since)


class _OpenInGroup(dict[int, set[int]]):
    """The alerts that share messages and are open, or whose end is yet to be told; read when they are first asked for.

    Args:
        book: the alerts.
        connection: of the transaction.
        ending: those whose ends are told now, one after the other.
    """

    def __init__(self, book: AlertBook, connection: sa.Connection, ending: Sequence[Alert]) -> None:
        super().__init__()
        self._book = book
        self._connection = connection
        self._ending: dict[int, set[int]] = {}
        for one in ending:
            if one.leader is not None:
                self._ending.setdefault(one.leader, set()).add(one.id)

    def __missing__(self, leader: int) -> set[int]:
        found = {one.id for one in self._book.sharing(self._connection, leader) if one.open}
        found |= self._ending.get(leader, set())
        self[leader] = found
        return found

    def get(self, leader: int, default: object = None) -> set[int]:
        """Those of a leader."""
        return self[leader]


class _Heard:
    """Which alerts of a group were told where; read when it is first asked for.

    Args:
        desk: whose alerts and tellings they are.
        connection: of the transaction.
        open_in_group: the alerts that are not over, by their leader.
    """

    def __init__(self, desk: Desk, connection: sa.Connection, open_in_group: "_OpenInGroup") -> None:
        self._desk = desk
        self._connection = connection
        self._open = open_in_group
        self._config = desk.config
        self._known: dict[int, dict[Way, set[int]]] = {}
        self._standing: dict[int, dict[Way, set[int]]] = {}
        self._new: dict[int, list[tuple[int, Way]]] = {}

    def ever(self, leader: int, way: Way) -> set[int]:
        """Those that were told there, over or not."""
        if leader not in self._known:
            self._known[leader] = self._read(leader)
        return self._known[leader].get(way, set())

    def open(self, leader: int, way: Way) -> set[int]:
        """Those that were told there and are not over."""
        known = self._standing.setdefault(leader, {})
        if way not in known:
            known[way] = self.ever(leader, way) & self._open[leader]
        return known[way]

    def over(self, leader: int, alert: int) -> None:
        """One is over."""
        self._open[leader].discard(alert)
        for standing in self._standing.get(leader, {}).values():
            standing.discard(alert)

    def add(self, leader: int, alert: int, order: Order) -> None:
        """One is told just now."""
        if _of_a_group(order):
            way = way_of(self._config, order.channel, order.people)
            self._new.setdefault(leader, []).append((alert, way))  # its row is not there yet
            if leader in self._known:
                self._known[leader].setdefault(way, set()).add(alert)
            if way in self._standing.get(leader, {}):
                self._standing[leader][way].add(alert)

    def _read(self, leader: int) -> dict[Way, set[int]]:
        found: dict[Way, set[int]] = {}
        numbers = [one.id for one in self._desk.book.sharing(self._connection, leader)]
        for alert, several in self._desk.tellings.told(self._connection, numbers).items():
            for one in several:
                for name in dict.fromkeys((one.order.channel, one.via or one.order.channel)):
                    if _of_a_group(one.order):
                        found.setdefault(way_of(self._config, name, one.order.people), set()).add(alert)
        for alert, way in self._new.get(leader, ()):
            found.setdefault(way, set()).add(alert)
        return found


def _of_a_group(order: Order) -> bool:
    """Whether it is told in the messages of its group; summaries and what was too much have their own."""
    return not order.batch.startswith("summary ") and order.batch != "overflow"
