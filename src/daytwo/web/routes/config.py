"""The configuration as it counts now, and the machine it counts on."""

import asyncio
import json
from typing import Any

from pydantic import BaseModel, Field

from daytwo.access.roles import Role
from daytwo.config import schema, show
from daytwo.web.envelope import Data
from daytwo.web.house import Here
from daytwo.web.routing import Area, Who

area = Area("config", "/api")


class ConfigView(BaseModel):
    """The configuration, secrets as references only."""

    path: str
    fingerprint: str
    text: str = Field(description="YAML, recipes merged and defaults filled in")
    refused: str = Field(description="why the last reload was refused; empty when it was not")


class Reloaded(BaseModel):
    """The file was read again."""

    fingerprint: str
    at_next_start: list[str] = Field(description="settings that count from the next start on")


@area.get("/config", Role.VIEWER)
def config(house: Here) -> Data[ConfigView]:
    """The configuration that the daemon works with."""
    now = house.current()
    return Data(
        data=ConfigView(path=str(now.path), fingerprint=now.fingerprint, text=show(now), refused=house.refused())
    )


@area.get("/config/schema", Role.VIEWER)
def config_schema() -> Data[dict[str, Any]]:
    """The JSON Schema of the configuration."""
    return Data(data=schema())


@area.post("/config/reload", Role.ADMIN)
async def reload(house: Here, who: Who) -> Data[Reloaded]:
    """Read the file again; with a mistake in it, everything stays as it is."""
    later = await asyncio.to_thread(house.reload)
    await house.act(who, "config.reload", house.current().fingerprint)
    return Data(data=Reloaded(fingerprint=house.current().fingerprint, at_next_start=later))


@area.get("/doctor", Role.OPERATOR)
async def doctor(house: Here, who: Who) -> Data[list[dict[str, Any]]]:
    """Tools, versions, rights, disk and keys, each with its remedy."""
    return Data(data=await house.desk.ask(who, json.dumps({"kind": "doctor"})))
