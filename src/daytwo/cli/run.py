"""`daytwo run`: a cron job with somebody who notices when it fails or stays away."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daytwo.cli.options import ConfigOption, make
from daytwo.cli.session import seconds
from daytwo.core.errors import UsageError

if TYPE_CHECKING:
    from daytwo.serve.reporting import Reporter

run = make("Run a job; report its start, its end and its last words.")


@run.command()
def job(
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND ARGS", help="What to run.")],
    heartbeat: Annotated[
        str | None, typer.Option("--heartbeat", metavar="NAME", help="Report to the daemon here, for this heartbeat.")
    ] = None,
    url: Annotated[
        str | None,
        typer.Option("--url", envvar="DAYTWO_PING_URL", help="Report to this ping address; better in the variable."),
    ] = None,
    timeout: Annotated[
        str | None, typer.Option("--timeout", metavar="D", help="End the job after so long, such as 2h.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Run a job; report its start, its end and its last words.

    Its output passes through, signals reach it, and its exit code is this command's: 127 when there is no such program,
    126 when it cannot be executed, 124 when its time was up, 128 and the signal's number when one ended it. When the
    report does not arrive, that is a warning on standard error; the job runs all the same.
    """
    from daytwo.serve.reporting import remember_secrets
    from daytwo.serve.wrap import run as wrapped

    limit = seconds(timeout, "--timeout") if timeout is not None else None
    if limit is not None and limit <= 0:
        raise UsageError("--timeout must be longer than nothing")
    reporter = _reporter(heartbeat, url, config)
    remember_secrets()
    reporter.begin()
    ended = wrapped(command, limit)
    reporter.finish(ended.code, ended.seconds, "\n".join(filter(None, (ended.output.rstrip("\n"), ended.why))))
    raise typer.Exit(ended.code)


def _reporter(heartbeat: str | None, url: str | None, config: Path | None) -> "Reporter":
    from daytwo.core.secrets import Secret
    from daytwo.serve.reporting import ByName, ByUrl

    if heartbeat is not None:
        return ByName(lambda: _folder(config), heartbeat, _warn)
    if url is None:
        raise UsageError("nobody would be told", hint="Give --heartbeat NAME, or --url with a ping address")
    if not url.startswith(("http://", "https://")):
        raise UsageError("--url is no http:// or https:// address", hint="`daytwo heartbeats` shows the addresses")
    return ByUrl(Secret(url.strip()), _warn)


def _folder(config: Path | None) -> Path:
    """The app's folder; the file itself is not read, so that a mistake in it is nobody's concern here."""
    from daytwo.config.loading import find

    path = (config or find()).absolute()
    return path if path.is_dir() else path.parent


def _warn(text: str) -> None:
    sys.stderr.write(f"daytwo run: warning: {text}\n")
    sys.stderr.flush()
