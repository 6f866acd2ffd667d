"""Programs of one's own: for a proxy, or a firewall that somebody else runs."""

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from daytwo.core.blocker import Blocked, Blocker, BlockerError, BlockerSettings, Network, network_of, shown
from daytwo.core.command import Command
from daytwo.core.errors import DaytwoError
from daytwo.core.process import capture
from daytwo.core.run import Run
from daytwo.core.secrets import SecretRef, resolve
from daytwo.core.target import LOCAL

_TIMEOUT = 60.0
_WORDS = ("{address}", "{seconds}", "{until}")


def _whole_words(value: tuple[str, ...]) -> tuple[str, ...]:
    for word in value:
        if word not in _WORDS and any(one in word for one in _WORDS):
            raise ValueError("`{address}`, `{seconds}` and `{until}` stand for whole words: write them by themselves")
    return value


def _with_address(value: tuple[str, ...]) -> tuple[str, ...]:
    if "{address}" not in value[1:]:
        raise ValueError("one of the words after the program must be `{address}`")
    return value


Argv = Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_whole_words)]
About = Annotated[Argv, AfterValidator(_with_address)]


class CommandSettings(BlockerSettings):
    """Settings of programs that block."""

    block: About = Field(
        description="program and arguments; {address}, {seconds} and {until} are put in, each as a word of its own"
    )
    unblock: About = Field(description="program and arguments that let {address} in again")
    list_: Argv | None = Field(
        default=None, alias="list", description="prints what is blocked, an address a line; not asked when absent"
    )
    env: dict[str, SecretRef] = Field(default={}, description="secrets that it gets as environment variables")


class Commands(Blocker[CommandSettings]):
    """Runs what it is told, without a shell."""

    kind = "command"
    summary = "programs of your own, for a proxy or a hosted firewall"
    Settings = CommandSettings

    @property
    def tells(self) -> bool:
        """Only with a `list`."""
        return self.settings.list_ is not None

    def block(self, network: Network, until: datetime, now: datetime) -> None:
        """Run `block`."""
        seconds = str(max(1, round((until - now).total_seconds())))
        self._run(
            self.settings.block, {"{address}": shown(network), "{seconds}": seconds, "{until}": until.isoformat()}
        )

    def unblock(self, network: Network) -> None:
        """Run `unblock`."""
        self._run(self.settings.unblock, {"{address}": shown(network)})

    def blocked(self, now: datetime) -> tuple[Blocked, ...]:
        """Run `list`; lines that are no address are passed over."""
        if self.settings.list_ is None:
            return ()
        found = []
        for line in self._run(self.settings.list_, {}).splitlines():
            try:
                found.append(Blocked(network_of(line.split()[0])))
            except (ValueError, IndexError):
                continue
        return tuple(found)

    def _run(self, words: tuple[str, ...], values: Mapping[str, str]) -> str:
        argv = tuple(values.get(word, word) for word in words)
        if os.sep in argv[0]:
            argv = (str(self.place.path(argv[0])), *argv[1:])
        secrets = {
            name: resolve(ref, where=f"blocking.by.env.{name}", base=self.place.folder)
            for name, ref in self.settings.env.items()
        }
        try:
            return capture(LOCAL, Command(argv, secrets=secrets), Run("block", Path(), timeout=_TIMEOUT)).text
        except DaytwoError as error:
            raise BlockerError(error.what, where=self.where, hint=error.hint) from None
