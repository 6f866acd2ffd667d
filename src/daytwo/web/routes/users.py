"""Users, for admins: `/api/users`."""

from datetime import datetime
from typing import Annotated, Literal

import sqlalchemy as sa
from fastapi import Path
from pydantic import BaseModel, Field

from daytwo.access.invitations import Invitation
from daytwo.access.roles import Principal, Role
from daytwo.access.users import User
from daytwo.core.errors import ForbiddenError
from daytwo.web.envelope import Data, Failure
from daytwo.web.house import Here
from daytwo.web.routing import Area, Who

area = Area("users", "/api/users")
invitations = Area("users", "/api/invitations")
RoleWord = Literal["viewer", "operator", "admin"]
NamePath = Annotated[str, Path(max_length=63)]
_CONFLICT = {409: {"model": Failure, "description": "It cannot be done as things are."}}


class UserShown(BaseModel):
    """A user."""

    name: str
    role: str
    created: datetime
    disabled: datetime | None = Field(description="since when they may not log in; null when they may")
    must_change: bool = Field(description="whether they must choose a new password first")
    seen: datetime | None = Field(description="their last login")


class NewUser(BaseModel):
    """Whom to invite."""

    name: str = Field(max_length=63, description="by which they will log in; an e-mail address is fine")
    role: RoleWord


class Change(BaseModel):
    """What to change; what is left out stays."""

    role: RoleWord | None = None
    disabled: bool | None = None


class Link(BaseModel):
    """A one-time link."""

    link: str = Field(description="give it to the user; it is not shown again")
    expires: datetime


class InvitationShown(BaseModel):
    """A one-time link that nobody has used, without what makes it one."""

    purpose: str = Field(description="`first` makes the first admin, `invite` a user, `reset` gives another password")
    name: str = Field(description="whose account it makes or opens; empty when they choose it themselves")
    role: str
    created: datetime
    created_by: str
    expires: datetime


class Ended(BaseModel):
    """How many sessions ended."""

    ended: int


@area.get("", Role.ADMIN)
def list_users(house: Here) -> Data[list[UserShown]]:
    """All users."""
    return Data(data=[_shown(one) for one in house.door.read(house.door.users.all)])


@area.post("", Role.ADMIN, status_code=201, responses=_CONFLICT)
def invite(body: NewUser, who: Who, house: Here) -> Data[Link]:
    """Invite a user: they choose a password at the link."""
    _whole(who)
    door, role = house.door, Role.parse(body.role)
    return Data(data=_link(house, door.do(lambda connection: door.links.invite(connection, body.name, role, who))))


@area.get("/{name}", Role.ADMIN)
def show_user(name: NamePath, house: Here) -> Data[UserShown]:
    """One user."""
    return Data(data=_shown(house.door.read(lambda connection: house.door.users.get(connection, name))))


@area.patch("/{name}", Role.ADMIN, responses=_CONFLICT)
def change_user(name: NamePath, body: Change, who: Who, house: Here) -> Data[UserShown]:
    """Give a user another role, keep them out, or let them in again. Their sessions end at once."""
    _whole(who)
    users = house.door.users

    def change(connection: sa.Connection) -> User:
        if body.role is not None:
            users.set_role(connection, name, Role.parse(body.role), who)
        if body.disabled is not None:
            users.set_disabled(connection, name, body.disabled, who)
        return users.get(connection, name)

    return Data(data=_shown(house.door.do(change)))


@area.delete("/{name}", Role.ADMIN, status_code=204, responses=_CONFLICT)
def remove_user(name: NamePath, who: Who, house: Here) -> None:
    """Remove a user. Their sessions end at once; what they did stays in the record."""
    _whole(who)
    house.door.do(lambda connection: house.door.users.remove(connection, name, who))


@area.post("/{name}/reset", Role.ADMIN, status_code=201)
def reset_password(name: NamePath, who: Who, house: Here) -> Data[Link]:
    """A link at which a user chooses a new password. The old one stays until they do."""
    _whole(who)
    door = house.door
    return Data(data=_link(house, door.do(lambda connection: door.links.reset(connection, name, who))))


@area.delete("/{name}/sessions", Role.ADMIN)
def end_sessions(name: NamePath, who: Who, house: Here) -> Data[Ended]:
    """Log a user out everywhere."""
    door = house.door
    return Data(data=Ended(ended=door.do(lambda connection: door.log_out(connection, name, who))))


@invitations.get("", Role.ADMIN)
def open_invitations(house: Here) -> Data[list[InvitationShown]]:
    """Links that nobody has used yet; the links themselves are stored nowhere."""
    found = house.door.read(house.door.links.open)
    return Data(data=[InvitationShown(**{**vars(one), "role": one.role.word}) for one in found])


@invitations.delete("/{name}", Role.ADMIN, status_code=204)
def withdraw_invitation(name: NamePath, who: Who, house: Here) -> None:
    """End a link: it leads nowhere any more."""
    _whole(who)
    house.door.do(lambda connection: house.door.links.withdraw(connection, name, who))


def _whole(who: Principal) -> None:
    """Whoever hands out access must have it all: else a limited token could make itself an unlimited user."""
    if who.areas:
        raise ForbiddenError(
            f"{who.name} is limited to areas and cannot hand out access", hint="Use a token that is not"
        )


def _shown(user: User) -> UserShown:
    return UserShown(**{**vars(user), "role": user.role.word})


def _link(house: Here, made: tuple[str, Invitation]) -> Link:
    return Link(link=house.door.links.address(made[0]), expires=made[1].expires)
