"""What a project holds, as daytwo sees it: services to back up, and what is left out and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Found:
    """A service for the configuration.

    Args:
        name: its name there.
        settings: its YAML block, `kind` first.
        comment: what it is, for the line above it.
        origin: which mount it was found in.
    """

    name: str
    settings: Mapping[str, Any]
    comment: str = ""
    origin: str = ""


@dataclass(frozen=True)
class LeftOut:
    """Something that is not backed up.

    Args:
        what: what it is.
        why: why it is not.
        holder: the service whose backup holds its data, where that is the reason.
    """

    what: str
    why: str = ""
    holder: str = ""

    @property
    def reason(self) -> str:
        """Why it is left out, in words."""
        return f"the backup of {self.holder} holds its data" if self.holder else self.why


@dataclass(frozen=True)
class Findings:
    """What a folder holds.

    Args:
        app: the app's name.
        source: what it was found in, for the first line of the file.
        services: what is backed up.
        left_out: what is not.
        stop: containers that are stopped during the dump, each with its reason.
        web: addresses of web services, to be watched one day.
        recipes: packaged recipes that fit.
        absent: services of these recipes that are not there.
        warnings: what a person should look at.
    """

    app: str
    source: str
    services: tuple[Found, ...]
    left_out: tuple[LeftOut, ...] = ()
    stop: tuple[tuple[str, str], ...] = ()
    web: tuple[str, ...] = ()
    recipes: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
