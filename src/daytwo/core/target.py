"""Where a service's commands run: here, in a container, on an SSH host, in a container on one.

A target turns a command for the inside into a command for here. Targets compose: a container's own target is the
place where its engine is reached.
"""

import shlex
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

from daytwo.core.command import TAG, Command
from daytwo.core.errors import ConfigError


class Target(ABC):
    """A place where commands run."""

    @abstractmethod
    def wrap(self, command: Command) -> Command:
        """The command to run here so that `command` runs there."""

    @property
    @abstractmethod
    def host(self) -> "Target":
        """The machine this place is on: itself, or where the container engine is reached."""

    @property
    def is_local(self) -> bool:
        """Whether paths of this place can be opened by this process."""
        return isinstance(self, Local)


@dataclass(frozen=True)
class Local(Target):
    """This machine."""

    def wrap(self, command: Command) -> Command:
        """The command as it is."""
        return command

    @property
    def host(self) -> Target:
        """Itself."""
        return self

    def __str__(self) -> str:
        return "this host"


LOCAL = Local()


@dataclass(frozen=True)
class Ssh(Target):
    """A host that the system's `ssh` reaches without asking, with the user's own ssh configuration.

    Args:
        destination: what `ssh` takes: an alias, `user@host` or `ssh://user@host:port`.
        config: an ssh configuration file instead of the user's.
    """

    destination: str
    config: str | None = None

    def options(self) -> tuple[str, ...]:
        """Options for `ssh` and `sftp`: never ask, notice a dead connection."""
        base = ("-o", "BatchMode=yes", "-o", "ConnectTimeout=15", "-o", "ServerAliveInterval=15")
        return (("-F", self.config) if self.config else ()) + base

    def wrap(self, command: Command) -> Command:
        """Join the command for the remote shell; its secrets travel as the first lines of standard input."""
        for name, secret in command.secrets.items():
            if "\n" in secret.reveal():
                raise ConfigError(
                    f"the secret for {name} has more than one line",
                    where=str(self),
                    hint="A secret for an SSH host must be one line",
                )
        reads = "".join(f"IFS= read -r {name} && export {name} && " for name in command.secrets)
        env = dict(command.env) | ({TAG: command.tag} if command.tag else {})
        words = (["env", *(f"{name}={value}" for name, value in env.items())] if env else []) + list(command.argv)
        remote = f"{reads}exec {shlex.join(words)}"
        return replace(
            command,
            argv=("ssh", *self.options(), "--", self.destination, remote),
            env={},
            secrets={},
            preamble=(*command.secrets.values(), *command.preamble),
            where=command.where or str(self),
        )

    @property
    def host(self) -> Target:
        """Itself."""
        return self

    def __str__(self) -> str:
        return f"host {self.destination}"


@dataclass(frozen=True)
class Container(Target):
    """A running container, entered with `docker exec`.

    Args:
        name: the container's name or id.
        on: where the docker command runs.
        user: the user inside, or the image's own.
    """

    name: str
    on: Target = LOCAL
    user: str | None = None

    def wrap(self, command: Command) -> Command:
        """`docker exec`; a secret's name is in argv and its value in the docker client's environment."""
        env = dict(command.env) | ({TAG: command.tag} if command.tag else {})
        argv = ["docker", "exec", "-i"]
        argv += ["--user", self.user] if self.user else []
        for name, value in env.items():
            argv += ["-e", f"{name}={value}"]
        for name in command.secrets:
            argv += ["-e", name]
        argv += [self.name, *command.argv]
        return self.on.wrap(replace(command, argv=tuple(argv), env={}, where=command.where or str(self)))

    @property
    def host(self) -> Target:
        """Where the container engine is reached."""
        return self.on

    def __str__(self) -> str:
        return f"container {self.name}" + ("" if self.on.is_local else f" on {self.on}")


def make_target(container: str | None = None, ssh: str | None = None, user: str | None = None) -> Target:
    """The target that a service's `container` and `ssh` settings name."""
    host: Target = Ssh(ssh) if ssh else LOCAL
    return Container(container, host, user) if container else host
