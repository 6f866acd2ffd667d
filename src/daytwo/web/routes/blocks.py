"""Addresses that are shut out: `/api/blocks`."""

from functools import partial
from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from daytwo.access.roles import Role
from daytwo.config.acting import BlockSpan
from daytwo.core.errors import RefusedError
from daytwo.core.units import Duration
from daytwo.respond.actions.blocks import Block, BlockDesk
from daytwo.web.envelope import Data
from daytwo.web.house import Here, House
from daytwo.web.routing import Area, Who

area = Area("blocks", "/api/blocks")


class NewBlock(BaseModel):
    """An address to shut out."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    address: str = Field(min_length=2, max_length=60, description="an address or a network")
    for_: BlockSpan = Field(
        default=Duration(3600), alias="for", description="for how long: `1h`, at most 30 days"
    )  # fmt: skip
    why: str = Field(default="", max_length=500, description="why, in words")


@area.get("", Role.VIEWER)
def list_blocks(house: Here) -> Data[tuple[Block, ...]]:
    """What is shut out now, the newest first."""
    with house.database.read() as connection:
        return Data(data=_desk(house).active(connection))


@area.post("", Role.OPERATOR, status_code=201)
def add_block(body: NewBlock, who: Who, house: Here) -> Data[Block]:
    """Shut an address out. What guards refuse (409) is told with the reason."""
    desk, now = _desk(house), house.clock()
    desk.look()
    try:
        done = house.writer.run(
            lambda connection: desk.add(connection, body.address, body.for_.delta, body.why, who, now)
        )
    except RefusedError as error:
        refused = partial(desk.refused, address=body.address, error=error, who=who)
        house.writer.run(refused)
        raise
    return Data(data=done)


@area.delete("/{number}", Role.OPERATOR)
def remove_block(
    number: Annotated[int, Path(ge=1, le=1 << 31, description="the block's number")], who: Who, house: Here
) -> Data[Block]:
    """Let an address in again."""
    desk, now = _desk(house), house.clock()
    return Data(data=house.writer.run(lambda connection: desk.remove(connection, str(number), who, now)))


def _desk(house: House) -> BlockDesk:
    return BlockDesk(house.current, house.audit)
