"""`daytwo pin` and `daytwo unpin`."""

from pathlib import Path
from typing import Annotated

import typer

from daytwo.cli.options import ConfigOption, JsonOption, RepositoryOption, make
from daytwo.cli.output import line, print_json
from daytwo.cli.session import session
from daytwo.core.errors import UsageError
from daytwo.core.manifest import MarkKind

pin = make("Keep a snapshot for ever, whatever the rules say.")
unpin = make("Let the rules decide about a snapshot again.")

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The snapshot's id, the beginning of one, or latest.")]
NoteOption = Annotated[str, typer.Option("--note", help="Why, for whoever reads it later.")]


@pin.command()
def run_pin(
    wanted: IdArgument,
    config: ConfigOption = None,
    repository: RepositoryOption = None,
    note: NoteOption = "",
    json: JsonOption = False,
) -> None:
    """Keep a snapshot for ever, whatever the rules say, in every repository that has it."""
    _mark(wanted, config, repository, MarkKind.PINNED, note, as_json=json)


@unpin.command()
def run_unpin(
    wanted: IdArgument,
    config: ConfigOption = None,
    repository: RepositoryOption = None,
    note: NoteOption = "",
    json: JsonOption = False,
) -> None:
    """Let the rules decide about a snapshot again."""
    _mark(wanted, config, repository, MarkKind.UNPINNED, note, as_json=json)


def _mark(
    wanted: str, config: Path | None, repository: str | None, kind: MarkKind, note: str, *, as_json: bool
) -> None:
    from daytwo.protect.restore import choose

    with session(config, as_json=as_json) as app, app.look("pin") as work:
        there = app.snapshots(work, repository)
        meant = choose(there, None, None).id if wanted == "latest" else wanted
        found = [one for one in there if one.id.startswith(meant)]
        if len({one.id for one in found}) != 1:
            raise UsageError(
                f"'{wanted}' names {len({one.id for one in found})} snapshots", hint="See `daytwo snapshots`"
            )
        app.bench.act(f"snapshot.{kind.value.removesuffix('ned')}", found[0].id, {"note": note})
        for one in found:
            app.mark(one, kind, note, work)
            if not as_json:
                line(f"{one.id} in {one.repository} is {kind}")
    if as_json:
        print_json([{"id": one.id, "repository": one.repository, "mark": kind} for one in found])
