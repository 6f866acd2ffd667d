"""nftables on this host: sets whose entries end by themselves, in a chain that packets meet first."""

import os
import re
import sys
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import Field

from daytwo.core.blocker import Blocked, Blocker, BlockerError, BlockerSettings, Network, network_of, shown
from daytwo.core.command import Command
from daytwo.core.errors import DaytwoError
from daytwo.core.process import capture
from daytwo.core.run import Run
from daytwo.core.target import LOCAL

_TIMEOUT = 30.0
_NET_ADMIN = 12
_HINT = "docs/how-to/actions.md tells how to let daytwo do this"


class NftablesSettings(BlockerSettings):
    """Settings of nftables."""

    by: tuple[str, ...] = Field(
        default=("sudo", "-n"),
        description="what gives the rights, when the daemon has not CAP_NET_ADMIN; `[doas, -n]` does, too",
    )
    helper: str = Field(
        default="/usr/local/sbin/daytwo-block", pattern=r"^/",
        description="the helper that is allowed to change the rules; `daytwo block helper` prints it",
    )  # fmt: skip


class Nftables(Blocker[NftablesSettings]):
    """Runs the helper: directly with the right to change rules, else by sudo or doas."""

    kind = "nftables"
    summary = "nftables on this host, published container ports included"
    Settings = NftablesSettings

    def block(self, network: Network, until: datetime, now: datetime) -> None:
        """Drop what comes from a network, before anything else looks at it."""
        seconds = max(1, round((until - now).total_seconds()))
        self._run("block", str(network), str(seconds))

    def unblock(self, network: Network) -> None:
        """Take it off the list."""
        self._run("unblock", str(network))

    def blocked(self, now: datetime) -> tuple[Blocked, ...]:
        """What is on the lists of the kernel."""
        found = []
        for line in self._run("list").splitlines():
            text, _, seconds = line.partition(" ")
            found.append(Blocked(network_of(text), now + timedelta(seconds=float(seconds))))
        return tuple(sorted(found, key=lambda one: shown(one.network)))

    def _run(self, *words: str) -> str:
        if may_change_rules():
            argv: tuple[str, ...] = (sys.executable, "-I", str(helper()), *words)
        else:
            argv = (*self.settings.by, self.settings.helper, *words)
        try:
            return capture(LOCAL, Command(argv, name="daytwo-block"), Run("block", Path(), timeout=_TIMEOUT)).text
        except DaytwoError as error:
            raise BlockerError(error.what, where=self.where, hint=error.hint or _HINT) from None


def may_change_rules(status: Path = Path("/proc/self/status")) -> bool:
    """Whether this process may do it by itself: it has CAP_NET_ADMIN, see capabilities(7).

    Args:
        status: what the kernel says of the process.
    """
    try:
        found = re.search(r"^CapEff:\s*([0-9a-f]+)$", status.read_text(), re.MULTILINE)
    except OSError:
        found = None
    return os.geteuid() == 0 if found is None else bool(int(found[1], 16) >> _NET_ADMIN & 1)


def helper() -> Path:
    """The helper's file, as it comes with daytwo."""
    return Path(__file__).with_name("_helper.py")
