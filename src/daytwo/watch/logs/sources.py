"""Which logs there are: those that the configuration names, and the containers of its services."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from daytwo.config import Config
from daytwo.config.listening import AccessFormat, LogSource
from daytwo.core.containers import Wanted
from daytwo.core.service import ServiceSettings
from daytwo.core.target import LOCAL, Target, make_target

Kind = Literal["container", "journal", "file"]
_NONE = Wanted()


@dataclass(frozen=True)
class Log:
    """A log that is followed.

    Args:
        name: the log's name.
        kind: what sort of place it is in.
        host: where that is.
        wanted: which container, with kind `container`.
        unit: which systemd unit, with kind `journal`.
        path: which file, with kind `file`.
        access: its form, when it is an access log.
        routes: of an access log, by name.
    """

    name: str
    kind: Kind
    host: Target = LOCAL
    wanted: Wanted = _NONE
    unit: str = ""
    path: Path = Path()
    access: AccessFormat | None = None
    routes: tuple[tuple[str, str], ...] = ()

    @property
    def place(self) -> str:
        """Where it is, for people: `container shop-web`, `unit ssh.service on host backup`."""
        what = {"container": f"container {self.wanted}", "journal": f"unit {self.unit}", "file": str(self.path)}
        return what[self.kind] if self.host.is_local else f"{what[self.kind]} on {self.host}"

    @property
    def source(self) -> str:
        """What a position in it belongs to: another place begins anew."""
        return json.dumps([self.kind, str(self.host), str(self.wanted), self.unit, str(self.path)])


def logs_of(config: Config) -> dict[str, Log]:
    """The logs of a configuration, by name.

    A container is followed once, however many services are in it: as the entry of `logs` that names it, or else as the
    first of its services, one with an entry before the others. Turned off for one of them, it is for all.

    Args:
        config: one without mistakes.
    """
    found: dict[str, Log] = {}
    services = {name: _of_service(name, one) for name, one in config.services.items()}
    for name, one in config.logs.items():
        log = _named(name, one, config) or services.get(name)
        if log is not None:
            found[name] = replace(log, access=one.access, routes=tuple(one.routes.items()))
    taken = {(log.host, log.wanted) for log in found.values() if log.kind == "container"}
    found = {name: log for name, log in found.items() if not config.logs[name].off}
    for name, log in services.items():
        if log is not None and name not in config.logs and (log.host, log.wanted) not in taken:
            found[name] = log
            taken.add((log.host, log.wanted))
    return found


def _named(name: str, one: LogSource, config: Config) -> Log | None:
    host = make_target(ssh=one.ssh)
    if one.container is not None:
        return Log(name, "container", host, Wanted(one.container))
    if one.journal is not None:
        return Log(name, "journal", host, unit=one.journal)
    if one.file is not None:
        return Log(name, "file", host, path=config.place.path(one.file))
    return None


def _of_service(name: str, settings: ServiceSettings) -> Log | None:
    wanted = container_of(settings)
    return None if wanted is None else Log(name, "container", make_target(ssh=settings.ssh), wanted)


def container_of(settings: ServiceSettings) -> Wanted | None:
    """The container of a service; None where it is in none."""
    if settings.container:
        return Wanted(settings.container)
    compose = getattr(settings, "compose", None)  # of kind `container`
    return Wanted(project=compose.project, service=compose.service) if compose else None


__all__ = ["Kind", "Log", "container_of", "logs_of"]
