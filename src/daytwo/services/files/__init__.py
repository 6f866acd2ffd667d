"""Files: a folder, a file, a pattern, or a named Docker volume.

Read with the tar that is where they are, and, where a folder is on this machine, by path. Restored beside, compared,
and swapped by rename. Owners, modes, links, holes, extended attributes and ACLs are kept (with GNU tar).
"""

from typing import Self

from pydantic import Field, model_validator

from daytwo.core.check import Check
from daytwo.core.fileset import Choice, FilesComponent
from daytwo.core.fileset.choice import check_exclude, check_pattern, has_wildcard
from daytwo.core.fileset.volume import find_volume
from daytwo.core.run import Run
from daytwo.core.service import Component, Service, ServiceSettings
from daytwo.core.target import Target


class FilesSettings(ServiceSettings):
    """Settings of kind `files`."""

    path: str | None = Field(
        default=None,
        description="a folder, a file, or a pattern with *, ? and [...]; relative to the configuration file on this "
        "machine, absolute elsewhere",
    )
    volume: str | None = Field(default=None, description="name of a Docker volume, instead of a path")
    exclude: tuple[str, ...] = Field(
        default=(),
        description="what is left out: a name anywhere (`*.log`, `cache`), or, with a slash, a path from the folder on "
        "(`/cache`, `logs/old`); a restore leaves it as it is",
    )
    one_file_system: bool = Field(default=False, description="leave out what is mounted inside the folder")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.path is None) == (self.volume is None):
            raise ValueError("give a path or a volume")
        if self.volume and self.container:
            raise ValueError("a volume is found without its container; give `container` with `path` only")
        if self.path is not None:
            check_path(self.path, elsewhere=bool(self.container or self.ssh))
        for pattern in self.exclude:
            check_exclude(pattern)
        return self


def check_path(path: str, *, elsewhere: bool) -> None:
    """Refuse what cannot be a path to back up.

    Raises:
        ValueError: it is empty, relative on another machine, has `**`, or is a pattern that is not understood.
    """
    if not path.strip():
        raise ValueError("the path is empty")
    if elsewhere and not path.startswith("/"):
        raise ValueError(f"{path} must be absolute, as it is in a container or on another host")
    if "**" in path:
        raise ValueError(f"{path}: ** is not understood; give the folder, and leave out the rest with `exclude`")
    if has_wildcard(path):
        check_pattern(path)


class Files(Service[FilesSettings]):
    """A folder, a file, a pattern, or a named Docker volume."""

    kind = "files"
    summary = "a folder, a file, a pattern or a Docker volume"
    Settings = FilesSettings

    def components(self) -> tuple[Component, ...]:
        """One tar stream."""
        volume = self.settings.volume
        return (
            FilesComponent(
                self.name,
                f"{self.name}.tar",
                kind=self.kind,
                choose=self._choose,
                secret=self.settings.secret,
                label=f"volume {volume}" if volume else "",
            ),
        )

    def checks(self) -> tuple[Check, ...]:
        """Whether they are there, and how full their disk is."""
        from daytwo.services.files.checks import READY, FilesCheck

        return (FilesCheck(self.name, self.name, self.timing(READY), self._choose),)

    def tools(self) -> tuple[str, ...]:
        """tar, wherever the files are."""
        return ("tar",)

    def _choose(self, run: Run) -> tuple[Target, Choice]:
        settings = self.settings
        target, path = self.target, settings.path or ""
        if settings.volume:
            target, path = find_volume(settings.volume, self.target.host, run)
        elif target.is_local:
            path = str(self.place.path(path))
        return target, Choice((path,), settings.exclude, settings.one_file_system)
