"""Finds plug-ins: one module a kind, imported when a configuration names it.

A module's name is its kind. Adding a module adds the kind; no list is edited.
"""

import importlib
import pkgutil
from functools import cache

from daytwo.core.blocker import Blocker, BlockerSettings
from daytwo.core.channel import Channel, ChannelSettings
from daytwo.core.repository import Repository, RepositorySettings
from daytwo.core.service import Service, ServiceSettings


@cache
def kinds(package: str) -> tuple[str, ...]:
    """The names of all plug-ins of a package (`services`, `repositories`, `channels`, `blockers`), sorted."""
    module = importlib.import_module(f"daytwo.{package}")
    return tuple(sorted(info.name for info in pkgutil.iter_modules(module.__path__) if not info.name.startswith("_")))


@cache
def service_class(kind: str) -> type[Service[ServiceSettings]]:
    """The class of a service kind.

    Raises:
        KeyError: there is no such kind.
    """
    return _plugin("services", kind, Service)


@cache
def repository_class(kind: str) -> type[Repository[RepositorySettings]]:
    """The class of a repository kind.

    Raises:
        KeyError: there is no such kind.
    """
    return _plugin("repositories", kind, Repository)


@cache
def channel_class(kind: str) -> type[Channel[ChannelSettings]]:
    """The class of a channel kind.

    Raises:
        KeyError: there is no such kind.
    """
    return _plugin("channels", kind, Channel)


@cache
def blocker_class(kind: str) -> type[Blocker[BlockerSettings]]:
    """The class of a blocker kind.

    Raises:
        KeyError: there is no such kind.
    """
    return _plugin("blockers", kind, Blocker)


def _plugin(package: str, kind: str, base: type) -> type:
    if kind not in kinds(package):
        raise KeyError(kind)
    module = importlib.import_module(f"daytwo.{package}.{kind}")
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, base) and getattr(value, "kind", None) == kind:
            return value
    raise TypeError(f"daytwo.{package}.{kind} holds no {base.__name__} with kind = {kind!r}")
