"""Put the units of an app into effect, and take them away again."""

import contextlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from daytwo.core.command import command
from daytwo.core.errors import CommandError, RefusedError
from daytwo.core.process import capture
from daytwo.core.run import Run
from daytwo.core.target import LOCAL
from daytwo.install import files
from daytwo.install.systemd import Host, SystemdPlan
from daytwo.install.unit import owner_of

_MAIN_FIRST = (".service", ".timer")


def apply(plan: SystemdPlan, host: Host, run: Run, *, start: bool = True) -> list[str]:
    """Write what was planned; units of the app from an earlier plan go.

    Args:
        plan: what is written.
        host: the machine.
        run: what the commands belong to.
        start: whether systemd is told, and the app started or, where a unit has changed, started anew.

    Returns:
        What was done, in words.

    Raises:
        RefusedError: systemd does not run here, or somebody else's file, or another app's, is in the way.
        CommandError: systemd refused a unit, or the daemon does not start.
    """
    if start:
        _refuse_without(host)
    for file in plan.files:
        if file.path.parent == host.units:
            files.must_be_of(plan.config, files.text_of(file.path), str(file.path))
        owner = _owner(file.path)
        if file.path.parent == host.units and owner not in ("", plan.name):
            raise RefusedError(
                f"that is a unit of {owner} already", where=str(file.path),
                hint="Give the backup, or the environment, another name; nothing was written",
            )  # fmt: skip
    stale = [path for path in owned(plan.name, host) if path not in {file.path for file in plan.files}]
    changed = any(files.text_of(file.path) != file.text for file in plan.files)
    if not start:
        return [*files.write_all(plan.files), *_remove(stale)]
    done = _forget(stale, host, run)
    if plan.log is not None:
        plan.log.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    done += files.write_all(plan.files)
    _systemctl(run, "daemon-reload")
    _systemctl(run, "enable", *plan.begin)
    _start(plan, run, anew=changed)
    return [*done, f"enabled and {'started' if plan.wait else 'told to start'} {', '.join(plan.begin)}"]


def uninstall(name: str, host: Host, run: Run) -> list[str]:
    """Stop an app's units, disable and remove them; its log file stays.

    Returns:
        What was done, in words; empty when there was nothing.
    """
    return _forget(owned(name, host), host, run)


def owned(name: str, host: Host) -> list[Path]:
    """The files that are there of an app: units, the daemon's first, and rules for logrotate."""
    found = [path for path in host.units.glob(f"{name}*") if path.suffix in _MAIN_FIRST and _owner(path) == name]
    rules = host.logrotate(name)
    kept = [rules] if rules.exists() and not files.is_foreign(rules) else []
    return [*sorted(found, key=lambda path: (path.stem != name, path.name)), *kept]


def _forget(paths: Sequence[Path], host: Host, run: Run) -> list[str]:
    units = [path.name for path in paths if path.parent == host.units]
    if units:
        if host.running:
            _systemctl(run, "stop", *units)
        _systemctl(run, "--quiet", "disable", *units)
    done = _remove(paths)
    for name in units:
        (host.root / "var/lib/systemd/timers" / f"stamp-{name}").unlink(missing_ok=True)
    if units and host.running:
        _systemctl(run, "daemon-reload")
        with contextlib.suppress(CommandError):  # those that never failed are unknown now
            _systemctl(run, "reset-failed", *units)
    return done


def _remove(paths: Iterable[Path]) -> list[str]:
    return [text for path in paths if (text := files.remove(path))]


def _start(plan: SystemdPlan, run: Run, *, anew: bool) -> None:
    try:
        _systemctl(run, *([] if plan.wait else ["--no-block"]), "restart" if anew else "start", *plan.begin)
    except CommandError as error:
        raise CommandError(
            f"the units are there, but it does not start: {error.what}",
            hint=f"See why with `journalctl -u {plan.name} -n 30`; systemd goes on trying",
        ) from None


def _refuse_without(host: Host) -> None:
    if not host.running:
        raise RefusedError("systemd does not run this machine",
                           hint="Use `daytwo install cron`; or only write the units, with --no-start")  # fmt: skip


def _systemctl(run: Run, *arguments: str) -> None:
    capture(LOCAL, command("systemctl", "--no-ask-password", *arguments), run)


def _owner(path: Path) -> str:
    return owner_of(files.text_of(path))
