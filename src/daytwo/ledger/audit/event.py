"""One event: what is recorded, and what its hash is made of.

The hash of an event is the SHA-256, in hexadecimal, of this JSON text: an object of all columns but the hash itself
(`app`, `environment`, `chain`, `segment`, `seq`, `at`, `actor`, `via`, `source`, `action`, `subject`, `outcome`,
`detail`, `previous`), keys sorted, no spaces, everything beyond ASCII as `\\uXXXX`. Every value is as stored: `at` is
the text `2026-11-21T03:00:00.000000Z`, `detail` the text of a JSON object written by the same rules, `segment` and
`seq` are numbers. `previous` is the hash of the event with the number before in the same chain; of the first event of
all, 64 zeros. So every hash is about its event and, through the one before, about everything that ever came before it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import JsonValue

from daytwo.core.records import DataClass

NOTHING = "0" * 64
"""What stands for the hash before the first event."""
HASHED = (
    "app", "environment", "chain", "segment", "seq", "at", "actor", "via", "source", "action", "subject", "outcome",
    "detail", "previous",
)  # fmt: skip
"""The columns that a hash is about: all but the hash."""
LONGEST = 500
"""Characters of a text that is indexed: PostgreSQL's index rows end at 2,700 bytes."""


@dataclass(frozen=True)
class Event:
    """What somebody did.

    Args:
        action: `noun.verb`, such as `token.create`.
        subject: what it was done to.
        actor: who did it: a user's name, `token NAME`, `alice@host`, `schedule`.
        via: the way they came: `cli`, `session`, `token`, ...
        source: the address they came from, where there is one.
        outcome: `ok`, or in a word how it ended.
        detail: more, for whoever looks closer; no secrets.
    """

    action: str
    subject: str = ""
    actor: str = ""
    via: str = ""
    source: str = ""
    outcome: str = "ok"
    detail: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True)
class Recorded:
    """An event as it stands in the trail. Its id is `CHAIN/SEQ`."""

    chain: DataClass
    seq: int
    segment: int
    at: datetime
    actor: str
    via: str
    source: str
    action: str
    subject: str
    outcome: str
    detail: Mapping[str, JsonValue]
    previous: str
    hash: str

    @property
    def id(self) -> str:
        """Its name: the chain and its number in it."""
        return f"{self.chain}/{self.seq}"


def canonical(value: Mapping[str, object]) -> str:
    """JSON that is the same for the same values: keys sorted, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=repr)


def hash_of(row: Mapping[str, object]) -> str:
    """The hash of an event, from its columns as stored."""
    return hashlib.sha256(canonical({name: row[name] for name in HASHED}).encode()).hexdigest()


def storable(text: str, longest: int = LONGEST) -> str:
    """A text as both kinds of state can keep and index it: no NUL, no half of a surrogate pair, not endless."""
    clean = text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    return clean if len(clean) <= longest else f"{clean[: longest - 1]}…"
