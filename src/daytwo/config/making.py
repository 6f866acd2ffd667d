"""Makes the services of a configuration from their settings."""

from daytwo.config.models import Config
from daytwo.core.registry import service_class
from daytwo.core.service import AnyService


def services_of(config: Config) -> dict[str, AnyService]:
    """The services, by name."""
    place = config.place
    return {name: service_class(one.kind)(name, one, place) for name, one in config.services.items()}
