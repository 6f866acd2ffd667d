"""How the daemon itself is, for those who watch it: in a word for everybody, in full for those who may know."""

import shutil
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from daytwo.access.roles import Role
from daytwo.core.errors import DaytwoError
from daytwo.core.units import Size
from daytwo.ledger.glance import glance
from daytwo.protect.status import assess
from daytwo.store.url import StateUrl
from daytwo.web import metrics
from daytwo.web.envelope import Data
from daytwo.web.house import Here, House
from daytwo.web.routing import Area

area = Area("health", "")
_LITTLE = 100_000_000
"""Bytes: with less than this beside the state, it will soon not be writable."""


class Word(BaseModel):
    """How it is, in a word: `ok` or `failing`."""

    status: str


class PartState(BaseModel):
    """A part of the daemon."""

    part: str
    fresh: bool
    seconds_since_last_round: float
    trouble: str


class BackupState(BaseModel):
    """How a backup stands."""

    name: str
    health: str
    why: str
    last: datetime | None
    due: datetime | None


class Detailed(BaseModel):
    """How everything is; `problems` says in words what is wrong, and is empty when nothing is."""

    status: str
    problems: list[str]
    parts: list[PartState]
    state: str
    configuration: str
    runs: list[str]
    backups: list[BackupState]


def problems(house: House) -> list[str]:
    """What is wrong with the daemon itself, in words."""
    found = [f"{one.part} has not gone round for {one.age:.0f} s" for one in house.pulse.stale]
    found += [f"{one.part}: {one.trouble}" for one in house.pulse.beats() if one.trouble]
    try:
        with house.database.read() as connection:
            connection.exec_driver_sql("select 1 from runs where 1 = 0")
    except Exception as error:  # whatever it is, it is the answer
        found.append(f"the state cannot be read: {type(error).__name__}")
    if lost := house.database.lost:
        found.append(
            f"the state {house.database.url} {lost}, and what is written now goes to the old one: stop the daemon, put "
            "the file back or restore it from the last snapshot (daytwo-state.sqlite), and start the daemon again"
        )
    if house.database.url.is_sqlite and house.database.url.file.parent.is_dir():
        free = shutil.disk_usage(house.database.url.file.parent).free
        if free < _LITTLE:
            found.append(f"only {Size(free).human} is free beside the state")
    return found


def _word(house: House) -> Response:
    bad = problems(house)
    return JSONResponse({"data": {"status": "failing" if bad else "ok"}}, 503 if bad else 200)


_FAILING = {503: {"model": Data[Word], "description": "Something is wrong."}}


@area.get("/api/health", None, response_model=Data[Word], responses=_FAILING)
def health(house: Here) -> Response:
    """Is the daemon well? Tells nothing else."""
    return _word(house)


@area.get("/api/monitoring/health/live", None)
async def live() -> Data[Word]:
    """Does the process answer?"""
    return Data(data=Word(status="ok"))


@area.get("/api/monitoring/health/ready", None, response_model=Data[Word], responses=_FAILING)
def ready(house: Here) -> Response:
    """Can it do its work: is the state readable, does every part go round?"""
    return _word(house)


@area.get("/api/monitoring/health/detailed", Role.VIEWER)
def detailed(house: Here) -> Data[Detailed]:
    """What is wrong, and how each part is."""
    config = house.current()
    bad = problems(house)
    backups: list[BackupState] = []
    try:
        seen = glance(StateUrl.of(config), config.app, config.environment)
        for one in assess(config.backups, config.timezone, seen, house.clock()):
            last = one.last.at if one.last else None
            backups.append(BackupState(name=one.name, health=one.health, why=one.why, last=last, due=one.due))
            if not one.health.well:
                bad.append(f"backup {one.name} is {one.health}: {one.why}")
    except DaytwoError as error:
        bad.append(str(error))
    if house.refused():
        bad.append(f"the configuration file was not reloaded: {house.refused()}")
    return Data(
        data=Detailed(
            status="failing" if bad else "ok",
            problems=bad,
            parts=[
                PartState(
                    part=one.part, fresh=one.fresh, seconds_since_last_round=round(one.age, 3), trouble=one.trouble
                )
                for one in house.pulse.beats()
            ],
            state=str(house.database.url),
            configuration=config.fingerprint,
            runs=list(house.desk.workers.busy),
            backups=backups,
        )
    )


@area.get("/metrics", Role.VIEWER, response_class=Response)
def exposition(text: Annotated[str, Depends(metrics.text)]) -> Response:
    """Figures for Prometheus, in its text format."""
    return Response(text, media_type=metrics.CONTENT_TYPE)
