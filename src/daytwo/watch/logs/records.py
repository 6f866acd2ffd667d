"""What the state holds of logs: up to where each has been read, and samples of what patterns matched."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from daytwo.store.tables import log_positions, log_samples
from daytwo.watch.logs.sources import Log

MOST_SAMPLES = 20
"""Samples of a pattern that are kept."""


@dataclass(frozen=True)
class Place:
    """Up to where a log has been read.

    Args:
        log: its name.
        kind: what sort of place it is in.
        place: where, for people.
        source: what the position belongs to.
        position: as its follower understands it; empty until it is known.
        at: when lines came last.
        trouble: why it cannot be read now.
    """

    log: str
    kind: str
    place: str
    source: str
    position: str
    at: datetime | None
    trouble: str


@dataclass(frozen=True)
class Sample:
    """A line that a pattern matched.

    Args:
        log: in which log.
        at: when it was written.
        text: without secrets, and cut.
    """

    log: str
    at: datetime
    text: str


class LogBook:
    """The state's tables of logs.

    Args:
        app: whose logs.
        environment: of which installation.
    """

    def __init__(self, app: str, environment: str) -> None:
        self._own = {"app": app, "environment": environment}

    def places(self, connection: sa.Connection) -> dict[str, Place]:
        """Up to where each log has been read, by name."""
        query = sa.select(log_positions).filter_by(**self._own).order_by(log_positions.c.log)
        return {
            row.log: Place(row.log, row.kind, row.place, row.source, row.position, row.at, row.trouble)
            for row in connection.execute(query)
        }

    def keep(self, connection: sa.Connection, logs: Mapping[str, Log]) -> dict[str, str]:
        """Have a row for each log that is followed, and none for others.

        Args:
            connection: where to write.
            logs: those that are followed.

        Returns:
            The position of each by name; empty for one that is new, or has another source now.
        """
        known = self.places(connection)
        kept = {name: one.position for name, one in known.items() if name in logs and one.source == logs[name].source}
        for name in known.keys() - kept.keys():
            connection.execute(sa.delete(log_positions).filter_by(**self._own, log=name))
        for name in logs.keys() - kept.keys():
            log = logs[name]
            row = {"log": name, "kind": log.kind, "place": log.place, "source": log.source}
            connection.execute(sa.insert(log_positions).values(**self._own, **row))
        self.troubled(connection, dict.fromkeys(kept, ""))  # who follows them now has found none yet
        return {name: kept.get(name, "") for name in logs}

    def reached(self, connection: sa.Connection, log: str, position: str, at: datetime | None) -> None:
        """Note up to where a log has been read.

        Args:
            connection: where to write.
            log: its name.
            position: as its follower understands it.
            at: when lines came; None when none did.
        """
        values = {"position": position} | ({} if at is None else {"at": at})
        connection.execute(sa.update(log_positions).filter_by(**self._own, log=log).values(**values))

    def troubled(self, connection: sa.Connection, troubles: Mapping[str, str]) -> None:
        """Note why logs cannot be read, or that they can again."""
        for log, trouble in troubles.items():
            connection.execute(sa.update(log_positions).filter_by(**self._own, log=log).values(trouble=trouble))

    def add_samples(self, connection: sa.Connection, pattern: str, samples: Iterable[Sample]) -> None:
        """Add samples of a pattern, the newest last; the oldest go.

        Args:
            connection: where to write.
            pattern: its name.
            samples: without secrets.
        """
        rows = [
            {**self._own, "pattern": pattern, "log": one.log, "at": one.at, "text": one.text} for one in samples
        ][-MOST_SAMPLES:]  # fmt: skip
        if not rows:
            return
        connection.execute(sa.insert(log_samples), rows)
        mine = sa.select(log_samples.c.id).filter_by(**self._own, pattern=pattern).order_by(log_samples.c.id.desc())
        old = connection.scalar(mine.offset(MOST_SAMPLES).limit(1))
        if old is not None:
            gone = sa.delete(log_samples).filter_by(**self._own, pattern=pattern).where(log_samples.c.id <= old)
            connection.execute(gone)

    def samples(self, connection: sa.Connection, pattern: str) -> Sequence[Sample]:
        """The newest samples of a pattern, the newest first."""
        query = sa.select(log_samples).filter_by(**self._own, pattern=pattern).order_by(log_samples.c.id.desc())
        return [Sample(row.log, row.at, row.text) for row in connection.execute(query)]

    def newest(self, connection: sa.Connection) -> dict[str, datetime]:
        """When each pattern was seen last, by name."""
        query = (
            sa.select(log_samples.c.pattern, sa.func.max(log_samples.c.at).label("at"))
            .filter_by(**self._own)
            .group_by(log_samples.c.pattern)
        )
        return {row.pattern: row.at for row in connection.execute(query)}


def moment(milliseconds: int) -> datetime:
    """A line's time; one that no calendar has is the beginning of 1970."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.fromtimestamp(0, UTC)


__all__ = ["MOST_SAMPLES", "LogBook", "Place", "Sample", "moment"]
