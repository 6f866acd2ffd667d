"""The one thing to hold: numbers over time of one app and environment."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from daytwo.config.watching import Kept
from daytwo.store.database import Database
from daytwo.watch.numbers import charts, points, summary
from daytwo.watch.numbers.charts import Bucket, Trend
from daytwo.watch.numbers.digest import Digest
from daytwo.watch.numbers.levels import AHEAD, MINUTE
from daytwo.watch.numbers.marks import load, save
from daytwo.watch.numbers.points import Point, Summed
from daytwo.watch.numbers.pruning import empty, prune
from daytwo.watch.numbers.rolling import roll
from daytwo.watch.numbers.series import Book, Kind, Series, by_id
from daytwo.watch.numbers.sql import Sql
from daytwo.watch.numbers.summary import Last, Summary

_NEW = timedelta(days=2)
"""How long a series may be there without having been summed up to a day."""


class Numbers:
    """Numbers over time.

    Every method works on a connection that it is given, in its transaction. Times are aware; a window begins with
    `begin` and ends before `end`, which is never later than now. The windows of a series that never was are empty.

    Args:
        database: the state.
        app: name of the app.
        environment: name of the environment.
    """

    def __init__(self, database: Database, app: str, environment: str) -> None:
        self._own = (app, environment)
        self._book = Book(database.engine, app, environment)

    def ids(self, connection: sa.Connection, wanted: Mapping[str, tuple[str, bool]], now: datetime) -> dict[str, int]:
        """The numbers of series, each made where it is not there yet.

        Args:
            connection: where to write.
            wanted: unit, and whether it is a total, by name.
            now: the time.
        """
        kinds = {name: Kind(unit, total) for name, (unit, total) in wanted.items()}
        known = self._book.make(Sql(connection), kinds, now)
        return {name: known[name].id for name in wanted if name in known}

    def add(self, connection: sa.Connection, samples: Sequence[Point], now: datetime) -> int:
        """Store samples, in any order; one of the same series and time is replaced.

        Args:
            connection: where to write.
            samples: best a thousand at once.
            now: the time.

        Returns:
            How many were stored: not those that are not finite, older than samples are kept, farther ahead of our clock
            than two minutes, or of a series with a name that is too long.
        """
        sql = Sql(connection)
        return points.add(sql, self._book, load(sql, self._own), samples, now)

    def add_summed(self, connection: sa.Connection, minutes: Iterable[Summed], now: datetime) -> int:
        """Store minutes that have been summed up already; what is there of the same minute is added to.

        Whoever hands them in remembers that in the same transaction: what is handed in twice counts twice.

        Args:
            connection: where to write.
            minutes: in the order of time; their series have no samples.
            now: the time.

        Returns:
            How many were stored; see `add`.
        """
        sql = Sql(connection)
        return points.add_summed(sql, self._book, load(sql, self._own), minutes, now)

    def takes(self, connection: sa.Connection, now: datetime) -> tuple[int, int]:
        """The earliest and the latest minute that `add_summed` stores, in seconds since 1970."""
        return load(Sql(connection), self._own).kept(MINUTE), int(now.timestamp()) + AHEAD

    def roll(self, connection: sa.Connection, now: datetime, most: int = 3) -> bool:
        """Sum up the minutes that ended two minutes ago, and what has become whole of longer ones.

        Args:
            connection: where to write.
            now: the time; no sample's own time moves anything on.
            most: pieces of work at each level, so that the transaction stays short: ten minutes of samples, an hour of
                five-minute sums, a day of hours.

        Returns:
            Whether there is more to do.
        """
        sql = Sql(connection)
        own = by_id(self._book.all(sql).values())
        marks, more = roll(sql, own, load(sql, self._own), int(now.timestamp()), most)
        save(sql, self._own, marks)
        return more

    def prune(self, connection: sa.Connection, now: datetime, kept: Kept, most: int = 6) -> bool:
        """Delete what is older than it is kept, and has been summed up.

        Args:
            connection: where to write.
            now: the time.
            kept: how long each level is kept.
            most: pieces of work at each level; see `roll`.

        Returns:
            Whether there is more to do.
        """
        sql = Sql(connection)
        marks, more = prune(sql, self._own, load(sql, self._own), int(now.timestamp()), kept, most)
        save(sql, self._own, marks)
        return more

    def forget(
        self, connection: sa.Connection, now: datetime, named: Callable[[str], bool], most: int = 500
    ) -> list[str]:
        """Remove series of which nothing is left and that nothing names any more.

        Args:
            connection: where to write.
            now: the time; those that were made in the last two days stay.
            named: whether something names a series.
            most: series that are looked at.

        Returns:
            The names of those that were removed.
        """
        sql = Sql(connection)
        old = [one for one in self._book.made_before(sql, now - _NEW) if not named(one.name)][:most]
        gone = empty(sql, [one.id for one in old], load(sql, self._own))
        self._book.remove(sql, gone)
        return [one.name for one in old if one.id in gone]

    def summary(self, connection: sa.Connection, name: str, begin: datetime, end: datetime) -> Summary:
        """What a window holds."""
        sql = Sql(connection)
        series = self._book.get(sql, name)
        if series is None:
            return Summary(Digest())
        return summary.summary(sql, series, load(sql, self._own), _ms(begin), _ms(end))

    def summaries(
        self, connection: sa.Connection, names: Iterable[str], begin: datetime, end: datetime
    ) -> dict[str, Summary]:
        """What a window holds of many series, by name: a few queries, however many there are. Those that never were
        are left out."""
        sql = Sql(connection)
        known = self._book.all(sql)
        wanted = [known[name] for name in names if name in known]
        found = summary.summaries(sql, wanted, load(sql, self._own), _ms(begin), _ms(end))
        return {one.name: found[one.id] for one in wanted}

    def chart(
        self, connection: sa.Connection, name: str, begin: datetime, end: datetime, points: int = charts.MOST
    ) -> list[Bucket]:
        """A window as at most so many points, and one more where it begins in the middle of one; those that have no
        values are left out."""
        sql = Sql(connection)
        series = self._book.get(sql, name)
        if series is None:
            return []
        return charts.chart(sql, series, load(sql, self._own), _ms(begin), _ms(end), points)

    def trend(self, connection: sa.Connection, name: str, begin: datetime, end: datetime) -> Trend | None:
        """The straight line through a window; None when there are not two points of it."""
        sql = Sql(connection)
        series = self._book.get(sql, name)
        return None if series is None else charts.trend(sql, series, load(sql, self._own), _ms(begin), _ms(end))

    def last(self, connection: sa.Connection, name: str, now: datetime) -> Last | None:
        """The newest value up to now."""
        sql = Sql(connection)
        series = self._book.get(sql, name)
        return None if series is None else summary.last(sql, series, load(sql, self._own), _ms(now))

    def lasts(self, connection: sa.Connection, now: datetime, pattern: str = "*") -> dict[str, Last]:
        """The newest value up to now of each series that a pattern matches and that has one, by its name."""
        sql = Sql(connection)
        wanted = self._book.matching(sql, pattern)
        found = summary.lasts(sql, wanted, _ms(now))
        return {one.name: found[one.id] for one in wanted if one.id in found}

    def newest(self, connection: sa.Connection, now: datetime, pattern: str = "*") -> list[tuple[Series, Last | None]]:
        """What to show of each series that a pattern matches, by name: the newest value; of what comes summed up, the
        mean of the newest minute; of events, how many there were in the last whole minute."""
        sql = Sql(connection)
        wanted = self._book.matching(sql, pattern)
        found = summary.newest(sql, wanted, _ms(now))
        return [(one, found.get(one.id)) for one in wanted]

    def names(self, connection: sa.Connection, pattern: str = "*") -> list[str]:
        """Names of series that a pattern such as `*.duration` matches, sorted."""
        return [series.name for series in self._book.matching(Sql(connection), pattern)]

    def series(self, connection: sa.Connection, pattern: str = "*") -> list[Series]:
        """The same with what is known of each series."""
        return self._book.matching(Sql(connection), pattern)


def _ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)
