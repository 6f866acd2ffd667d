"""The part that orders what is due."""

import asyncio
import json
import logging
from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa
from pydantic import JsonValue

from daytwo.config import Config
from daytwo.ledger.audit import Audit
from daytwo.ledger.queue import Entry, Queue, scheduled_id
from daytwo.ledger.runs import Outcome
from daytwo.ledger.schedules import Schedules
from daytwo.serve.due import Decision, Due, Round, changed, look
from daytwo.serve.part import Part
from daytwo.serve.pulse import Pulse
from daytwo.serve.site import Site
from daytwo.store.writer import Writer

_log = logging.getLogger(__name__)
_ROUND = 20.0
"""Seconds between two looks at most: the clock may have been set meanwhile."""


class Scheduler(Part):
    """Looks at the schedules, and orders what is due.

    Args:
        pulse: where it shows that it goes round.
        site: the configuration.
        schedules: what is remembered of them.
        queue: takes the orders.
        audit: the record of who did what.
        writer: writes to the state.
        ordered: called when there is something to do.
        clock: the time now.
    """

    name = "scheduler"

    def __init__(
        self,
        pulse: Pulse,
        site: Site,
        schedules: Schedules,
        queue: Queue,
        audit: Audit,
        writer: Writer,
        ordered: Callable[[], None],
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__(pulse)
        self._site = site
        self._schedules = schedules
        self._queue = queue
        self._audit = audit
        self._writer = writer
        self._ordered = ordered
        self._clock = clock
        self._before: Config | None = None

    async def work(self) -> None:
        """Look, order, and sleep until the next occurrence."""
        while not self.stopping.is_set():
            round_ = await self.tick()
            self.beat()
            seconds = (round_.next - self._clock()).total_seconds() if round_.next else _ROUND
            await self.sleep(min(max(seconds, 0.05), _ROUND))

    async def tick(self) -> Round:
        """Order what is due now. Doing it twice, or in two daemons, orders nothing twice."""
        config, now = self._site.config, self._clock()
        remembered = await asyncio.to_thread(self._schedules.all)
        before = self._before or config
        anew = changed(before.backups, config.backups, (before.timezone, config.timezone))
        found = look(config.backups, config.timezone, remembered, now, anew)
        for name in found.set_back:
            _log.warning("the clock was set back: schedule %s was seen later than it shows now", name)
        if found.seen:
            await asyncio.wrap_future(
                self._writer.submit(lambda connection: self._note(connection, config, found, now))
            )
        self._before = config
        if found.due:
            self._ordered()
        return found

    def _note(self, connection: sa.Connection, config: Config, found: Round, now: datetime) -> None:
        for one in found.due:
            self._order(connection, config, one, now)
        for name, seen in found.seen.items():
            self._schedules.see(connection, name, seen)

    def _order(self, connection: sa.Connection, config: Config, due: Due, now: datetime) -> None:
        id = scheduled_id(config.app, config.environment, due.name, due.at)
        request = json.dumps({"kind": "backup", "backup": due.name})
        entry = Entry(id, "backup", due.name, request, "schedule", "schedule", due.at)
        outcome = Outcome.MISSED if due.decision is Decision.MISSED else Outcome.QUEUED
        if outcome is Outcome.QUEUED and self._queue.open(connection, "backup", due.name):
            outcome = Outcome.SKIPPED
        if not self._queue.add(connection, entry, now, outcome):
            return
        detail: dict[str, JsonValue] = {"due": due.at.isoformat(), "run": id, "earlier_missed": due.earlier}
        action = {Outcome.QUEUED: "backup.order", Outcome.SKIPPED: "backup.skip", Outcome.MISSED: "backup.miss"}[
            outcome
        ]
        self._audit.append(connection, action, due.name, actor="schedule", via="schedule", detail=detail)
        _log.info(
            "backup %s, due %s: %s", due.name, due.at.isoformat(), due.decision.value if outcome.open else outcome
        )
