"""`daytwo serve`: the daemon."""

import asyncio
import logging
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daytwo.cli.options import ConfigOption, make
from daytwo.core.errors import DaytwoError, ExitCode, UnreachableError, UsageError

if TYPE_CHECKING:
    from daytwo.daemon import Built, DaemonRole

_PATIENCE = 10.0
"""Seconds that a check waits for the daemon's word."""

serve = make("Run the daemon: schedules, the API, heartbeats.")


@serve.command()
def run(
    config: ConfigOption = None,
    roles: Annotated[
        str, typer.Option("--roles", help="What it does, of web,probe,work; the others may be other processes.")
    ] = "web,probe,work",
    log: Annotated[str | None, typer.Option("--log", help="Form of the log lines, text or json.")] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Start nothing: 0 if a daemon is well, 1 if it is not, 5 if nobody answers."),
    ] = False,
) -> None:
    """Run the daemon until it is told to stop: schedules, the API and its pages, heartbeats.

    SIGTERM ends it within `serve.stop_within`; a backup that is at work is ended and made up at the next start. SIGHUP
    has it read its configuration again.
    """
    from daytwo.cli.work import PROGRAM
    from daytwo.config import find, glimpse
    from daytwo.daemon import built
    from daytwo.serve.log import configure

    path = (config or find()).absolute()
    if check:
        raise typer.Exit(_check(path))
    form = log or glimpse(path).serve.log
    if form not in ("text", "json"):
        raise UsageError(f"--log {form} is not known", hint="There are text and json")
    chosen = _roles(roles)
    configure("json" if form == "json" else "text")
    with built(path, chosen, PROGRAM) as made:
        _greet(made, _own_folder(path), lines=form == "json")
        asyncio.run(made.daemon.run())


def _greet(made: "Built", folder: Path, *, lines: bool) -> None:
    """Say where it answers, and how the first administrator comes in."""
    from daytwo.serve.greeter import announce, is_journal

    if made.address and lines:
        logging.getLogger("daytwo.serve").info("daytwo answers at %s", made.address)
    elif made.address:
        sys.stderr.write(f"daytwo answers at {made.address}\n")
    if made.link:
        announce(made.link, folder, journal=is_journal(os.environ.get("JOURNAL_STREAM")), lines=lines)


def _own_folder(path: Path) -> Path:
    return (path if path.is_dir() else path.parent) / ".daytwo"


def _check(path: Path) -> ExitCode:
    """Ask the daemon of a configuration how it is, and say it."""
    from daytwo.cli.output import line
    from daytwo.serve.client import Client

    client = Client(_own_folder(path), _PATIENCE)
    try:
        status = client.call("GET", "/api/health")["status"]
    except UnreachableError as error:
        sys.stderr.write(f"{error}\n")
        return ExitCode.REFUSED
    if status == "ok":
        line("the daemon is well")
        return ExitCode.OK
    sys.stderr.write("the daemon answers, and is not well\n")
    with suppress(DaytwoError):  # what is wrong is not told to everybody
        for problem in client.call("GET", "/api/monitoring/health/detailed")["problems"]:
            sys.stderr.write(f"  {problem}\n")
    return ExitCode.FAILED


def _roles(text: str) -> "list[DaemonRole]":
    from daytwo.daemon import DaemonRole

    try:
        found = [DaemonRole(word.strip()) for word in text.split(",")]
    except ValueError:
        raise UsageError(f"--roles {text} is not understood", hint="Choose of web, probe and work") from None
    return found
