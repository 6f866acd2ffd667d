"""The door: who is asking, and may they come in?"""

import asyncio
import re
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import sqlalchemy as sa

from daytwo.access.entry import Caller, Entry
from daytwo.access.invitations import Invitations, Purpose
from daytwo.access.links import Links
from daytwo.access.names import password_for, typed, user_name
from daytwo.access.passwords import Passwords, is_outdated
from daytwo.access.recall import Recall
from daytwo.access.roles import Principal, Via
from daytwo.access.secretly import TOKEN_PREFIX, digest
from daytwo.access.sessions import Sessions, Visitor
from daytwo.access.throttle import Refusal, Throttle
from daytwo.access.tokens import Token, Tokens
from daytwo.access.users import Users
from daytwo.config.serving import Serve
from daytwo.core.errors import AuthenticationError, ThrottledError
from daytwo.ledger.audit import Audit
from daytwo.store.database import Database
from daytwo.store.writer import Writer

T = TypeVar("T")
_TOUCH = 60.0
"""Seconds: how exactly a token's last use is known. A write for each request would cost more than the request."""


Refused = Callable[[sa.Connection, str, str, str, int], None]
"""Who hears of logins that were none; see `Door`."""
_REFUSED = {"login.fail": "wrong name or password", "login.throttle": "too many tries"}


def _nobody_hears(connection: sa.Connection, source: str, user: str, why: str, count: int) -> None:
    pass


class Door:
    """Users, tokens, sessions and links, with what the routes and the command line do to them.

    Args:
        database: the state, to read from.
        writer: the state, to write to.
        audit: the record of who did what.
        clock: the time now, in UTC.
        settings: gives the daemon's settings as they are now.
        refused: hears of logins that failed or were not looked at, in their transaction: the address, the name of the
            user if there is such a one, why, and how many.
    """

    def __init__(
        self,
        database: Database,
        writer: Writer,
        audit: Audit,
        clock: Callable[[], datetime],
        settings: Callable[[], Serve],
        refused: Refused = _nobody_hears,
    ) -> None:
        self.sessions = Sessions(clock)
        self.users = Users(audit, self.sessions, clock)
        self.tokens = Tokens(audit, clock)
        self.invitations = Invitations(audit, clock)
        self.links = Links(self.invitations, self.users, settings)
        self._throttle = Throttle(clock)
        self._passwords = Passwords()
        self._database = database
        self._writer = writer
        self._audit = audit
        self._clock = clock
        self._settings = settings
        self._refused = refused
        self._tokens_seen: Recall[Token] = Recall()
        self._visitors_seen: Recall[Visitor] = Recall()
        self._touched: dict[str, datetime] = {}

    def close(self) -> None:
        """End the threads that hash passwords."""
        self._passwords.close()

    # Reading and writing

    def read(self, work: Callable[[sa.Connection], T]) -> T:
        """Look at something in the state."""
        with self._database.read() as connection:
            return work(connection)

    def do(self, work: Callable[[sa.Connection], T]) -> T:
        """Change something about who may come in; it counts at once in this process, in three seconds in others."""
        try:
            return self._writer.run(work)
        finally:
            self._forget()

    async def _do(self, work: Callable[[sa.Connection], T]) -> T:
        try:
            return await asyncio.wrap_future(self._writer.submit(work))
        finally:
            self._forget()

    def _forget(self) -> None:
        self._tokens_seen.clear()
        self._visitors_seen.clear()

    # Who is asking

    def known(self, secret: str) -> Token | Visitor | None:
        """Whose a token or a cookie's secret is, if that was asked a moment ago: never waits."""
        key = digest(secret)
        return self._valid(self._tokens_seen.get(key) or self._visitors_seen.get(key))

    def token(self, secret: str) -> Token | None:
        """The token that a secret belongs to; None when it has ended or never was."""
        if not secret.startswith(TOKEN_PREFIX):
            return None
        look = self._tokens_seen.look_up
        found = look(digest(secret), lambda: self.read(lambda connection: self.tokens.who(connection, secret)))
        return found if self._valid(found) else None

    def visitor(self, secret: str) -> Visitor | None:
        """Whose session a cookie's secret belongs to; None when it has ended or never was."""
        look = self._visitors_seen.look_up
        found = look(digest(secret), lambda: self.read(lambda connection: self.sessions.who(connection, secret)))
        return found if self._valid(found) else None

    def touch(self, token: Token, source: str) -> None:
        """A token is used; that is written down once a minute, and nobody waits for it."""
        now, last = self._clock(), self._touched.get(token.id)
        fresh = last is not None and abs((now - last).total_seconds()) < _TOUCH
        if not fresh:
            self._touched[token.id] = now
            self._writer.submit(lambda connection: self.tokens.used(connection, token.id, source))

    def _valid(self, found: Token | Visitor | None) -> Token | Visitor | None:
        ends = found.session.expires if isinstance(found, Visitor) else found.expires if found else None
        return found if ends and ends > self._clock() else None

    # Passwords

    async def login(self, name: str, password: str, caller: Caller, before: str = "") -> Entry:
        """Begin a session with a name and a password.

        Args:
            name: as typed.
            password: as typed.
            caller: where they come from.
            before: the secret of a session that ends with this login, if the browser had one.

        Raises:
            AuthenticationError: the name or the password is wrong; it is not told which.
            ThrottledError: there were too many tries.
        """
        name = name.strip().lower()[:64]
        hashed = await self._check(name, password, caller)
        renewed = await self._hash(password) if is_outdated(hashed) else hashed

        def enter(connection: sa.Connection) -> Entry | None:
            if self.users.password(connection, name) != hashed:
                return None  # changed, disabled or removed while the password was checked
            self.users.renew_hash(connection, name, hashed, renewed)
            return self._enter(connection, name, caller, before)

        entry = await self._do(enter)
        if entry is None:
            raise _wrong()
        return entry

    async def change_password(self, name: str, old: str, new: str, caller: Caller) -> Entry:
        """Have a user choose another password; all their sessions end and a new one begins.

        Raises:
            AuthenticationError: the old password is wrong.
            ThrottledError: there were too many tries.
            UsageError: the new one does not do.
        """
        password_for(name, new)
        hashed = await self._check(name, old, caller)
        renewed = await self._hash(new)

        def change(connection: sa.Connection) -> Entry | None:
            if self.users.password(connection, name) != hashed:
                return None
            self.users.set_password(connection, name, renewed, _self(connection, self.users, name, caller))
            return self._enter(connection, name, caller)

        entry = await self._do(change)
        if entry is None:
            raise _wrong()
        return entry

    def hash(self, name: str, password: str) -> str:
        """The hash of a new password, for the command line.

        Raises:
            UsageError: it does not do.
        """
        return self._passwords.hash(password_for(name, password)).result()

    async def _hash(self, password: str) -> str:
        return await asyncio.wrap_future(self._passwords.hash(typed(password)))

    async def _check(self, name: str, password: str, caller: Caller) -> str:
        submit = self._writer.submit
        found = await asyncio.wrap_future(submit(lambda connection: self._admit(connection, name, caller)))
        if isinstance(found, Refusal):
            raise ThrottledError(
                f"there were too many tries; wait {found.wait} s",
                hint="Whoever has lost the password asks an admin for a link",
                retry_after=found.wait,
            )
        if not await asyncio.wrap_future(self._passwords.verify(found, typed(password))):
            told = submit(lambda connection: self._tell(connection, "login.fail", name, caller, "failed"))
            await asyncio.wrap_future(told)
            raise _wrong()
        return found

    def _admit(self, connection: sa.Connection, name: str, caller: Caller) -> Refusal | str:
        # Who floods the door must not flood the record: the first refused try is in it, and then how many there were.
        answer = self._throttle.admit(connection, name, caller.source)
        if isinstance(answer, Refusal):
            if answer.first:
                self._tell(connection, "login.throttle", name, caller, "refused", wait=answer.wait)
            return answer
        if answer.unheard > 1:
            self._tell(connection, "login.throttle", name, caller, "refused", tries=answer.unheard)
        return self.users.password(connection, name)

    def _enter(self, connection: sa.Connection, name: str, caller: Caller, before: str = "") -> Entry:
        for part in (self._throttle, self.sessions, self.invitations):
            part.sweep(connection)
        self._throttle.succeeded(connection, name, caller.source)
        old = self.sessions.who(connection, before) if before else None
        if old is not None:
            self.sessions.end(connection, old.session.id, old.session.user)
        secret, new = self.sessions.begin(
            connection, name, self._settings().session, caller.source, _line(caller.agent)
        )
        self.users.saw(connection, name)
        self._tell(connection, "login.ok", name, caller, "ok", session=new.id)
        return Entry(secret, new, self.users.get(connection, name).role)

    def _tell(
        self, connection: sa.Connection, action: str, name: str, caller: Caller, outcome: str, **detail: str | int
    ) -> None:
        # A name that nobody has is not written down: it is now and then a password.
        known = name if self.users.find(connection, name) else ""
        if action in _REFUSED:
            # Of those that were refused, the first has been told already.
            self._refused(connection, caller.source, known, _REFUSED[action], max(1, int(detail.get("tries", 2)) - 1))
        self._audit.append(
            connection,
            action,
            known,
            actor=known or "unknown",
            via=Via.SESSION.value,
            source=caller.source,
            outcome=outcome,
            detail=detail,
        )

    def leave(self, connection: sa.Connection, who: Principal, id: str) -> bool:
        """End one of somebody's own sessions; whether there was such a one."""
        ended = self.sessions.end(connection, id, who.name)
        if ended:
            self._audit.append(
                connection, "session.end", who.name, actor=who.name, via=who.via.value, source=who.source,
                detail={"session": id},
            )  # fmt: skip
        return ended

    def log_out(self, connection: sa.Connection, name: str, by: Principal) -> int:
        """End all of a user's sessions; how many.

        Raises:
            NotFoundError: there is no such user.
        """
        self.users.get(connection, name)
        ended = self.sessions.end_all(connection, name)
        self._audit.append(
            connection, "session.end", name, actor=by.name, via=by.via.value, source=by.source, detail={"ended": ended}
        )
        return ended

    # Links

    def first_link(self, base: str = "") -> str | None:
        """A link with which the first admin chooses a name and a password; None when there are users.

        Args:
            base: the address that it begins with; the one of the settings when empty.
        """
        secret = self.do(self.links.first)
        return None if secret is None else self.links.address(secret, base)

    def set_password(
        self, connection: sa.Connection, name: str, hashed: str, by: Principal, *, must_change: bool
    ) -> None:
        """Give a user another password, for an admin; links end, and failed tries are forgotten.

        Raises:
            NotFoundError: there is no such user.
        """
        self.users.set_password(connection, name, hashed, by, must_change=must_change)
        self.invitations.forget(connection, name)
        self._throttle.forget(connection, name)

    async def accept(self, secret: str, name: str, password: str, caller: Caller) -> Entry:
        """Follow a link: choose a password, and a name where none is given, and begin a session.

        Raises:
            NotFoundError: the link has been used, has expired, or never was.
            UsageError: the name or the password does not do.
            ConflictError: there is a user of that name already.
        """
        found = await asyncio.to_thread(lambda: self.read(lambda connection: self.links.get(connection, secret)))
        name = found.name or user_name(name)
        hashed = await self._hash(password_for(name, password))

        def settle(connection: sa.Connection) -> Entry:
            taken = self.links.get(connection, secret)
            self.invitations.take(connection, secret)
            person = Principal(name, Via.SESSION, taken.role, source=caller.source)
            if taken.purpose == Purpose.RESET:
                self.users.set_password(connection, name, hashed, person)
            else:
                self.users.add(connection, name, taken.role, hashed, person)
            return self._enter(connection, name, caller)

        return await self._do(settle)


def _self(connection: sa.Connection, users: Users, name: str, caller: Caller) -> Principal:
    return Principal(name, Via.SESSION, users.get(connection, name).role, source=caller.source)


def _wrong() -> AuthenticationError:
    return AuthenticationError("the name or the password is wrong", hint="An admin can send you a link for a new one")


def _line(text: str) -> str:
    return re.sub(r"[^\x20-\x7e]", "?", text)
