"""Environment and secrets files: what an app cannot start without, and what must not be stored in the clear."""

from typing import Self

from pydantic import Field, model_validator

from daytwo.core.fileset import Choice, FilesComponent
from daytwo.core.run import Run
from daytwo.core.service import Component, Service, ServiceSettings
from daytwo.core.target import Target


class EnvSettings(ServiceSettings):
    """Settings of kind `env`."""

    paths: tuple[str, ...] = Field(
        min_length=1,
        description="files, or patterns with *, ? and [...]; relative to the configuration file on this machine, "
        "absolute elsewhere",
    )
    secret: bool = Field(default=True, description="encrypt them to the recovery recipients wherever they are stored")

    @model_validator(mode="after")
    def _paths(self) -> Self:
        for path in self.paths:
            if not path.strip():
                raise ValueError("a path is empty")
            if "**" in path:
                raise ValueError(f"{path}: ** is not understood; name the folders")
            if (self.container or self.ssh) and not path.startswith("/"):
                raise ValueError(f"{path} must be absolute, as it is in a container or on another host")
        return self


class Env(Service[EnvSettings]):
    """Environment and secrets files. A link to a file is followed: its content is what counts."""

    kind = "env"
    summary = "environment and secrets files, encrypted"
    Settings = EnvSettings

    def components(self) -> tuple[Component, ...]:
        """One tar stream of all files."""
        return (
            FilesComponent(
                self.name, f"{self.name}.tar", kind=self.kind, choose=self._choose, secret=self.settings.secret
            ),
        )

    def tools(self) -> tuple[str, ...]:
        """tar, wherever the files are."""
        return ("tar",)

    def _choose(self, run: Run) -> tuple[Target, Choice]:
        paths = self.settings.paths
        if self.target.is_local:
            paths = tuple(str(self.place.path(path)) for path in paths)
        return self.target, Choice(paths, follow=True)
