"""`daytwo pin` and `daytwo unpin`."""

from typing import Annotated

import typer

from daytwo.cli.options import ConfigOption, RepositoryOption, make
from daytwo.cli.output import line
from daytwo.cli.session import session
from daytwo.core.errors import UsageError
from daytwo.core.manifest import MarkKind

pin = make("Keep a snapshot for ever, whatever the rules say.")
unpin = make("Let the rules decide about a snapshot again.")

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The snapshot's id or the beginning of one.")]
NoteOption = Annotated[str, typer.Option("--note", help="Why, for whoever reads it later.")]


@pin.command()
def run_pin(
    wanted: IdArgument, config: ConfigOption = None, repository: RepositoryOption = None, note: NoteOption = ""
) -> None:
    """Keep a snapshot for ever, whatever the rules say, in every repository that has it."""
    _mark(wanted, config, repository, MarkKind.PINNED, note)


@unpin.command()
def run_unpin(
    wanted: IdArgument, config: ConfigOption = None, repository: RepositoryOption = None, note: NoteOption = ""
) -> None:
    """Let the rules decide about a snapshot again."""
    _mark(wanted, config, repository, MarkKind.UNPINNED, note)


def _mark(wanted: str, config: ConfigOption, repository: str | None, kind: MarkKind, note: str) -> None:
    with session(config) as app, app.look("pin") as work:
        found = [one for one in app.snapshots(work, repository) if one.id.startswith(wanted)]
        if len({one.id for one in found}) != 1:
            raise UsageError(
                f"'{wanted}' names {len({one.id for one in found})} snapshots", hint="See `daytwo snapshots`"
            )
        for one in found:
            app.mark(one, kind, note, work)
            line(f"{one.id} in {one.repository} is {kind}")
