"""Reads access logs: their requests become the numbers of `traffic.LOG`."""

import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from daytwo.config import Config
from daytwo.config.listening import LogSource
from daytwo.store.database import Database
from daytwo.watch.logs import Line, Reader, Write
from daytwo.watch.numbers import Numbers, Summed
from daytwo.watch.traffic.names import log_of, routes_in, series_of
from daytwo.watch.traffic.parsing import PARSERS
from daytwo.watch.traffic.request import Request, Unread
from daytwo.watch.traffic.routes import Routes
from daytwo.watch.traffic.tally import MINUTE, Minute, unread

_log = logging.getLogger(__name__)
_REMEMBERED = timedelta(days=7)
"""A route that nobody has asked for in so long gives up its place when the daemon starts again."""
_MOST_USERS = 100_000
"""Users of one minute that are told apart; no more are counted."""
_MINUTES = 3
"""Minutes whose users are remembered: lines come almost in the order of time."""
_LATEST = 4e9
"""Seconds since 1970; what claims to be later is no time."""


class AccessReader(Reader):
    """Reads all access logs of an app.

    Args:
        logs: the logs that are access logs, by name.
        database: the state, to learn which routes there were before.
        numbers: where the numbers go.
        clock: the time now.
    """

    def __init__(
        self, logs: Mapping[str, LogSource], database: Database, numbers: Numbers, clock: Callable[[], datetime]
    ) -> None:
        self._sources = logs
        self._database = database
        self._numbers = numbers
        self._clock = clock
        self._logs: dict[str, _Log] = {}
        self._told: set[tuple[str, Unread]] = set()

    def read(self, log: str, lines: Sequence[Line]) -> Write | None:
        """Look at lines; those of other logs are none of ours."""
        if log not in self._sources or not lines:
            return None
        if log not in self._logs:
            self._logs[log] = _Log(log, self._sources[log], self._known(log))
        minutes, reasons = self._logs[log].read(lines)
        self._tell(log, reasons)
        name, latest = series_of(log), lines[-1].at // 1000
        summed = [(at, minute, list(minute.summed(name, at))) for at, minute in sorted(minutes.items())]

        def write(connection: sa.Connection, now: datetime) -> None:
            oldest, newest = self._numbers.takes(connection, now)
            taken: list[Summed] = []
            refused: Counter[str] = Counter(reasons)
            for at, minute, those in summed:
                if oldest <= at <= newest:
                    taken += those
                else:
                    refused[Unread.TIME] += minute.requests
            if refused:
                there = min(max(latest, oldest), int(now.timestamp()))
                taken += unread(name, there - there % MINUTE, refused)
            self._numbers.add_summed(connection, taken, now)

        return write

    def _known(self, log: str) -> list[str]:
        """The routes that are in use already, so that their names stay over a restart."""
        try:
            with self._database.read() as connection:
                return routes_in(self._numbers, connection, log, self._clock(), _REMEMBERED)
        except sa.exc.SQLAlchemyError as error:
            _log.warning("log %s: its routes cannot be read from the state (%s); they are found anew", log, error)
            return []

    def _tell(self, log: str, reasons: Counter[str]) -> None:
        """Say once what is wrong with a log, without what its lines say."""
        for reason in reasons:
            if (log, Unread(reason)) not in self._told:
                self._told.add((log, Unread(reason)))
                _log.warning("log %s: lines that are no requests: %s", log, SAID[Unread(reason)])


SAID: Mapping[Unread, str] = {
    Unread.FORMAT: "they are not in the form that `access` names",
    Unread.JSON: "they are no JSON",
    Unread.OTHER: "they are messages of something else, without a status",
    Unread.LONG: "they are too long to be read whole",
    Unread.TIME: "their time is ahead of our clock, or older than numbers are kept",
}
"""In words."""


class _Log:
    """What is known of one log."""

    def __init__(self, name: str, source: LogSource, known: Sequence[str]) -> None:
        assert source.access is not None
        self._parse = PARSERS[source.access]
        self._routes = Routes(source.routes, known)
        self._users: OrderedDict[int, set[str]] = OrderedDict()

    def read(self, lines: Sequence[Line]) -> tuple[dict[int, Minute], Counter[str]]:
        """Requests by minute, and how many lines were none, by reason."""
        minutes: dict[int, Minute] = {}
        reasons: Counter[str] = Counter()
        for line in lines:
            parsed = Unread.LONG if line.cut else self._parse(line.text)
            if isinstance(parsed, Unread):
                reasons[parsed] += 1
                continue
            at = line.at / 1000 if parsed.at is None else min(parsed.at, _LATEST)
            begin = int(at // MINUTE) * MINUTE
            minute = minutes.get(begin)
            if minute is None:
                minute = minutes[begin] = Minute()
            self._count(parsed, begin, minute)
        return minutes, reasons

    def _count(self, request: Request, begin: int, minute: Minute) -> None:
        minute.routes[self._routes.of(request.path, request.status)].add(request.status, request.seconds)
        minute.sizes.append(request.size)
        users = self._users.get(begin)
        if users is None:
            while len(self._users) >= _MINUTES:
                self._users.popitem(last=False)
            users = self._users[begin] = set()
        user = request.user[:100]
        if user and user not in users and len(users) < _MOST_USERS:
            users.add(user)
            minute.users += 1


def reader_of(
    config: Config, database: Database, numbers: Numbers, clock: Callable[[], datetime]
) -> AccessReader | None:
    """The reader of the access logs of a configuration; None when there are none.

    Args:
        config: the configuration.
        database: the state.
        numbers: where the numbers go.
        clock: the time now.
    """
    logs = {name: one for name, one in config.logs.items() if one.access is not None and not one.off}
    for name in logs:
        if log_of(series_of(name)) != name:
            _log.warning("log %s: its series are called %s", name, series_of(name))
    return AccessReader(logs, database, numbers, clock) if logs else None


__all__ = ["SAID", "AccessReader", "reader_of"]
