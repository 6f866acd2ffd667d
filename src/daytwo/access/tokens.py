"""API tokens: how programs come in."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from daytwo.access.names import token_name
from daytwo.access.roles import Principal, Role
from daytwo.access.secretly import digest, new_id, new_token
from daytwo.core.errors import ConflictError, ForbiddenError, NotFoundError, UsageError
from daytwo.ledger.audit import Audit
from daytwo.store.tables import tokens

LASTS = 365 * 86400.0
"""Seconds until a token expires, unless told otherwise."""
LONGEST = 10 * LASTS


@dataclass(frozen=True)
class Token:
    """An API token, without its secret.

    Args:
        id: to speak of it by.
        name: what uses it.
        role: what it may do.
        areas: the only parts of the API it may use; all of them when empty.
        created: when.
        created_by: who made it.
        expires: when it ends by itself.
        revoked: when it was ended, or None.
        used: its last use, to the minute, or None.
        used_from: from which address.
    """

    id: str
    name: str
    role: Role
    areas: frozenset[str]
    created: datetime
    created_by: str
    expires: datetime
    revoked: datetime | None
    used: datetime | None
    used_from: str

    def state(self, now: datetime) -> str:
        """`active`, `expired` or `revoked`."""
        if self.revoked:
            return "revoked"
        return "expired" if self.expires <= now else "active"


class Tokens:
    """The API tokens in the state.

    Args:
        audit: the record of who did what.
        clock: the time now, in UTC.
    """

    def __init__(self, audit: Audit, clock: Callable[[], datetime]) -> None:
        self._audit = audit
        self._clock = clock

    def all(self, connection: sa.Connection) -> tuple[Token, ...]:
        """All tokens, also the ended ones, by name."""
        return tuple(
            _token(row) for row in connection.execute(sa.select(tokens).order_by(tokens.c.name, tokens.c.created))
        )

    def create(
        self,
        connection: sa.Connection,
        name: str,
        role: Role,
        by: Principal,
        *,
        areas: frozenset[str] = frozenset(),
        lasts: float = LASTS,
    ) -> tuple[str, Token]:
        """Make one.

        Args:
            connection: to the state.
            name: what will use it; no two active tokens have the same.
            role: what it may do.
            by: who makes it; nobody gives more than they have.
            areas: the only parts of the API it may use; all when empty.
            lasts: seconds until it expires.

        Returns:
            The secret, which cannot be had again, and the token.

        Raises:
            UsageError: the name or the time makes no sense.
            ForbiddenError: it would be able to do more than `by`.
            ConflictError: there is an active one of that name.
        """
        name, now = token_name(name), self._clock()
        if not 0 < lasts <= LONGEST:
            raise UsageError("a token lasts from a second to ten years", hint="For instance 90d")
        if role > by.role or (by.areas and not (areas and areas <= by.areas)):
            raise ForbiddenError("a token cannot do more than who makes it", hint="Give it a lower role or fewer areas")
        if any(one.name == name and one.state(now) == "active" for one in self.all(connection)):
            raise ConflictError(f"there is a token {name} already", hint="Revoke it first, or choose another name")
        secret = new_token()
        new = Token(new_id(), name, role, areas, now, by.name, now + timedelta(seconds=lasts), None, None, "")
        values = {**vars(new), "role": role.word, "areas": json.dumps(sorted(areas)), "hash": digest(secret)}
        connection.execute(tokens.insert().values(**values))
        detail = {"role": role.word, "areas": sorted(areas), "expires": new.expires.isoformat(), "id": new.id}
        self._write(connection, "token.create", name, by, detail)
        return secret, new

    def find(self, connection: sa.Connection, wanted: str) -> Token:
        """One token by its id, or the active one of a name.

        Raises:
            NotFoundError: there is none.
        """
        now = self._clock()
        for one in self.all(connection):
            if one.id == wanted or (one.name == wanted and one.state(now) == "active"):
                return one
        raise NotFoundError(f"there is no token {wanted[:63]}", hint="`daytwo tokens list` shows them")

    def revoke(self, connection: sa.Connection, wanted: str, by: Principal) -> Token:
        """End one for ever; nothing happens to one that has ended.

        Args:
            connection: to the state.
            wanted: its id, or the name of an active one.
            by: who ends it.

        Raises:
            NotFoundError: there is none.
        """
        found = self.find(connection, wanted)
        if found.revoked:
            return found
        connection.execute(tokens.update().where(tokens.c.id == found.id).values(revoked=self._clock()))
        self._write(connection, "token.revoke", found.name, by, {"id": found.id})
        return self.find(connection, found.id)

    def who(self, connection: sa.Connection, secret: str) -> Token | None:
        """The token that a secret belongs to; None when it has ended or never was."""
        row = connection.execute(sa.select(tokens).where(tokens.c.hash == digest(secret))).first()
        found = None if row is None else _token(row)
        return found if found and found.state(self._clock()) == "active" else None

    def used(self, connection: sa.Connection, id: str, source: str) -> None:
        """Write the last use down."""
        connection.execute(tokens.update().where(tokens.c.id == id).values(used=self._clock(), used_from=source[:64]))

    def _write(self, connection: sa.Connection, action: str, name: str, by: Principal, detail: dict[str, Any]) -> None:
        self._audit.append(connection, action, name, actor=by.name, via=by.via.value, source=by.source, detail=detail)


def _token(row: Any) -> Token:
    return Token(
        row.id,
        row.name,
        Role.parse(row.role),
        frozenset(json.loads(row.areas)),
        row.created,
        row.created_by,
        row.expires,
        row.revoked,
        row.used,
        row.used_from,
    )
