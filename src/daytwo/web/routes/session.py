"""Logging in and out, for programs: `/api/session`."""

from datetime import datetime
from typing import Annotated

from fastapi import Request, Response
from pydantic import BaseModel, Field

from daytwo.access.roles import Role
from daytwo.access.sessions import Session
from daytwo.core.errors import NotFoundError, RefusedError
from daytwo.web.caller import caller
from daytwo.web.envelope import Data, Failure
from daytwo.web.house import Here
from daytwo.web.identify import drop_cookie, from_here, presence, set_cookie
from daytwo.web.routing import Area, Who

area = Area("session", "/api/session")
_THROTTLED = {429: {"model": Failure, "description": "There were too many tries; `Retry-After` says how long to wait."}}
_LOGIN = {401: {"model": Failure, "description": "The name or the password is wrong."}, **_THROTTLED}
_OTHER_SITE = {403: {"model": Failure, "description": "Another site's page sent this."}}

Text = Annotated[str, Field(min_length=1, max_length=1000)]


class Login(BaseModel):
    """Who logs in."""

    name: Text
    password: Text


class NewPassword(BaseModel):
    """A change of one's own password."""

    old: Text = Field(description="the password until now")
    new: Text = Field(description="at least 12 characters")


class Self(BaseModel):
    """Who is asking."""

    name: str
    via: str = Field(description="the way they came: session, token or socket")
    role: str
    areas: list[str] = Field(description="the only parts of the API they may use; all of them when empty")
    csrf: str | None = Field(default=None, description="give it as X-CSRF-Token with requests that change something")
    expires: datetime | None = Field(default=None, description="when the session ends by itself")


class Seen(BaseModel):
    """A session of one's own."""

    id: str
    begun: datetime
    expires: datetime
    source: str
    agent: str
    here: bool = Field(description="whether it is the one that asks")


@area.post("", None, status_code=201, responses={**_LOGIN, **_OTHER_SITE})
async def login(body: Login, request: Request, response: Response, house: Here) -> Data[Self]:
    """Log in with a name and a password; the answer's cookie is the session."""
    settings = house.current().serve
    from_here(request, settings)
    entry = await house.door.login(body.name, body.password, caller(request, settings))
    set_cookie(request, response, settings, entry.secret)
    return Data(data=_self(entry.session, entry.role.word, entry.csrf))


@area.get("", Role.VIEWER)
async def who_am_i(request: Request, who: Who) -> Data[Self]:
    """Who is asking, and the CSRF token of a session."""
    here = presence(request)
    told = Self(name=who.name, via=who.via.value, role=who.role.word, areas=sorted(who.areas))
    return Data(data=told if here is None else _self(here.session, who.role.word, here.csrf))


@area.delete("", Role.VIEWER, status_code=204)
def logout(request: Request, response: Response, who: Who, house: Here) -> None:
    """Log out: the session ends."""
    here = presence(request)
    if here is None:
        raise _no_session()
    house.door.do(lambda connection: house.door.leave(connection, who, here.session.id))
    drop_cookie(request, response, house.current().serve)


@area.post("/password", Role.VIEWER, responses=_THROTTLED)
async def change_password(body: NewPassword, request: Request, response: Response, who: Who, house: Here) -> Data[Self]:
    """Change one's own password. All one's sessions end; the answer's cookie is a new one."""
    if presence(request) is None:
        raise _no_session()
    settings = house.current().serve
    entry = await house.door.change_password(who.name, body.old, body.new, caller(request, settings))
    set_cookie(request, response, settings, entry.secret)
    return Data(data=_self(entry.session, entry.role.word, entry.csrf))


@area.get("/all", Role.VIEWER)
def own_sessions(request: Request, who: Who, house: Here) -> Data[list[Seen]]:
    """One's own sessions, the newest first."""
    here = presence(request)
    if here is None:
        raise _no_session()
    found = house.door.read(lambda connection: house.door.sessions.of(connection, who.name))
    return Data(data=[_seen(one, here.session) for one in found])


@area.delete("/{id}", Role.VIEWER, status_code=204)
def end_session(id: str, request: Request, who: Who, house: Here) -> None:
    """End one of one's own sessions."""
    if presence(request) is None:
        raise _no_session()
    if not house.door.do(lambda connection: house.door.leave(connection, who, id)):
        raise NotFoundError("there is no such session")


def _self(session: Session, role: str, csrf: str) -> Self:
    return Self(name=session.user, via="session", role=role, areas=[], csrf=csrf, expires=session.expires)


def _seen(one: Session, here: Session) -> Seen:
    return Seen(
        id=one.id, begun=one.begun, expires=one.expires, source=one.source, agent=one.agent, here=one.id == here.id
    )


def _no_session() -> RefusedError:
    return RefusedError("this is no session", hint="Only who has logged in with a password has sessions")
