"""`daytwo serve`: the daemon."""

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from daytwo.cli.options import ConfigOption, make
from daytwo.core.errors import UsageError

if TYPE_CHECKING:
    from daytwo.daemon import DaemonRole

serve = make("Run the daemon: schedules, the API, heartbeats.")


@serve.command()
def run(
    config: ConfigOption = None,
    roles: Annotated[
        str, typer.Option("--roles", help="What it does, of web,probe,work; the others may be other processes.")
    ] = "web,probe,work",
    log: Annotated[str | None, typer.Option("--log", help="Form of the log lines, text or json.")] = None,
) -> None:
    """Run the daemon until it is told to stop: schedules, the API and its pages, heartbeats.

    SIGTERM ends it within `serve.stop_within`; a backup that is at work is ended and made up at the next start. SIGHUP
    has it read its configuration again.
    """
    from daytwo.cli.work import PROGRAM
    from daytwo.config import find
    from daytwo.daemon import built
    from daytwo.serve.log import configure
    from daytwo.serve.site import Site

    path = (config or find()).absolute()
    form = log or Site(path).config.serve.log
    if form not in ("text", "json"):
        raise UsageError(f"--log {form} is not known", hint="There are text and json")
    chosen = _roles(roles)
    configure("json" if form == "json" else "text")
    with built(path, chosen, PROGRAM) as made:
        if made.address:
            sys.stderr.write(f"daytwo answers at {made.address}\n")
        if made.link:
            sys.stderr.write(f"There is no user yet. Make the first administrator here, once:\n  {made.link}\n")
        asyncio.run(made.daemon.run())


def _roles(text: str) -> "list[DaemonRole]":
    from daytwo.daemon import DaemonRole

    try:
        found = [DaemonRole(word.strip()) for word in text.split(",")]
    except ValueError:
        raise UsageError(f"--roles {text} is not understood", hint="Choose of web, probe and work") from None
    return found
