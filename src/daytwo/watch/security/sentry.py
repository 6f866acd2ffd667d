"""Judges what was written down since it looked last, and writes down each limit that was crossed, once.

A finding is made from the events in the state alone, never from memory: judging the same events again changes nothing,
so neither a restart nor a second process makes two of one. Times are those of the events: what is read late is judged
as of when it happened, and is over at once.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from daytwo.config.listening import SecurityLimit
from daytwo.core.units import Duration
from daytwo.store.tables import security_events as events
from daytwo.store.tables import security_findings as findings
from daytwo.store.tables import security_marks as marks
from daytwo.watch.security.judging import Episode, Seen, episodes, joined, overlaps

OPEN, OVER = "open", "over"
MOST = 1000
"""Findings of a kind in an hour that are told one by one; further sources are one together, that of the whole app."""
_HOUR = timedelta(hours=1)
_AT_ONCE = 400


@dataclass(frozen=True)
class Found:
    """What has changed.

    Args:
        kind: what sort of event.
        source: address or network, or empty.
        state: `open` or `over`.
        number: how many events.
        per: `source` or `app`.
        limit: how many are too much.
    """

    kind: str
    source: str
    state: str
    number: int
    per: str
    limit: SecurityLimit

    def __str__(self) -> str:
        who = self.source or ("the whole app" if self.per == "app" else "unknown addresses")
        what = "too much of it" if self.state == OPEN else "over"
        said = f"{self.number} events; the limit is {self.limit.count} in {self.limit.within}"
        return f"security: {self.kind} from {who}: {what} ({said})"


class Sentry:
    """Looks for limits that are crossed.

    Args:
        app: the app's name.
        environment: the environment's name.
        most: findings of a kind in an hour; see `MOST`.
    """

    def __init__(self, app: str, environment: str, most: int = MOST) -> None:
        self._own = {"app": app, "environment": environment}
        self._most = most

    def waits(self, connection: sa.Connection) -> bool:
        """Whether there is anything to judge, or to call over."""
        mark = connection.execute(sa.select(marks.c.change, marks.c.judged).filter_by(**self._own)).one_or_none()
        if mark is None:
            return False
        one = sa.select(findings.c.id).filter_by(**self._own, state=OPEN).limit(1)
        return bool(mark.change > mark.judged or connection.execute(one).first())

    def judge(self, connection: sa.Connection, limits: Mapping[str, SecurityLimit], now: datetime) -> list[Found]:
        """Judge what is new, and end what is over.

        Args:
            connection: the transaction.
            limits: what is too much, by kind.
            now: the time; no event after it counts.

        Returns:
            Findings that have begun or ended.
        """
        mark = connection.execute(sa.select(marks.c.change, marks.c.judged).filter_by(**self._own)).one_or_none()
        changed: list[Found] = []
        if mark is not None and mark.change > mark.judged:
            for kind, begin, end in self._changed(connection, int(mark.judged)):
                if kind in limits:
                    changed += self._kind(connection, kind, limits[kind], (begin, min(end, now)), now)
            connection.execute(sa.update(marks).filter_by(**self._own).values(judged=mark.change))
        return changed + self._end(connection, limits, now)

    def prune(self, connection: sa.Connection, before: datetime) -> None:
        """Remove findings that were over before a time."""
        old = sa.delete(findings).filter_by(**self._own, state=OVER)
        connection.execute(old.where(findings.c.last < before))

    def _changed(self, connection: sa.Connection, judged: int) -> list[tuple[str, datetime, datetime]]:
        """The kinds that have new events, and from when to when those happened."""
        c = events.c
        query = sa.select(c.kind, sa.func.min(c.at).label("begin"), sa.func.max(c.last).label("end"))
        query = query.filter_by(**self._own, counted=True).where(c.change > judged).group_by(c.kind).order_by(c.kind)
        return [(row.kind, row.begin, row.end) for row in connection.execute(query)]

    def _kind(
        self,
        connection: sa.Connection,
        kind: str,
        limit: SecurityLimit,
        span: tuple[datetime, datetime],
        now: datetime,
    ) -> list[Found]:
        """Judge a kind over the time of its new events, and a window to either side."""
        within = limit.within.delta
        around = (span[0] - within, min(span[1] + within, now))
        seen = self._seen(connection, kind, limit, around)
        changed: list[Found] = []
        crowd: list[Episode] = []
        known = self._known(connection, kind, around[0] - within)
        left = self._most - self._lately(connection, kind, now)
        for source, rows in seen.items():
            for one in episodes(rows, limit.count, within):
                if (row := _matching(known.get((limit.per, source), []), one, within)) is not None:
                    changed += self._extend(connection, row, one, limit, now)
                elif left > 0 or not source:
                    left -= 1
                    changed.append(self._begin(connection, (kind, limit.per, source), one, limit, now))
                else:
                    crowd.append(one)
        for one in joined(crowd, within):
            if (row := _matching(known.get(("app", ""), []), one, within)) is not None:
                changed += self._extend(connection, row, one, limit, now)
            else:
                changed.append(self._begin(connection, (kind, "app", ""), one, limit, now))
        return changed

    def _seen(
        self, connection: sa.Connection, kind: str, limit: SecurityLimit, span: tuple[datetime, datetime]
    ) -> dict[str, list[Seen]]:
        """The events of a time, by the sources of which there are enough to cross the limit."""
        c = events.c
        who: Any = c.network if limit.per == "source" else sa.literal("")
        # A key that is seen again is no new event: it counts once, when it was seen first.
        many = sa.case((c.fingerprint == "", c.count), else_=1)
        last = sa.case((c.fingerprint == "", c.last), else_=c.at)
        within = [c.kind == kind, c.counted, c.last >= span[0], c.at <= span[1]]
        whole = sa.select(who.label("who")).select_from(events).filter_by(**self._own).where(*within)
        whole = whole.group_by(c.network if limit.per == "source" else c.kind)
        enough = [str(one) for one in connection.execute(whole.having(sa.func.sum(many) >= limit.count)).scalars()]
        found: dict[str, list[Seen]] = defaultdict(list)
        for start in range(0, len(enough), _AT_ONCE):
            rows = sa.select(who.label("who"), c.id, c.at, last.label("end"), many.label("many")).filter_by(**self._own)
            if limit.per == "source":
                rows = rows.where(c.network.in_(enough[start : start + _AT_ONCE]))
            for row in connection.execute(rows.where(*within).order_by(c.at, c.id)):
                found[row.who].append(Seen(row.id, row.at, row.end, row.many))
        return found

    def _known(self, connection: sa.Connection, kind: str, since: datetime) -> dict[tuple[str, str], list[Any]]:
        """The findings of a kind that could be what is seen, by what is counted and source."""
        c = findings.c
        query = sa.select(findings).filter_by(**self._own, kind=kind).where(c.last >= since).order_by(c.id)
        found: dict[tuple[str, str], list[Any]] = defaultdict(list)
        for row in connection.execute(query):
            found[row.per, row.source].append(row)
        return found

    def _lately(self, connection: sa.Connection, kind: str, now: datetime) -> int:
        query = sa.select(sa.func.count()).select_from(findings).filter_by(**self._own, kind=kind)
        return int(connection.execute(query.where(findings.c.found > now - _HOUR)).scalar_one())

    def _begin(
        self, connection: sa.Connection, what: tuple[str, str, str], one: Episode, limit: SecurityLimit, now: datetime
    ) -> Found:
        """Write down a new finding of a kind, per source or app, from a source."""
        kind, per, source = what
        number, state = self._count(connection, what, one.begin, one.last), _state(one.last, limit, now)
        values = {
            "kind": kind, "source": source, "per": per, "state": state, "begin": one.begin, "last": one.last,
            "found": now, "count": number, "limit": limit.count, "within": float(limit.within),
            "first_event": one.first_event, "last_event": one.last_event,
        }  # fmt: skip
        connection.execute(sa.insert(findings).values(**self._own, **values))
        return Found(kind, source, state, number, per, limit)

    def _extend(
        self, connection: sa.Connection, row: Any, one: Episode, limit: SecurityLimit, now: datetime
    ) -> list[Found]:
        """Take more events into a finding that is known; one that was over is open again when it goes on."""
        begin, last = min(row.begin, one.begin), max(row.last, one.last)
        first_event = one.first_event if one.begin < row.begin else row.first_event
        last_event = one.last_event if one.last >= row.last else row.last_event
        state = _state(last, limit, now)
        number = self._count(connection, (row.kind, row.per, row.source), begin, last)
        changed = {
            "begin": begin, "last": last, "count": number, "state": state,
            "first_event": first_event, "last_event": last_event,
        }  # fmt: skip
        connection.execute(sa.update(findings).where(findings.c.id == row.id).values(changed))
        return [Found(row.kind, row.source, state, number, row.per, limit)] if state != row.state else []

    def _count(self, connection: sa.Connection, what: tuple[str, str, str], begin: datetime, last: datetime) -> int:
        kind, per, source = what
        c = events.c
        query = sa.select(sa.func.coalesce(sa.func.sum(sa.case((c.fingerprint == "", c.count), else_=1)), 0))
        query = query.filter_by(**self._own, kind=kind, counted=True).where(c.last >= begin, c.at <= last)
        if per == "source":
            query = query.where(c.network == source)
        return int(connection.execute(query).scalar_one())

    def _end(self, connection: sa.Connection, limits: Mapping[str, SecurityLimit], now: datetime) -> list[Found]:
        """End findings whose window is quiet, or whose limit is no longer there."""
        c = findings.c
        ended: list[Found] = []
        for row in connection.execute(sa.select(findings).filter_by(**self._own, state=OPEN)).all():
            limit = limits.get(row.kind) or SecurityLimit(count=row.limit, within=Duration(row.within))
            if row.last > now:  # the clock was set back: from now on it is waited for
                connection.execute(
                    sa.update(findings).where(c.id == row.id).values(last=now, begin=min(row.begin, now))
                )
            elif row.kind not in limits or now - row.last > limit.within.delta:
                connection.execute(sa.update(findings).where(c.id == row.id).values(state=OVER))
                ended.append(Found(row.kind, row.source, OVER, row._mapping["count"], row.per, limit))
        return ended


def _state(last: datetime, limit: SecurityLimit, now: datetime) -> str:
    return OPEN if now - last <= limit.within.delta else OVER


def _matching(known: list[Any], one: Episode, within: timedelta) -> Any | None:
    return next((row for row in known if overlaps(one, row.begin, row.last, within)), None)
