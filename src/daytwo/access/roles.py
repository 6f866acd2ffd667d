"""Roles, and on whose behalf something is done."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Role(IntEnum):
    """What somebody may do; each may do what the ones below it may."""

    VIEWER = 1
    """Looks at everything but secrets."""
    OPERATOR = 2
    """Runs what is configured: backups, verifications, heartbeats, exports."""
    ADMIN = 3
    """Restores over live data, removes snapshots, manages users and tokens."""

    @property
    def word(self) -> str:
        """The written form."""
        return self.name.lower()

    @classmethod
    def parse(cls, text: str) -> "Role":
        """Read the written form.

        Raises:
            ValueError: it is none.
        """
        try:
            return cls[text.upper()]
        except KeyError:
            raise ValueError(f"'{text}' is no role; there are: viewer, operator, admin") from None


class Via(StrEnum):
    """The way somebody came."""

    CLI = "cli"
    SOCKET = "socket"
    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - the way, not a secret
    SCHEDULE = "schedule"
    SYSTEM = "system"


@dataclass(frozen=True)
class Principal:
    """On whose behalf something is done.

    Args:
        name: for the record: a user's name, `token NAME`, `alice@host`, `schedule`.
        via: the way they came.
        role: what they may do.
        areas: the only parts of the API they may use (`exports`, `runs`, ...); all of them when empty.
        source: the address they came from, where there is one.
    """

    name: str
    via: Via
    role: Role
    areas: frozenset[str] = frozenset()
    source: str = ""

    def may(self, role: Role, area: str) -> bool:
        """Whether they may do what needs this role in this part of the API."""
        return self.role >= role and (not self.areas or area in self.areas)


SYSTEM = Principal("daytwo", Via.SYSTEM, Role.ADMIN)
"""The daemon itself."""
SCHEDULE = Principal("schedule", Via.SCHEDULE, Role.OPERATOR)
"""What the configuration's schedules do."""
