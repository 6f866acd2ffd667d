"""Git: every branch, tag and other reference of a repository, with all that they lead to, as one bundle.

Not in a bundle, and told of where there is any: uncommitted files, LFS objects, submodules, older stashes. What is
configured in the repository (remotes, hooks) is taken over from the one that is there when it is restored.
"""

from typing import Self

from pydantic import Field, model_validator

from daytwo.core.service import Component, Service, ServiceSettings
from daytwo.services.git.component import GitComponent


class GitSettings(ServiceSettings):
    """Settings of kind `git`."""

    path: str = Field(
        min_length=1,
        description="a bare repository, or a work tree with its .git; relative to the configuration file on this "
        "machine, absolute elsewhere",
    )

    @model_validator(mode="after")
    def _absolute_elsewhere(self) -> Self:
        if (self.container or self.ssh) and not self.path.startswith("/"):
            raise ValueError(f"{self.path} must be absolute, as it is in a container or on another host")
        return self


class Git(Service[GitSettings]):
    """A git repository."""

    kind = "git"
    summary = "a git repository: all branches and tags, as a bundle"
    Settings = GitSettings

    def components(self) -> tuple[Component, ...]:
        """One bundle."""
        path = str(self.place.path(self.settings.path)) if self.target.is_local else self.settings.path
        return (GitComponent(self.name, self.target, path, secret=self.settings.secret),)

    def tools(self) -> tuple[str, ...]:
        """git, wherever the repository is (and here, to verify)."""
        return ("git",)
