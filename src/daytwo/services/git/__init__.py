"""Git: a repository with all its branches, tags, notes and its stash, as one `git bundle`.

What a bundle does not hold is said, never passed over: uncommitted changes, hooks and configuration, submodules, the
files of Git LFS. Such a folder is better backed up with kind `files`, or with both.
"""

from typing import Self

from pydantic import Field, model_validator

from daytwo.core.service import Component, Service, ServiceSettings
from daytwo.services.git.component import BundleComponent
from daytwo.services.git.repository import GitPlace


class GitSettings(ServiceSettings):
    """Settings of kind `git`."""

    path: str = Field(
        min_length=1,
        description="the repository, bare or with its work tree; relative to the configuration file on this machine, "
        "absolute elsewhere",
    )

    @model_validator(mode="after")
    def _absolute_elsewhere(self) -> Self:
        if (self.container or self.ssh) and not self.path.startswith("/"):
            raise ValueError(f"{self.path} must be absolute, as it is in a container or on another host")
        return self


class Git(Service[GitSettings]):
    """A Git repository."""

    kind = "git"
    summary = "A Git repository, bare or with its work tree, with all that is committed."
    Settings = GitSettings

    def components(self) -> tuple[Component, ...]:
        """One bundle."""
        path = str(self.place.path(self.settings.path)) if self.target.is_local else self.settings.path
        return (BundleComponent(self.name, GitPlace(self.target, path), secret=self.settings.secret),)

    def tools(self) -> tuple[str, ...]:
        """git, where the repository is."""
        return ("git",)
