"""Does by itself what `actions` says, once for each finding and alert; what a guard refuses is written down with why.

Findings and alerts are claimed in the transaction in which their acts are written down. So each act exists once,
however many look; and one that was not carried out when the daemon ended is carried out when it is back.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

import sqlalchemy as sa

from daytwo.access.roles import SYSTEM
from daytwo.config import Config
from daytwo.config.acting import Action
from daytwo.core.channel import Event, Fact, Link, Message
from daytwo.core.errors import DaytwoError, RefusedError
from daytwo.core.schedule import zone_of
from daytwo.core.shown import lasting
from daytwo.ledger.audit import Audit
from daytwo.respond.actions.blocks import BlockDesk
from daytwo.respond.oncall import Takeovers, reach, team_channels
from daytwo.respond.outbox import Outbox
from daytwo.store.database import insert
from daytwo.store.tables import acts, alerts, security_findings

_BACK = timedelta(days=1)
"""What is older is claimed, and nothing is done: whoever adds an action means what comes."""
_MOST = 500
_TRIES = 5

Investigate = Callable[[sa.Connection, sa.Row[Any], str, str, datetime], str]
"""Opens an incident: in a transaction, of a row of a finding or an alert, whether it is `finding` or `alert`, with a
severity, when; returns what it is called."""


class Actor:
    """Acts for one app.

    Args:
        config: gives the configuration as it is now.
        audit: the record of who did what.
        blocks: shuts addresses out.
        outbox: where messages go.
        investigate: opens incidents.
    """

    def __init__(
        self, config: Callable[[], Config], audit: Audit, blocks: BlockDesk, outbox: Outbox, investigate: Investigate
    ) -> None:
        self._config = config
        self._audit = audit
        self._blocks = blocks
        self._outbox = outbox
        self._investigate = investigate
        self._own = {"app": config().app, "environment": config().environment}
        self._takeovers = Takeovers(config().app, config().environment)

    def claim(self, connection: sa.Connection, now: datetime) -> int:
        """Take on what nobody has: findings by compare-and-set, alerts by the row that each act is.

        Returns:
            How many acts are waiting.
        """
        actions = {name: one for name, one in self._config().actions.items() if not one.off}
        query = sa.select(security_findings).filter_by(**self._own).where(security_findings.c.claimed.is_(None))
        for row in connection.execute(query.order_by(security_findings.c.id).limit(_MOST)).all():
            mine = security_findings.update().where(
                security_findings.c.id == row.id, security_findings.c.claimed.is_(None)
            )
            if connection.execute(mine.values(claimed=now)).rowcount and row.found > now - _BACK:
                self._order(connection, actions, f"finding {row.id}", now, kind=row.kind)
        if any(one.rules for one in actions.values()):
            self._claim_alerts(connection, actions, now)
        waiting = sa.select(sa.func.count()).select_from(acts).filter_by(**self._own, state="waiting")
        return int(connection.execute(waiting).scalar_one())

    def _claim_alerts(self, connection: sa.Connection, actions: dict[str, Action], now: datetime) -> None:
        fresh = (alerts.c.end.is_(None), alerts.c.begin > now - _BACK, ~_known())
        rules = connection.execute(sa.select(alerts.c.rule).filter_by(**self._own).where(*fresh).distinct()).scalars()
        patterns = [one for action in actions.values() if set(action.do) - {"block_ip"} for one in action.rules]
        # Those of which nothing is to be done never become known: they must not take the others' places.
        wanted = sorted(one for one in rules if _fits(one, patterns))[:_MOST]
        query = sa.select(alerts).filter_by(**self._own).where(*fresh, alerts.c.rule.in_(wanted))
        for row in connection.execute(query.order_by(alerts.c.id).limit(_MOST)).all():
            self._order(connection, actions, f"alert {row.id}", now, rule=row.rule)

    def prune(self, connection: sa.Connection, before: datetime) -> None:
        """Forget what was done before a time."""
        connection.execute(sa.delete(acts).filter_by(**self._own).where(acts.c.done < before))

    def waiting(self, connection: sa.Connection) -> list[int]:
        """The numbers of acts that wait, the oldest first."""
        query = sa.select(acts.c.id).filter_by(**self._own, state="waiting").order_by(acts.c.id).limit(_MOST)
        return list(connection.execute(query).scalars())

    def perform(self, connection: sa.Connection, number: int, now: datetime) -> str:
        """Carry an act out, with its record in the same transaction.

        Returns:
            What came of it, in a sentence; nothing where it does not wait any more.
        """
        query = sa.select(acts).filter_by(**self._own, id=number, state="waiting")
        # Another daemon may have it in hand (PostgreSQL); SQLite has one writer at a time.
        act = connection.execute(query.with_for_update(skip_locked=True)).one_or_none()
        if act is None:
            return ""
        action = self._config().actions.get(act.action)
        row = self._row(connection, act.about)
        if action is None or row is None:
            return self._settle(connection, act, "failed", "it is not there any more", now)
        if action.dry_run:
            return self._settle(connection, act, "dry", self._would(act.what, action, row), now)
        savepoint = connection.begin_nested()
        try:
            reason = self._do(connection, act, action, row, now)
        except RefusedError as error:
            savepoint.rollback()
            return self._settle(connection, act, "refused", error.what, now)
        except DaytwoError as error:
            savepoint.rollback()
            return self._settle(connection, act, "failed", str(error), now)
        savepoint.commit()
        return self._settle(connection, act, "done", reason, now)

    def failed(self, connection: sa.Connection, number: int, error: str, now: datetime) -> None:
        """Note that carrying an act out ended badly; it is given up after some tries."""
        act = connection.execute(sa.select(acts).filter_by(**self._own, id=number, state="waiting")).one_or_none()
        if act is None:
            return
        if act.tries + 1 >= _TRIES:
            self._settle(connection, act, "failed", error, now)
            return
        connection.execute(acts.update().where(acts.c.id == number).values(tries=act.tries + 1, reason=error))

    def _order(
        self,
        connection: sa.Connection,
        actions: dict[str, Action],
        about: str,
        now: datetime,
        kind: str = "",
        rule: str = "",
    ) -> None:
        for name, action in actions.items():
            if not (_fits(kind, action.security) or _fits(rule, action.rules)):
                continue
            for what in action.do:
                if what == "block_ip" and not kind:
                    continue
                row = {**self._own, "action": name, "what": what, "about": about, "at": now, "state": "waiting"}
                connection.execute(insert(connection, acts).on_conflict_do_nothing(), row)

    def _row(self, connection: sa.Connection, about: str) -> sa.Row[Any] | None:
        kind, _, number = about.partition(" ")
        table = security_findings if kind == "finding" else alerts
        return connection.execute(sa.select(table).filter_by(**self._own, id=int(number))).one_or_none()

    def _do(self, connection: sa.Connection, act: sa.Row[Any], action: Action, row: sa.Row[Any], now: datetime) -> str:
        if act.what == "block_ip":
            if not row.source:
                raise RefusedError("no address is known")
            done = self._blocks.add(
                connection, row.source, action.for_.delta, f"{act.action}: {_told(row)}", SYSTEM, now
            )
            return f"{done.network} is shut out until {done.until:%Y-%m-%d %H:%M} UTC"
        if act.what == "investigate":
            grades = list(self._config().incidents.severities)
            severity = action.severity or grades[min(2, len(grades) - 1)]
            return self._investigate(connection, row, act.about.partition(" ")[0], severity, now)
        config = self._config()
        deliveries = reach(config, action.to or team_channels(config), now, self._takeovers.standing(connection, now))
        if not deliveries:
            raise RefusedError("there is no channel to tell it by")
        for one in deliveries:
            message = self._message(act, row, now).model_copy(update={"to": one.to})
            key = f"act {act.id} {one.channel}{' people' if one.to else ''}"
            self._outbox.put(connection, one.channel, message, key, act.about, now)
        return f"told {', '.join(dict.fromkeys(one.channel for one in deliveries))}"

    def _message(self, act: sa.Row[Any], row: sa.Row[Any], now: datetime) -> Message:
        config, finding = self._config(), act.about.startswith("finding")
        limit = config.security.limits.get(row.kind) if finding else None
        since = row.begin.astimezone(zone_of(config.timezone))
        facts = [Fact(name="Action", value=act.action), Fact(name="Since", value=f"{since:%Y-%m-%d %H:%M:%S %Z}")]
        commands: tuple[str, ...] = () if finding else (f"daytwo alerts ack {row.id}",)
        if finding:
            facts.append(Fact(name="Events", value=f"{row.count}; {row.limit} in {lasting(row.within)} are too many"))
        if finding and row.source:
            facts.append(Fact(name="Address", value=row.source))
            commands = ("daytwo security findings", f"daytwo block add {row.source}")
        page = "/security" if finding else f"/alerts/{row.id}"
        links = () if config.serve.url is None else (Link(title="Look at it", url=f"{config.serve.url}{page}"),)
        return Message(
            event=Event.NOTICE, key=f"{config.own_name}/{act.about}", app=config.app,
            environment=config.environment, level="warning" if finding else row.level, title=_told(row),
            text=limit.about if limit else "" if finding else row.why, at=now, facts=tuple(facts), links=links,
            commands=commands,
        )  # fmt: skip

    def _would(self, what: str, action: Action, row: sa.Row[Any]) -> str:
        if what == "block_ip":
            return f"would shut {row.source or 'no address'} out for {action.for_}"
        return f"would tell {', '.join(action.to) or 'every channel'}" if what == "alert" else "would open an incident"

    def _settle(self, connection: sa.Connection, act: sa.Row[Any], state: str, reason: str, now: datetime) -> str:
        values = {"state": state, "reason": reason, "done": now, "tries": act.tries + 1}
        connection.execute(acts.update().where(acts.c.id == act.id).values(values))
        outcome = {"done": "ok", "dry": "ok"}.get(state, state)
        detail = {"action": act.action, "state": state, "reason": reason}
        self._audit.append(
            connection, f"action.{act.what}", act.about, actor=SYSTEM.name, via=SYSTEM.via.value, outcome=outcome,
            detail=detail,
        )  # fmt: skip
        return f"{act.action}, {act.about}: {act.what} {state}: {reason}"


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return bool(name) and any(fnmatchcase(name, one) for one in patterns)


def _told(row: sa.Row[Any]) -> str:
    if "kind" in row._mapping:
        source = f" from {row.source}" if row.source else ""
        return f"{row.kind}{source}: {row.count} in {lasting(row.within)}"
    return f"{row.rule} ({row.subject})"


def _known() -> sa.Exists:
    """Whether something was done about an alert already."""
    about = sa.literal("alert ") + sa.cast(alerts.c.id, sa.String)
    same = (acts.c.app == alerts.c.app, acts.c.environment == alerts.c.environment, acts.c.about == about)
    return sa.exists().where(*same)
