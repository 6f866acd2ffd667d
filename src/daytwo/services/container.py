"""A container as a service of its own: watched, and nothing to back up."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from daytwo.core.check import Check
from daytwo.core.service import Service, ServiceSettings


class ComposeService(BaseModel):
    """A container by what Compose calls it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    project: str = Field(min_length=1, description="name of the Compose project, as `docker compose ls` shows it")
    service: str = Field(min_length=1, description="name of the service in the compose file")


class ContainerSettings(ServiceSettings):
    """Settings of kind `container`."""

    compose: ComposeService | None = Field(default=None, description="the container by its Compose service, not name")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.container) == bool(self.compose):
            raise ValueError("name it either by `container` or by `compose`")
        return self


class Container(Service[ContainerSettings]):
    """A container that is watched: its state, health, restarts and what it uses."""

    kind = "container"
    summary = "a container: state, health, restarts, CPU, memory, log size"
    Settings = ContainerSettings

    def checks(self) -> tuple[Check, ...]:
        """How it is."""
        from daytwo.core.containers.check import TIMING, ContainerCheck
        from daytwo.core.containers.listing import Wanted

        compose = self.settings.compose
        wanted = Wanted(project=compose.project, service=compose.service) if compose else Wanted(self._name)
        return (ContainerCheck(self.name, self.name, self.timing(TIMING), wanted, self.target.host),)

    def tools(self) -> tuple[str, ...]:
        """None in the container: the engine is asked from outside."""
        return ()

    @property
    def _name(self) -> str:
        return self.settings.container or ""
