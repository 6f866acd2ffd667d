"""Reports of an app, from the state."""

from collections.abc import Callable
from datetime import date, datetime

import sqlalchemy as sa

from daytwo.store.database import Database
from daytwo.watch.numbers import Numbers
from daytwo.watch.observations import Observations
from daytwo.watch.reports.data import (
    PerformanceCheck,
    PerformanceData,
    PerformanceOverall,
    ReportData,
    UptimeData,
)
from daytwo.watch.reports.facts import WINDOWS, Kept, Reader
from daytwo.watch.reports.making import report
from daytwo.watch.reports.score import overall, status
from daytwo.watch.reports.span import Every, before, span
from daytwo.watch.reports.terms import Terms, by_hand
from daytwo.watch.rules import Book


class Reports:
    """Reports of one app and environment.

    Args:
        database: the state.
        app: the app's name, and its environment's.
        observations: its verdicts.
        numbers: its numbers.
        terms: gives what is promised when.
    """

    def __init__(
        self,
        database: Database,
        app: tuple[str, str],
        observations: Observations,
        numbers: Numbers,
        terms: Callable[[], Terms],
    ) -> None:
        self._database = database
        self._app = app
        self._observations = observations
        self._numbers = numbers
        self._terms = terms

    def uptimes(self, now: datetime) -> dict[str, dict[str, UptimeData]]:
        """How every check did in each of the `WINDOWS` up to now."""
        windows = {name: (now - length, now) for name, length in WINDOWS.items()}
        with self._database.read() as connection:
            reader = self._reader(connection, now)
            found = reader.uptimes(windows)
        return {
            name: {key: UptimeData.of(one, reader.objective(reader.states[name])) for key, one in each.items()}
            for name, each in found.items()
        }

    def performance(self, begin: datetime, now: datetime) -> PerformanceData:
        """How fast and how reliably everything answered since `begin`; the worst first."""
        checks = []
        with self._database.read() as connection:
            reader = self._reader(connection, now)
            taken = reader.figures(begin, now)
            for name, each in reader.uptimes({"since": (begin, now)}).items():
                kept = Kept(each["since"], taken[name])
                if kept.counts:
                    figures = kept.figures
                    checks.append(
                        PerformanceCheck(
                            check=name,
                            score=kept.score,
                            uptime=UptimeData.of(kept.uptime, reader.objective(reader.states[name])),
                            count=figures.count,
                            mean=figures.mean,
                            p50=figures.p50,
                            p95=figures.p95,
                            p99=figures.p99,
                        )
                    )
        checks.sort(key=lambda one: (one.score is None, one.score, one.check))
        whole = overall(one.score for one in checks)
        return PerformanceData(
            status=status(whole), begin=begin, end=now, overall=PerformanceOverall(score=whole), checks=checks
        )

    def report(self, every: Every, now: datetime, day: date | None = None) -> ReportData:
        """How a day, a week or a month was.

        Args:
            every: which of these.
            now: the time now.
            day: any day of it; the last one that is over when absent.

        Raises:
            UsageError: it has not begun.
        """
        terms = self._terms()
        this = span(every, terms.zone, now, day)
        earlier = before(this, terms.zone)
        with self._database.read() as connection:
            reader = self._reader(connection, now, terms)
            facts = reader.facts(Book(*self._app), (this.begin, this.end), (earlier.begin, earlier.end))
        return report(facts, this, self._app, terms.zone, terms.objectives)

    def _reader(self, connection: sa.Connection, now: datetime, terms: Terms | None = None) -> Reader:
        begun = by_hand(connection, *self._app)
        return Reader(connection, self._observations, self._numbers, terms or self._terms(), begun, now)
