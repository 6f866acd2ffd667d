"""The part that opens incidents of alerts and findings, escalates those that nobody takes, and reminds of action items.

It has no timers of its own: what is due is in the state, so that it goes on where the daemon before stopped.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

import sqlalchemy as sa

from daytwo.respond.incidents.desk import IncidentDesk
from daytwo.respond.incidents.model import Level
from daytwo.respond.incidents.opening import Opener
from daytwo.serve.part import Part
from daytwo.serve.pulse import Pulse
from daytwo.store.database import Database, said_by
from daytwo.store.writer import Writer

T = TypeVar("T")
_log = logging.getLogger(__name__)
_ROUND = 2.0
_SET_RIGHT = timedelta(minutes=5)
_REMIND = timedelta(minutes=15)
_WATCH = timedelta(minutes=1)


class Escalator(Part):
    """Looks every two seconds for what is due.

    Args:
        pulse: where it shows that it goes round.
        database: the state, to read from.
        writer: writes to the state.
        desk: the incidents.
        opener: opens incidents.
        clock: the time now.
    """

    name = "escalator"
    limit = 60.0

    def __init__(
        self,
        pulse: Pulse,
        database: Database,
        writer: Writer,
        desk: IncidentDesk,
        opener: Opener,
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__(pulse)
        self._database = database
        self._writer = writer
        self._desk = desk
        self._opener = opener
        self._clock = clock
        self._checked: datetime | None = None
        self._reminded: datetime | None = None
        self._watched: datetime | None = None
        self._overdue: dict[int, str] = {}

    @property
    def overdue(self) -> tuple[str, ...]:
        """The levels that could not be carried out and are tried again, in sentences."""
        return tuple(self._overdue.values())

    async def work(self) -> None:
        """Look, carry out, sleep."""
        while not self.stopping.is_set():
            try:
                await self.tick()
                self.beat("; ".join(self.overdue[:5]))
            except sa.exc.SQLAlchemyError as error:
                self.beat(f"incidents wait: {said_by(error)}")
            await self.sleep(_ROUND)

    async def tick(self) -> list[str]:
        """Do once what is due.

        Returns:
            What was done, in sentences.
        """
        now = self._clock()
        said = []
        if _passed(self._checked, now, _SET_RIGHT):
            said += await self._write(lambda connection: self._desk.escalation.set_right(connection, now))
            self._checked = now
        opened = await self._write(lambda connection: self._opener.look(connection, now))
        said += [f"{one.about} is open: {one.severity}, {one.title}" for one in opened]
        due = await asyncio.to_thread(self._due, now)
        self._overdue = {id: why for id, why in self._overdue.items() if id in {one.id for one in due}}
        for level in due:
            said += await self._carry_out(level, now)
        if _passed(self._watched, now, _WATCH):
            said += await self._write(lambda connection: self._desk.gaps.look(connection, now))
            self._watched = now
        if _passed(self._reminded, now, _REMIND):
            said += await self._write(lambda connection: self._desk.actions.remind(connection, now))
            self._reminded = now
        for one in said:
            _log.warning("%s", one)
        return said

    async def _carry_out(self, level: Level, now: datetime) -> list[str]:
        """Each level in a transaction of its own: one that cannot be carried out does not hold up the others."""
        try:
            done = await self._write(lambda connection: self._desk.escalation.carry_out(connection, level.id, now))
        except sa.exc.OperationalError:
            raise
        except Exception as error:
            _log.exception(
                "level %d of incident %d was not carried out, and is tried again", level.level, level.incident
            )
            self._overdue[level.id] = (
                f"level {level.level} of incident {level.incident} is overdue: {type(error).__name__}"
            )
            return []
        self._overdue.pop(level.id, None)
        return [done] if done else []

    def _due(self, now: datetime) -> list[Level]:
        with self._database.read() as connection:
            return self._desk.escalation.due(connection, now)

    async def _write(self, work: Callable[[sa.Connection], T]) -> T:
        return await asyncio.wrap_future(self._writer.submit(work))


def _passed(last: datetime | None, now: datetime, length: timedelta) -> bool:
    """Whether it is time again; also when the clock was set back."""
    return last is None or not timedelta() <= now - last < length
