"""Backups run by cron: what is written where, decided purely; and the same taken away again.

As root it is a file of its own in /etc/cron.d; otherwise, or where cron has no such folder, a block between two marks
in the user's table. Lines outside the marks are never touched.
"""

import os
import pwd
import re
import shlex
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel

from daytwo.config import Config
from daytwo.config.zone import host_zone
from daytwo.core.errors import ConfigError, RefusedError
from daytwo.core.run import Run
from daytwo.core.secrets import SecretRef
from daytwo.install.daemon import Daemon, Kind, observe
from daytwo.install.files import MARK, File
from daytwo.install.timing import Timing, timing

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Machine:
    """What a plan must know of the machine.

    Args:
        cron: the machine's cron.
        zone: IANA name of the zone that cron goes by.
        user: on whose behalf the backups run.
        home: that user's home.
        system: whether it goes into /etc/cron.d, which only root may.
        program: absolute path of daytwo.
        python: absolute path of the Python that daytwo runs on.
        path: where programs are found.
        root: where `etc` and `var` are.
        now: the time, aware.
    """

    cron: Daemon
    zone: str
    user: str
    home: Path
    system: bool
    program: str
    python: str
    path: str
    root: Path = Path("/")
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def here(cls, run: Run) -> "Machine":
        """This machine and this user."""
        cron, entry, root = observe(run), pwd.getpwuid(os.geteuid()), os.geteuid() == 0
        folders = [folder for folder in os.environ.get("PATH", "").split(":") if folder.startswith("/")]
        return cls(
            cron=cron, zone=_machine_zone(), user=entry.pw_name, home=Path(entry.pw_dir),
            system=root and cron.kind is not Kind.BUSYBOX,
            program=program_path(), python=sys.executable,
            # What root runs must not be found where another user may write.
            path=SYSTEM_PATH if root else ":".join(dict.fromkeys([*folders, *SYSTEM_PATH.split(":")])),
        )  # fmt: skip

    def log(self, name: str) -> Path:
        """Where the output of an app's backups goes."""
        base = self.root / "var/log" if self.system else self.home / ".local/state/daytwo"
        return base / f"{name}.log"


@dataclass(frozen=True)
class Line:
    """One backup in cron's table.

    Args:
        backup: its name.
        schedule: as it is written in the configuration, with its zone.
        timing: when cron starts it.
        ask: the command that tells whether it is time; empty where cron's own fields say it all.
        command: what is run, as the shell reads it.
    """

    backup: str
    schedule: str
    timing: Timing
    ask: str
    command: str

    @property
    def shell(self) -> str:
        """The whole command of the line, as the shell reads it."""
        return f"{self.ask} && {self.command}" if self.ask else self.command

    def render(self, user: str = "") -> str:
        """The line as it stands in a table, below a comment."""
        # A bare % would end the command and begin its input: crontab(5).
        command = self.shell.replace("%", r"\%")
        who = f"{user} " if user else ""
        return f"# backup {self.backup}: {self.schedule}\n{self.timing.fields} {who}{command}"


@dataclass(frozen=True)
class CronPlan:
    """What `daytwo install cron` writes.

    Args:
        name: `daytwo-<app>`, with the environment behind it when that is not production.
        lines: one for each backup that has a time.
        file: the file for /etc/cron.d; None where it goes into the user's table.
        block: the lines for the user's table, marks included; empty where there is a file.
        path: where programs are found.
        log: where output goes.
        config: the configuration that they are for.
        warnings: what will not work as it is, with the remedy.
        advice: what is good to know.
    """

    name: str
    lines: tuple[Line, ...]
    file: File | None
    block: str
    path: str
    log: Path
    config: Path
    warnings: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()


def plan(config: Config, machine: Machine) -> CronPlan:
    """Decide what is written; nothing is.

    Raises:
        ConfigError: no backup says when it runs.
        RefusedError: a path holds a character that cron's table cannot.
    """
    name = table_name(config)
    log = machine.log(name)
    scheduled = {backup: settings.at for backup, settings in config.backups.items() if settings.at is not None}
    if not scheduled:
        raise ConfigError("no backup says when it runs", where=str(config.path),
                          hint="Give one a time, such as `at: \"0 3 * * *\"`")  # fmt: skip
    zones = {at.zone or config.timezone for at in scheduled.values()}
    # A setting in the user's own table would go on for the lines below it, so only a file of our own has one.
    told = zones.pop() if machine.system and machine.cron.kind is Kind.CRONIE and len(zones) == 1 else None
    lines = []
    for backup, at in scheduled.items():
        zone = at.zone or config.timezone
        when = timing(at, zone, told or machine.zone, machine.now)
        argv = (machine.program, "backup", backup, "--config", str(config.path))
        ask = (machine.python, "-m", "daytwo.install.due", at.expression, zone) if when.asks else ()
        lines.append(
            Line(backup, f"{at.expression} {zone}", when, _shell(ask, machine, log), _shell(argv, machine, log))
        )
    file = File(machine.root / "etc/cron.d" / name, _file_text(name, lines, machine, told)) if machine.system else None
    return CronPlan(
        name, tuple(lines), file, "" if machine.system else _block(name, lines), machine.path, log,
        config.path, _warnings(config, machine), _advice(config, machine, lines, log, name),
    )  # fmt: skip


def table_name(config: Config) -> str:
    """The name of an app's file or block."""
    environment = "" if config.environment == "production" else f"-{config.environment}"
    return f"daytwo-{config.app}{environment}"


def marks(name: str) -> tuple[str, str]:
    """The first and the last line of an app's block in a user's table."""
    return f"# >>> {name}: {MARK} cron`, which replaces all up to the end mark >>>", f"# <<< {name} <<<"


def without_block(table: str, name: str) -> str:
    """A user's table without an app's block.

    Raises:
        RefusedError: one of the two marks is missing, so that nobody can tell where the block ends.
    """
    first, last = marks(name)
    lines = table.splitlines(keepends=True)
    stripped = [line.strip() for line in lines]
    begins, ends = stripped.count(first), stripped.count(last)
    if begins == ends == 0:
        return table
    if begins != 1 or ends != 1 or stripped.index(first) > stripped.index(last):
        raise RefusedError(f"the marks of {name} in your crontab are damaged",
                           hint="Remove that block by hand with `crontab -e`, then try again")  # fmt: skip
    return "".join(lines[: stripped.index(first)] + lines[stripped.index(last) + 1 :])


def block_of(table: str, name: str) -> str:
    """An app's block in a user's table; empty when there is none."""
    first, last = marks(name)
    return table.partition(first)[2].partition(last)[0]


def with_block(table: str, name: str, block: str) -> str:
    """A user's table with an app's block at its end, in place of an earlier one."""
    rest = without_block(table, name)
    return f"{rest}{'' if not rest or rest.endswith(chr(10)) else chr(10)}{block}"


def _shell(argv: tuple[str, ...], machine: Machine, log: Path) -> str:
    if not argv:
        return ""
    if any("\n" in word for word in (*argv, str(log))):
        raise RefusedError("a path has a line break in it, which cron cannot take", hint="Rename that folder")
    # In the user's table PATH is set for our command only.
    words = argv if machine.system else ("/usr/bin/env", f"PATH={machine.path}", *argv)
    return f"{shlex.join(words)} >> {shlex.quote(str(log))} 2>&1"


def _file_text(name: str, lines: list[Line], machine: Machine, told: str | None) -> str:
    head = [f"# {name}: {MARK} cron`. Do not edit it; run that again, or `daytwo install cron --remove`.",
            "SHELL=/bin/sh", f"PATH={machine.path}"]  # fmt: skip
    zone = [f"CRON_TZ={told}"] if told and told != machine.zone else []
    return "\n".join([*head, *zone, "", *(line.render(machine.user) for line in lines)]) + "\n"


def _block(name: str, lines: list[Line]) -> str:
    first, last = marks(name)
    return "\n".join([first, *(line.render() for line in lines), last]) + "\n"


def _warnings(config: Config, machine: Machine) -> tuple[str, ...]:
    found = [] if machine.cron.running else [f"nothing will run yet: {machine.cron.remedy}"]
    names = sorted(environment_secrets(config))
    if names:
        found.append(f"cron does not have your environment, so {', '.join(names)} will be missing there: refer to a "
                     "file instead ({file: ...})")  # fmt: skip
    return tuple(found)


def _advice(config: Config, machine: Machine, lines: list[Line], log: Path, name: str) -> tuple[str, ...]:
    found = [f"output goes to {log}"]
    if machine.system:
        found.append(f"to rotate it, write into {machine.root / 'etc/logrotate.d' / name}: "
                     f"{log} {{ monthly rotate 12 compress missingok notifempty }}")  # fmt: skip
    if any(line.ask for line in lines):
        found.append(f"this machine's cron goes by {machine.zone} and plain fields, so it asks daytwo every hour "
                     f"whether it is time (by {config.timezone})")  # fmt: skip
    return tuple(found)


def environment_secrets(model: object) -> set[str]:
    """Names of the environment variables that a configuration takes secrets from."""
    if isinstance(model, SecretRef):
        return {model.env} if model.env else set()
    inside: list[object] = []
    if isinstance(model, BaseModel):
        inside = [value for _, value in model]
    elif isinstance(model, dict):
        inside = list(model.values())
    elif isinstance(model, list | tuple):
        inside = list(model)
    return set().union(*map(environment_secrets, inside)) if inside else set()


def _machine_zone() -> str:
    # Cron goes by the machine's clock, whatever TZ says in this shell.
    linked = os.path.realpath("/etc/localtime").partition("/zoneinfo/")[2].removeprefix("posix/")
    return linked or host_zone()


def program_path() -> str:
    """The absolute path of daytwo's own program, where it has one."""
    beside = Path(sys.executable).with_name("daytwo")
    called = Path(sys.argv[0])
    if beside.is_file():
        return str(beside)
    return str(called.resolve()) if re.fullmatch(r"daytwo(\.\w+)?", called.name) else "daytwo"
