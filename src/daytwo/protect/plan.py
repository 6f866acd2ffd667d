"""What a backup will do, decided purely before anything is done."""

from collections.abc import Sequence
from datetime import datetime
from secrets import token_hex

from pydantic import BaseModel, ConfigDict

from daytwo.config import Config
from daytwo.core.errors import UsageError
from daytwo.core.repository import AnyRepository
from daytwo.core.service import AnyService, Component, Phase
from daytwo.protect import own


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class PlannedComponent(_Model):
    """A component that will be dumped."""

    name: str
    service: str
    phase: Phase
    secret: bool


class BackupPlan(_Model):
    """What a backup will do, decided before anything is done.

    Args:
        run: the run's id.
        snapshot: the id of the snapshot it will make.
        backup: its name in the configuration.
        at: when it was decided, UTC.
        components: what is dumped, in order.
        stores: repositories that are written to directly.
        copies: repositories that take copies, after the one they copy.
        stop: containers (or names of services) to stop for the time of the dump.
        safety: a safety snapshot: no retention, no hooks.
        only: the services that were asked for, where that leaves some of the backup's data out.
    """

    run: str
    snapshot: str
    backup: str
    at: datetime
    components: tuple[PlannedComponent, ...]
    stores: tuple[str, ...]
    copies: tuple[str, ...]
    stop: tuple[str, ...] = ()
    safety: bool = False
    only: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """The plan for people, one step a line, with reasons."""
        out = [f"stop {name} for the time of the dump, then put it back as it was" for name in self.stop]
        for component in self.components:
            secret = ", encrypted to the recovery recipients" if component.secret else ""
            when = "first: databases before files" if component.phase is Phase.DATABASE else "after the databases"
            out.append(f"dump {component.name} of {component.service} ({when}{secret})")
        out += [f"store in {name}, read back every byte, then make it visible" for name in self.stores]
        out += [f"copy to {name} and read the copy back" for name in self.copies]
        return out


def make_plan(
    config: Config,
    services: dict[str, AnyService],
    repositories: dict[str, AnyRepository],
    backup: str,
    now: datetime,
    *,
    only: Sequence[str] = (),
    to: Sequence[str] = (),
    safety: bool = False,
    own_state: bool = False,
) -> BackupPlan:
    """Decide what a backup does.

    Args:
        config: the configuration.
        services: the services by name.
        repositories: the repositories by name.
        backup: the backup's name.
        now: the time of the decision.
        only: services to back up instead of the configured ones.
        to: repositories to store in instead of the configured ones.
        safety: make a safety snapshot.
        own_state: have daytwo's own state go along, unless only some services are asked for.

    Raises:
        UsageError: there is no such backup, service or repository, or nothing to back up.
    """
    settings = config.backups.get(backup)
    if settings is None:
        raise UsageError(f"there is no backup {backup}", hint=f"There are: {', '.join(config.backups) or 'none'}")
    everything = tuple(name for name in services if name != own.NAME)
    whole = _known(settings.services or everything, services, "service")
    names = _known(only, services, "service") or whole
    left_out = any(services[name].components() for name in whole if name not in names)
    if own_state and settings.state and not only:
        names = (*names, own.NAME)
    targets = _known(to or settings.to or tuple(repositories), repositories, "repository")
    components = [(part, name) for name in names for part in services[name].components()]
    if not components:
        raise UsageError(f"backup {backup} has nothing to back up", hint="Give it services that hold data")
    ordered: list[Component] = sorted((part for part, _ in components), key=lambda part: part.phase)
    return BackupPlan(
        run=token_hex(8),
        snapshot=token_hex(4),
        backup=backup,
        at=now,
        components=tuple(
            PlannedComponent(name=part.name, service=part.service, phase=part.phase, secret=part.secret)
            for part in ordered
        ),
        stores=tuple(name for name in targets if not repositories[name].copy_of),
        copies=tuple(name for name in targets if repositories[name].copy_of),
        stop=settings.stop,
        safety=safety,
        only=names if left_out and not safety else (),
    )


def _known(names: Sequence[str], there: dict[str, AnyService] | dict[str, AnyRepository], noun: str) -> tuple[str, ...]:
    for name in names:
        if name not in there:
            raise UsageError(f"there is no {noun} {name}", hint=f"There are: {', '.join(there)}")
    return tuple(names)
