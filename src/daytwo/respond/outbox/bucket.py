"""How much a channel may send: a token bucket, kept as one moment in time (the generic cell rate algorithm)."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Bucket:
    """What a channel has used up.

    Args:
        rate: messages a minute.
        burst: messages at once before that counts.
        spent: until when what it may send is used up; None when nothing is.
        since: since when it does not work; nothing that it may send is added meanwhile. None while it works.
    """

    rate: int
    burst: int
    spent: datetime | None = None
    since: datetime | None = None

    def take(self, now: datetime) -> "tuple[bool, Bucket]":
        """Use one up.

        Returns:
            Whether it may be sent now, and the bucket after that; the same one when it may not.
        """
        each = _MINUTE / self.rate
        now = min(now, self.since or now)
        # A clock that was set back must not block a channel for as long.
        spent = now if self.spent is None or self.spent > now + self.burst * each else max(self.spent, now)
        if spent - now > (self.burst - 1) * each:
            return False, self
        return True, replace(self, spent=spent + each)
