"""All checks of an app, by name."""

from collections.abc import Iterable, Mapping

from daytwo.core.check import Check
from daytwo.core.containers import ContainerCheck, container_check_of
from daytwo.core.errors import ConfigError
from daytwo.core.service import AnyService


def checks_of(services: Iterable[AnyService]) -> Mapping[str, Check]:
    """The checks of services that are not told to have none, by name.

    Raises:
        ConfigError: two have the same name.
    """
    found: dict[str, Check] = {}
    for service in services:
        if service.settings.check is False:
            continue
        for check in all_of(service):
            if check.name in found:
                raise ConfigError(
                    f"two checks are called {check.name}: of {found[check.name].service} and of {service.name}",
                    hint="Call one of the services otherwise",
                )
            found[check.name] = check
    return found


def all_of(service: AnyService) -> tuple[Check, ...]:
    """The checks of its kind, and that of the container it is in."""
    own = service.checks()
    free = None if any(isinstance(check, ContainerCheck) for check in own) else container_check_of(service)
    return (*own, free) if free else own
