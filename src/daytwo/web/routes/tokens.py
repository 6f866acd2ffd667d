"""API tokens, for admins: `/api/tokens`."""

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, Field

from daytwo.access.roles import Role
from daytwo.access.tokens import LASTS, Token
from daytwo.core.errors import UsageError
from daytwo.core.units import Duration
from daytwo.web.envelope import Data, Failure
from daytwo.web.house import Here
from daytwo.web.routes.users import RoleWord
from daytwo.web.routing import Area, Who

area = Area("tokens", "/api/tokens")
_CONFLICT = {409: {"model": Failure, "description": "There is an active token of this name."}}
AreaName = Annotated[str, Field(pattern=r"^[a-z][a-z-]{0,30}$")]


class TokenShown(BaseModel):
    """A token, without its secret."""

    id: str
    name: str
    role: str
    areas: list[str] = Field(description="the only parts of the API it may use; all of them when empty")
    state: str = Field(description="active, expired or revoked")
    created: datetime
    created_by: str
    expires: datetime
    revoked: datetime | None
    used: datetime | None = Field(description="its last use, to the minute")
    used_from: str


class NewToken(BaseModel):
    """What token to make."""

    name: str = Field(max_length=63, description="what will use it")
    role: RoleWord
    areas: list[AreaName] = Field(default=[], max_length=20, description="limit it to these parts of the API")
    lasts: Duration = Field(
        default=Duration(LASTS), description="how long it is good for; a year unless told otherwise"
    )


class Made(BaseModel):
    """A new token."""

    secret: str = Field(description="give it as `Authorization: Bearer SECRET`; it is not shown again")
    token: TokenShown


@area.get("", Role.ADMIN)
def list_tokens(house: Here) -> Data[list[TokenShown]]:
    """All tokens, also those that have ended."""
    now = house.clock()
    return Data(data=[_shown(one, now) for one in house.door.read(house.door.tokens.all)])


@area.post("", Role.ADMIN, status_code=201, responses=_CONFLICT)
def create_token(body: NewToken, who: Who, house: Here) -> Data[Made]:
    """Make a token. Nobody can make one that may do more than they may."""
    door, role, areas = house.door, Role.parse(body.role), frozenset(body.areas)
    check_areas(areas)
    secret, made = door.do(
        lambda connection: door.tokens.create(connection, body.name, role, who, areas=areas, lasts=body.lasts)
    )
    return Data(data=Made(secret=secret, token=_shown(made, house.clock())))


@area.delete("/{id}", Role.ADMIN)
def revoke_token(id: Annotated[str, Path(max_length=63)], who: Who, house: Here) -> Data[TokenShown]:
    """End a token for ever, by its id or its name. It is refused from this moment on."""
    door = house.door
    found = door.do(lambda connection: door.tokens.revoke(connection, id, who))
    return Data(data=_shown(found, house.clock()))


def check_areas(areas: frozenset[str]) -> None:
    """Make sure that the API has these areas: a token for a misspelled one would be good for nothing.

    Raises:
        UsageError: it has not.
    """
    from daytwo.web.routes import AREAS

    names = {one.name for one in AREAS}
    if unknown := areas - names:
        raise UsageError(f"there is no area {min(unknown)}", hint=f"There are: {', '.join(sorted(names))}")


def _shown(token: Token, now: datetime) -> TokenShown:
    values = {**vars(token), "role": token.role.word, "areas": sorted(token.areas), "state": token.state(now)}
    return TokenShown(**values)
