"""Makes one message of what is told together: what follows a first alert, summaries, and what was too much."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from daytwo.core.channel import Event, Message, Person, Section
from daytwo.core.registry import channel_class
from daytwo.respond.alerts import Alert, What, age
from daytwo.respond.messages import SECTIONS, Teller, worst
from daytwo.respond.outbox import Notification, Standing
from daytwo.respond.pipeline import Desk
from daytwo.respond.pipeline.tellings import Telling

_STILL = 200
"""Alerts of before that a summary counts."""


def collect(desk: Desk, connection: sa.Connection, now: datetime) -> int:
    """Make messages of every batch that is due.

    Args:
        desk: whose tellings they are.
        connection: of the transaction.
        now: the time now.

    Returns:
        How many messages were made.
    """
    made, standings = 0, desk.outbox.standings.all(connection)
    for (batch, channel, people), found in desk.tellings.due(connection, now).items():
        rests = standings.get(channel, Standing()).rests
        if batch == "overflow" and rests is not None and rests > now and _alone(desk, channel):
            # F20: it goes on collecting until the channel may be asked again.
            desk.tellings.put_off(connection, [one.id for one in found], rests)
            continue
        message, about = _message(desk, connection, batch, channel, people, found, now)
        names = "+".join(one.name for one in people)
        key = f"{batch} {channel} {found[0].id} {names}"[:200]
        number = desk.outbox.put(connection, channel, message, key, about, now)
        desk.tellings.made(connection, [one.id for one in found], number)
        made += 1
    return made


def fold(desk: Desk, connection: sa.Connection, now: datetime) -> int:
    """Where more waits for a channel than it may send at once, make one message of it.

    Args:
        desk: whose outbox it is.
        connection: of the transaction.
        now: the time now.

    Returns:
        How many messages were folded.
    """
    folded = 0
    for channel, waiting in desk.outbox.crowd(connection, now).items():
        settings = desk.config.channels.get(channel)
        by_people: dict[tuple[Person, ...], list[Notification]] = {}
        for one in waiting:
            by_people.setdefault(one.message.to, []).append(one)
        for people, found in by_people.items():
            # A service that counts keys would keep the summary open for ever: there, what is too much waits its turn.
            if settings is None or len(found) <= settings.burst or channel_class(settings.kind).acknowledges:
                continue
            about = f"summary {found[0].id}"
            message = _folded(desk.teller, found, people, now)
            number = desk.outbox.put(connection, channel, message, f"folded {channel} {found[0].id}", about, now)
            desk.outbox.fold(connection, [one.id for one in found], number)
            folded += len(found)
    return folded


def _alone(desk: Desk, channel: str) -> bool:
    """Whether no other channel takes over while this one rests."""
    settings = desk.config.channels.get(channel)
    return settings is not None and settings.fallback is None


def _message(
    desk: Desk, connection: sa.Connection, batch: str, channel: str, people: tuple[Person, ...],
    found: Sequence[Telling], now: datetime,
) -> tuple[Message, str]:  # fmt: skip
    alerts = desk.book.some(connection, [one.alert for one in found])
    kind, _, rest = batch.partition(" ")
    base = desk.config.own_name
    if kind == "summary":
        known = {one.id for one in alerts}
        numbers = desk.tellings.still_open(connection, batch, channel, _STILL)
        still = desk.book.some(connection, [one for one in numbers if one not in known])
        title = f"{_count(alerts)}{f', {len(still)} still there from before' if still else ''}"
        message = desk.teller.several([*alerts, *still], Event.NOTICE, f"{base}/{batch}", title, now, people)
        return message, batch
    if kind == "overflow":
        standing = any(one.open for one in alerts) or desk.tellings.still_open(connection, batch, channel, 1)
        event = Event.TRIGGER if standing else Event.RESOLVE
        title = f"Too many messages for one each: {_count(alerts)}"
        return desk.teller.several(alerts, event, f"{base}/overflow/{channel}", title, now, people), (
            f"summary {found[0].id}"
        )
    return _of_group(desk.teller, kind, int(rest), alerts, people, now), f"alert {rest}"


def _of_group(
    teller: Teller, kind: str, leader: int, alerts: Sequence[Alert], people: tuple[Person, ...], now: datetime
) -> Message:
    event = Event.TRIGGER if any(one.open for one in alerts) and kind != "over" else Event.NOTICE
    if len(alerts) == 1:
        what = {"over": What.OVER, "repeat": What.REPEAT}.get(kind, What.FIRED)
        message = teller.one(alerts[0], what if alerts[0].open else What.OVER, leader, now, people)
        return message.model_copy(update={"event": event})
    service = alerts[0].service
    title = {
        "over": f"{len(alerts)} of {service} are well again, others are not",
        "repeat": f"{service}: {_count(alerts)}, for {age(min(one.begin for one in alerts), now)}",
    }.get(kind, f"{service}: {len(alerts)} more: {', '.join(one.name for one in alerts[:5])}")
    return teller.several(alerts, event, teller.key(leader), title, now, people)


def _count(alerts: Sequence[Alert]) -> str:
    """How many of which level, in words: `2 critical, 1 warning, 3 over`."""
    parts = [
        (level, sum(one.open and one.level == level for one in alerts)) for level in ("critical", "warning", "info")
    ]
    parts.append(("over", sum(not one.open for one in alerts)))
    return ", ".join(f"{count} {word}" for word, count in parts if count) or "nothing"


def _folded(teller: Teller, found: Sequence[Notification], people: tuple[Person, ...], now: datetime) -> Message:
    shown = [Section(title=one.message.title, level=one.message.level) for one in found[:SECTIONS]]
    rest = len(found) - len(shown)
    events = {one.event for one in found}
    base = teller.config.own_name
    return Message(
        event=Event.TRIGGER if Event.TRIGGER in events else Event.NOTICE, key=f"{base}/folded/{found[0].id}",
        app=teller.config.app, environment=teller.config.environment,
        level=worst([one.message.level for one in found]), title=f"{len(found)} messages at once", at=now,
        text=f"And {rest} more: `daytwo notifications` lists them." if rest > 0 else "",
        sections=tuple(shown), to=people,
    )  # fmt: skip
