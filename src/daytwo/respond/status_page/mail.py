"""Tells subscribers of updates: one mail each, ordered in the outbox bit by bit, once whatever happens in between."""

from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa

from daytwo.config import Config
from daytwo.core.channel import Event, Fact, Link, Message
from daytwo.respond.status_page.facts import components, update_of
from daytwo.respond.status_page.model import StatusView, StoryView
from daytwo.respond.status_page.subscribers import Subscribers
from daytwo.store.tables import incidents, status_updates

AT_ONCE = 100
"""Mails that are ordered in one transaction."""
OLD = timedelta(hours=1)
"""What is older when it becomes public is shown, and not told any more."""


class Letters:
    """Orders mails.

    Args:
        config: gives the configuration as it is now.
        subscribers: who gets them.
    """

    def __init__(self, config: Callable[[], Config], subscribers: Subscribers) -> None:
        self._config = config
        self._subscribers = subscribers
        self._own = {"app": config().app, "environment": config().environment}

    def waiting(self, connection: sa.Connection) -> list[int]:
        """Updates that have not been told to all, the oldest first."""
        query = sa.select(status_updates.c.id).filter_by(**self._own, mailed=None).order_by(status_updates.c.id)
        return [row.id for row in connection.execute(query.limit(100))]

    def spread(self, connection: sa.Connection, number: int, shown: StatusView, now: datetime) -> bool:
        """Order the next mails about an update.

        Args:
            connection: of the transaction.
            number: the update's.
            shown: the page.
            now: the time now.

        Returns:
            Whether there is more to do.
        """
        row = connection.execute(sa.select(status_updates).filter_by(**self._own, id=number).with_for_update()).one()
        channel = self._subscribers.channel
        if row.mailed is not None:
            return False
        if channel is None or row.withdrawn is not None or row.at < now - OLD or not self._public(connection, row):
            self._change(connection, number, mailed=now)
            return False
        people = self._subscribers.confirmed(connection, row.mailed_to, row.at, AT_ONCE)
        message = self._message(row, shown)
        for person, address in people:
            self._subscribers.order(connection, channel, person, address, message, f"status update {number}", now)
        if len(people) < AT_ONCE:
            self._change(connection, number, mailed=now)
            return False
        self._change(connection, number, mailed_to=people[-1][0])
        return True

    def _message(self, row: sa.Row[tuple[object, ...]], shown: StatusView) -> Message:
        update = update_of(row)
        story = _story(shown, update.story)
        title = story.title if story is not None else update.title or "Disturbance"
        config = self._config()
        titles = {name: one.title or name for name, one in components(config).items()}
        said = tuple(
            Fact(name=titles[name], value=health.word) for name, health in update.components.items() if name in titles
        )
        return Message(
            event=Event.NOTICE, key=update.story, app=shown.title, environment="", level="info",
            title=f"{update.state.capitalize()}: {title}", text=update.text, at=update.at, facts=said,
            links=(Link(title="Status page", url=shown.url),) if shown.url else (),
        )  # fmt: skip

    def _public(self, connection: sa.Connection, row: sa.Row[tuple[object, ...]]) -> bool:
        if row.incident is None:
            return True
        return bool(connection.execute(sa.select(incidents.c.public).where(incidents.c.id == row.incident)).scalar())

    def _change(self, connection: sa.Connection, number: int, **values: object) -> None:
        connection.execute(status_updates.update().where(status_updates.c.id == number).values(**values))


def _story(shown: StatusView, key: str) -> StoryView | None:
    return next((one for one in (*shown.current, *shown.past) if one.id == key), None)
