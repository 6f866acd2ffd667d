"""Tells everybody of a rota when a time begins in which nobody is on call: each is then told of what breaks."""

from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa

from daytwo.config import Config
from daytwo.core.channel import Event, Fact, Message
from daytwo.core.periods import Period
from daytwo.core.schedule import zone_of
from daytwo.respond.oncall.reach import reach
from daytwo.respond.oncall.takeovers import Takeovers
from daytwo.respond.oncall.turns import gaps
from daytwo.respond.outbox import Outbox

_AHEAD = timedelta(days=62)


class GapWatch:
    """Looks for rotas in which nobody is on call.

    Args:
        takeovers: who took over by hand.
        config: gives the configuration as it is now.
        outbox: where messages go.
    """

    def __init__(self, takeovers: Takeovers, config: Callable[[], Config], outbox: Outbox) -> None:
        self._takeovers = takeovers
        self._config = config
        self._outbox = outbox
        self._said: set[str] = set()

    def look(self, connection: sa.Connection, now: datetime) -> list[str]:
        """Tell of the gaps that are going on and that nobody was told of.

        Args:
            connection: of the transaction.
            now: the time now, aware.

        Returns:
            What was not said before, in sentences.
        """
        config = self._config()
        wanted = {name: rota for name, rota in config.oncall.items() if rota.gaps == "warn"}
        taken = self._takeovers.between(connection, now, now + _AHEAD)
        found = {}
        for name, rota in wanted.items():
            ahead = gaps(rota, config.timezone, now, now + _AHEAD, taken.get(name, ()))
            if ahead and ahead[0].begin <= now:
                key, said = self._tell(connection, name, ahead[0], now)
                found[key] = said
        new = [said for key, said in found.items() if key not in self._said]
        self._said = set(found)
        return new

    def _tell(self, connection: sa.Connection, rota: str, gap: Period, now: datetime) -> tuple[str, str]:
        config = self._config()
        # By its end: its beginning is forgotten when the daemon was not there, and one that has none is one gap.
        ends = gap.end < now + _AHEAD
        until = f"{gap.end.astimezone(zone_of(config.timezone)):%a %Y-%m-%d %H:%M %Z}" if ends else "nobody knows when"
        key = f"gap {rota} {f'{gap.end:%FT%T}' if ends else 'open'}"
        message = Message(
            event=Event.NOTICE, key=f"{config.own_name}/oncall/{rota}", app=config.app,
            environment=config.environment, level="warning", title=f"Nobody is on call in {rota}",
            text="Until somebody takes over, everybody of it is told of what breaks.", at=now,
            facts=(Fact(name="until", value=until),), commands=(f"daytwo oncall take {rota} --for 8h --person NAME",),
        )  # fmt: skip
        for one in reach(config, (rota,), now):
            told = message.model_copy(update={"to": one.to})
            self._outbox.put(connection, one.channel, told, f"{key} {one.channel}", f"rota {rota}", now)
        return key, f"nobody is on call in {rota} until {until}"
