"""The machine's cron: which one it is, whether it runs, and what to do when it does not."""

import contextlib
import shutil
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from daytwo.core.command import command
from daytwo.core.errors import DaytwoError
from daytwo.core.process import capture
from daytwo.core.run import Run
from daytwo.core.target import LOCAL

_NAMES = ("cron", "crond", "fcron")
_UNITS = ("cron.service", "crond.service", "cronie.service", "cron.target")
_FOLDERS = "/usr/sbin:/sbin:/usr/local/sbin:/usr/bin:/bin:/usr/local/bin"


class Kind(StrEnum):
    """The crons whose ways differ."""

    CRONIE = "cronie"
    """Red Hat's, Arch's; knows CRON_TZ (crontab(5) of cronie)."""
    OTHER = "cron"
    """Debian's and those of its family: one time zone for all, the machine's (crontab(5) of Debian, LIMITATIONS)."""
    BUSYBOX = "busybox"
    """Alpine's: no /etc/cron.d."""
    NONE = "none"


@dataclass(frozen=True)
class Daemon:
    """The machine's cron.

    Args:
        kind: which.
        running: whether it runs.
        remedy: what to do when it does not; empty when it does.
    """

    kind: Kind
    running: bool
    remedy: str = ""


def observe(run: Run, root: Path = Path("/"), folders: str = _FOLDERS) -> Daemon:
    """Look at the machine's cron.

    Args:
        run: what the looking belongs to.
        root: where `proc` and `run` are.
        folders: where programs are, as in PATH.
    """
    kind, systemd = _kind(run, folders), (root / "run/systemd/system").is_dir()
    running = _in_process_list(root) or (systemd and _unit_is_active(run))
    return Daemon(kind, running, "" if running else _remedy(kind, systemd, folders))


def _kind(run: Run, folders: str) -> Kind:
    crond = shutil.which("crond", path=folders)
    if crond is not None:
        if Path(crond).resolve().name == "busybox":
            return Kind.BUSYBOX
        with contextlib.suppress(DaytwoError):
            said = capture(LOCAL, command(crond, "-V", ok=(0, 1, 2)), run)
            if "cronie" in (said.text + said.stderr).lower():
                return Kind.CRONIE
        return Kind.OTHER
    return Kind.OTHER if shutil.which("cron", path=folders) else Kind.NONE


def _in_process_list(root: Path) -> bool:
    for entry in (root / "proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            if entry.read_text(encoding="utf-8", errors="replace").strip() in _NAMES:
                return True
    return False


def _unit_is_active(run: Run) -> bool:
    with contextlib.suppress(DaytwoError):
        said = capture(LOCAL, command("systemctl", "is-active", *_UNITS, ok=tuple(range(10))), run)
        return "active" in said.text.split()
    return False


def _remedy(kind: Kind, systemd: bool, folders: str) -> str:
    if kind is Kind.NONE:
        return "there is no cron here: install it (`apt-get install cron`, `dnf install cronie`)"
    name = "cron" if shutil.which("cron", path=folders) else "crond"
    start = f"systemctl enable --now {name}" if systemd else f"service {name} start"
    return f"cron does not run: start it with `{start}`"
