"""daytwo run by systemd: which units are written for an app, decided purely.

Either the daemon, with a guard that watches it, or a timer for each backup. `systemctl.py` puts it into effect.
"""

import os
import pwd
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel

from daytwo.config import Config
from daytwo.core.command import command
from daytwo.core.errors import ConfigError, MissingToolError, RefusedError, UsageError
from daytwo.core.process import capture
from daytwo.core.run import Run
from daytwo.core.secrets import SecretRef
from daytwo.core.target import LOCAL
from daytwo.install import unit
from daytwo.install.calendar import left_out, on_calendar
from daytwo.install.cron import environment_secrets, program_path, table_name
from daytwo.install.files import File

_PROTECTED = tuple(map(Path, ("/usr", "/boot", "/efi", "/etc")))
"""What `ProtectSystem=full` makes read-only (systemd.exec(5))."""
_PLACES = ("path", "paths", "url")
"""Settings that hold a path of this machine, if it is one."""
_CREDENTIALS_SINCE = 247
_APPEND_SINCE = 240
_CREDENTIAL = re.compile(r"[A-Za-z0-9_.@-]{1,64}")


@dataclass(frozen=True)
class Host:
    """What a plan must know of the machine.

    Args:
        version: systemd's.
        running: whether systemd runs the machine.
        program: absolute path of daytwo.
        root: where `etc`, `run` and `var` are.
        now: the time, aware.
    """

    version: int
    running: bool
    program: str
    root: Path = Path("/")
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def here(cls, run: Run) -> "Host":
        """This machine.

        Raises:
            RefusedError: it has no systemd.
        """
        try:
            said = capture(LOCAL, command("systemctl", "--version"), run).text
        except MissingToolError:
            raise RefusedError("there is no systemd here", hint="Use `daytwo install cron`") from None
        found = re.match(r"systemd (\d+)", said)
        return cls(int(found[1]) if found else 0, Path("/run/systemd/system").is_dir(), program_path())

    @property
    def units(self) -> Path:
        """Where an administrator's units are."""
        return self.root / "etc/systemd/system"

    def logrotate(self, name: str) -> Path:
        """Where the rules for an app's log file are."""
        return self.root / "etc/logrotate.d" / name


@dataclass(frozen=True)
class Wish:
    """What the person wants.

    Args:
        user: who it runs as.
        start_delay: seconds to wait before the daemon starts.
        log_file: whether output goes to a file instead of the journal.
        timers: a timer for each backup, and no daemon.
    """

    user: str = "root"
    start_delay: float = 0.0
    log_file: bool = False
    timers: bool = False


@dataclass(frozen=True)
class SystemdPlan:
    """What `daytwo install systemd` writes.

    Args:
        name: `daytwo-<app>`, with the environment behind it when that is not production.
        files: the units, and the rules for logrotate if there is a log file.
        begin: the units that are enabled and started.
        wait: whether they are ready when `systemctl` returns; with a start delay they are not.
        log: the log file, or None.
        config: the configuration that they are for.
        warnings: what will not work as it is, with the remedy.
        advice: what is good to know.
    """

    name: str
    files: tuple[File, ...]
    begin: tuple[str, ...]
    wait: bool
    log: Path | None
    config: Path
    warnings: tuple[str, ...]
    advice: tuple[str, ...]


def plan(config: Config, host: Host, wish: Wish) -> SystemdPlan:
    """Decide what is written; nothing is.

    Raises:
        ConfigError: no backup says when it runs, or systemd cannot say that.
        RefusedError: systemd is too old for what is asked, or a path cannot be in a unit.
        UsageError: there is no such user.
    """
    frame = _frame(config, host, wish)
    units = _timer_units(config, frame) if wish.timers else _daemon_units(config, frame, wish)
    files = [File(host.units / name, text) for name, text in units.items()]
    if frame.log is not None:
        files.append(File(host.logrotate(frame.name), unit.logrotate(frame, frame.log)))
    begin = [name for name in units if name.endswith(".timer")] if wish.timers else [f"{frame.name}.service"]
    return SystemdPlan(
        frame.name, tuple(files), tuple(begin), not wish.start_delay, frame.log, config.path,
        tuple(_warnings(config, frame, host, wish)), tuple(_advice(frame, wish)),
    )  # fmt: skip


def _frame(config: Config, host: Host, wish: Wish) -> unit.Frame:
    try:
        pwd.getpwnam(wish.user)
    except KeyError:
        raise UsageError(f"there is no user {wish.user}", hint=f"Make one: useradd --system {wish.user}") from None
    name = table_name(config)
    frame = unit.Frame(
        name=name, about=f"{config.app} ({config.environment})", program=host.program, config=config.path,
        user=wish.user, credentials=_credentials(config, host), writable=writable(config),
        low_port=int(config.serve.listen.rpartition(":")[2]) in range(1, 1024), etc=host.root / "etc",
        firewall=config.blocking.by is not None and config.blocking.by.kind == "nftables",
    )  # fmt: skip
    if not wish.log_file:
        return frame
    if host.version < _APPEND_SINCE:
        raise RefusedError(f"systemd {host.version} cannot append to a log file; {_APPEND_SINCE} and later can",
                           hint="Leave --log-file out: `journalctl` shows the journal")  # fmt: skip
    return replace(frame, log=host.root / "var/log/daytwo" / f"{name}.log")


def _daemon_units(config: Config, frame: unit.Frame, wish: Wish) -> dict[str, str]:
    name = frame.name
    return {
        f"{name}.service": unit.daemon(frame, wish.start_delay, float(config.serve.stop_within)),
        f"{name}-guard.service": unit.guard_service(frame),
        f"{name}-guard.timer": unit.guard_timer(frame),
        f"{name}-revive.service": unit.revive(frame),
    }


def _timer_units(config: Config, frame: unit.Frame) -> dict[str, str]:
    units = {}
    for backup, settings in config.backups.items():
        if settings.at is not None:
            calendar = on_calendar(settings.at, config.timezone)
            units[f"{frame.name}-{backup}.service"] = unit.once(frame, backup)
            units[f"{frame.name}-{backup}.timer"] = unit.timer(
                frame, backup, calendar, persistent=settings.missed == "run"
            )
    if not units:
        raise ConfigError("no backup says when it runs", where=str(config.path),
                          hint="Give one a time, such as `at: \"0 3 * * *\"`")  # fmt: skip
    return units


def _credentials(config: Config, host: Host) -> tuple[str, ...]:
    names = tuple(sorted({ref.credential for ref in references(config) if ref.credential}))
    for name in names:
        if not _CREDENTIAL.fullmatch(name):
            raise ConfigError(f"systemd takes no credential of the name '{name}'", hint="Use letters, digits, - and _")
    if names and host.version < _CREDENTIALS_SINCE:
        raise RefusedError(
            f"systemd {host.version} has no credentials ({', '.join(names)}); {_CREDENTIALS_SINCE} and later have",
            hint="Refer to a file that only its owner can read instead: {file: /etc/daytwo/...}",
        )
    return names


def references(model: object) -> Iterator[SecretRef]:
    """Every reference to a secret in a configuration."""
    if isinstance(model, SecretRef):
        yield model
        return
    inside: list[object] = []
    if isinstance(model, BaseModel):
        inside = [value for _, value in model]
    elif isinstance(model, dict):
        inside = list(model.values())
    elif isinstance(model, list | tuple):
        inside = list(model)
    for one in inside:
        yield from references(one)


def writable(config: Config) -> tuple[Path, ...]:
    """The folders below /usr, /boot and /etc that daytwo has to write to for this configuration.

    What is restored is renamed into its place, and systemd makes of each folder named here a mount, which cannot be
    renamed over. So it is the folder around what is configured.
    """
    found = {config.folder}
    local = [one for one in config.services.values() if not (one.container or one.ssh)]
    for settings in [*local, *config.repositories.values()]:
        for name in _PLACES:
            value = getattr(settings, name, None) or ()
            for text in (value,) if isinstance(value, str | Path) else value:
                found.add(_around(config.folder / str(text).removeprefix("local:")))
    if isinstance(config.state, str) and "://" not in config.state:
        found.add(_around(config.folder / config.state))
    return tuple(sorted(folder for folder in found if any(folder.is_relative_to(root) for root in _PROTECTED)))


def _around(path: Path) -> Path:
    path = Path(os.path.normpath(path))
    for one in reversed([path, *path.parents]):
        if re.search(r"[*?\[]", one.name):
            path = one
            break
    return path if path in _PROTECTED else path.parent


def _warnings(config: Config, frame: unit.Frame, host: Host, wish: Wish) -> Iterator[str]:
    if missing := [str(frame.credential(name)) for name in frame.credentials if not frame.credential(name).exists()]:
        yield f"it will not start without {', '.join(missing)}: put the secret there, readable for root only"
    names = sorted(environment_secrets(config))
    if names and not frame.environment_file.exists():
        yield (f"systemd does not have your environment, so {', '.join(names)} will be missing there: write "
               f"{names[0]}=... into {frame.environment_file}, readable for root only")  # fmt: skip
    own, there = config.folder / ".daytwo", pwd.getpwnam(wish.user)
    if there.pw_uid and own.exists() and own.stat().st_uid != there.pw_uid:
        yield f"{own} belongs to another user: chown -R {wish.user} {own}"
    for name, settings in config.backups.items() if wish.timers else ():
        if settings.at is not None and (day := left_out(settings.at, config.timezone, host.now)):
            yield (f"on {day} the clock skips the time of backup {name}, and systemd leaves it out that day: choose "
                   "another hour, or run the daemon")  # fmt: skip


def _advice(frame: unit.Frame, wish: Wish) -> Iterator[str]:
    first = f"{frame.name}-*" if wish.timers else frame.name
    yield f"output goes to {frame.log}" if frame.log else f"output goes to the journal: journalctl -u '{first}'"
    if not wish.timers:
        yield f"it is asked every 5 minutes whether it answers, and started anew if not ({frame.name}-guard.timer)"
