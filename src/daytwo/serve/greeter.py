"""Tells of the first administrator's link: to people at once, to a journal only where it lies.

Whoever may read the journal of a machine need not be who administers the app: there the link itself would be one secret
more in a place that is copied, kept and searched.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

from daytwo.serve.part import Part
from daytwo.serve.pulse import Pulse

FILE = "first-admin-link"
_ROUND = 5.0
_log = logging.getLogger(__name__)


def announce(link: str, folder: Path, *, journal: bool, lines: bool) -> None:
    """Tell of the link.

    Args:
        link: makes the first administrator, once.
        folder: where the app keeps what is its own.
        journal: whether standard error is the journal: then the link is put into a file for the daemon's user only.
        lines: whether nothing but log lines may be written.
    """
    if journal:
        file = folder / FILE
        file.unlink(missing_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(f"{link}\n")
        _log.warning("there is no user yet: the link that makes the first administrator, once, is in %s", file)
    elif lines:
        _log.warning("there is no user yet: make the first administrator here, once: %s", link)
    else:
        sys.stderr.write(f"There is no user yet. Make the first administrator here, once:\n  {link}\n")


def is_journal(told: str | None, descriptor: int = 2) -> bool:
    """Whether what is written goes to the journal.

    Args:
        told: the variable JOURNAL_STREAM, `DEVICE:INODE` of what systemd connected (systemd.exec(5)).
        descriptor: what is written to.
    """
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return told == f"{found.st_dev}:{found.st_ino}"


class Greeter(Part):
    """Removes the file with the first administrator's link once that leads nowhere any more.

    Args:
        pulse: where it shows that it goes round.
        folder: where the app keeps what is its own.
        waits: tells whether a first administrator is still waited for.
    """

    name = "greeter"

    def __init__(self, pulse: Pulse, folder: Path, waits: Callable[[], bool]) -> None:
        super().__init__(pulse)
        self._file = folder / FILE
        self._waits = waits

    async def work(self) -> None:
        """Look every few seconds, as long as there is a file."""
        while not self.stopping.is_set():
            if self._file.exists() and not await asyncio.to_thread(self._waits):
                self._file.unlink(missing_ok=True)
                _log.info("%s is removed: its link was used, or has expired", self._file)
            self.beat()
            await self.sleep(_ROUND)
