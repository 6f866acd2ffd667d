"""`daytwo install`: cron, systemd, scripts."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Annotated

import typer

from daytwo.cli.options import ConfigOption, JsonOption, make
from daytwo.cli.output import line, print_json
from daytwo.core.errors import ExitCode, RefusedError
from daytwo.core.run import Run

install = make("Have backups run by cron, or daytwo by systemd; write scripts for people who expect them.")


@contextmanager
def _run() -> Iterator[Run]:
    with tempfile.TemporaryDirectory() as folder:
        yield Run(f"install-{token_hex(4)}", Path(folder), timeout=6 * 3600)


@install.command()
def cron(
    config: ConfigOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the lines and change nothing.")] = False,
    test: Annotated[
        bool,
        typer.Option("--test", help="Change nothing; run now exactly what cron would, in cron's bare environment."),
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take the lines away again.")] = False,
    json: JsonOption = False,
) -> None:
    """Have cron run each backup that has `at:`; check that the cron service is running.

    As root it writes a file in /etc/cron.d, otherwise a marked block in your crontab. An earlier one is replaced.
    """
    from daytwo.config import load
    from daytwo.install.cron import Machine, plan, table_name
    from daytwo.install.table import apply, rehearse, uninstall

    loaded = load(config)
    with _run() as run:
        machine = Machine.here(run)
        if remove:
            done = uninstall(table_name(loaded), machine, run)
            _tell(done or ["there was nothing to remove"], (), as_json=json)
            return
        planned = plan(loaded, machine)
        lines = [one.render("root" if planned.file else "") for one in planned.lines]
        if test:
            found = rehearse(planned, machine, run)
            if json:
                print_json([vars(one) for one in found])
            for one in [] if json else found:
                line(f"{one.backup}: ended with code {one.code}")
                line(one.output.rstrip())
            raise typer.Exit(ExitCode.OK if all(one.code == 0 for one in found) else ExitCode.FAILED)
        done = lines if dry_run else apply(planned, run)
    stopped = not machine.cron.running
    _tell(done, (*planned.warnings, *([] if dry_run else planned.advice)), as_json=json)
    raise typer.Exit(ExitCode.FAILED if stopped and not dry_run else ExitCode.OK)


@install.command()
def systemd(
    config: ConfigOption = None,
    user: Annotated[str, typer.Option("--user", help="Who it runs as.")] = "root",
    start_delay: Annotated[
        str, typer.Option("--start-delay", help="How long to wait before each start of the daemon, such as 30s.")
    ] = "0s",
    log_file: Annotated[
        bool, typer.Option("--log-file", help="Log to a file in /var/log/daytwo, with logrotate, not to the journal.")
    ] = False,
    timer: Annotated[bool, typer.Option("--timer", help="No daemon: a timer for each backup that has `at:`.")] = False,
    no_start: Annotated[bool, typer.Option("--no-start", help="Only write the units.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the units and change nothing.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Stop it, and take the units away again.")] = False,
    json: JsonOption = False,
) -> None:
    """Have systemd run the daemon, from the next boot on too, with a guard that starts it anew when it hangs.

    Earlier units of the app are replaced, files of others never. With --timer there is no daemon.
    """
    from daytwo.cli.session import seconds
    from daytwo.config import load
    from daytwo.install.cron import table_name
    from daytwo.install.systemctl import apply, uninstall
    from daytwo.install.systemd import Host, Wish, plan

    loaded = load(config)
    with _run() as run:
        host = Host.here(run)
        if not dry_run and os.geteuid() != 0:
            raise RefusedError("only root may write units", hint="Run it again with sudo; `--user` says who it runs as")
        if remove:
            _tell(uninstall(table_name(loaded), host, run) or ["there was nothing to remove"], (), as_json=json)
            return
        planned = plan(loaded, host, Wish(user, seconds(start_delay, "--start-delay"), log_file, timer))
        if dry_run:
            done = [f"# {file.path}\n{file.text}" for file in planned.files]
        else:
            done = apply(planned, host, run, start=not no_start)
    _tell(done, (*planned.warnings, *([] if dry_run else planned.advice)), as_json=json)


@install.command()
def scripts(
    config: ConfigOption = None,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Where; beside the configuration when absent.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Write backup.sh, verify-backup.sh, restore.sh and health-check.sh: each only starts daytwo.

    Never overwrites a file that daytwo did not write.
    """
    from daytwo.config import load
    from daytwo.install.cron import program_path
    from daytwo.install.scripts import apply, plan

    loaded = load(config)
    _tell(apply(plan(loaded, program_path(), (folder or loaded.folder).absolute())), (), as_json=json)


def _tell(done: list[str], notes: tuple[str, ...], *, as_json: bool) -> None:
    if as_json:
        print_json({"done": done, "notes": notes})
        return
    for text in done:
        line(text)
    for text in notes:
        line(f"note: {text}")
