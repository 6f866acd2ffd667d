"""`daytwo runs`: what was done, by whom, with which outcome; stop one."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from daytwo.cli.books import opened_books
from daytwo.cli.options import ConfigOption, JsonOption, make
from daytwo.cli.output import line, print_json, table, took, when
from daytwo.core.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from daytwo.ledger.runs import RunRow

runs = make("List what was done; show one run; stop one.")

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")]


@runs.callback(invoke_without_command=True)
def list_them(
    ctx: typer.Context,
    config: ConfigOption = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Only backup, restore, verify or prune.")] = None,
    outcome: Annotated[str | None, typer.Option("--outcome", help="Only these, such as failed or missed.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="So many.")] = 20,
    json: JsonOption = False,
) -> None:
    """List what was done, the newest first."""
    if ctx.invoked_subcommand:
        return
    from daytwo.ledger.runs import Outcome

    try:
        wanted = Outcome(outcome) if outcome else None
    except ValueError:
        raise UsageError(f"--outcome {outcome} is not known", hint=f"There are {', '.join(Outcome)}") from None
    with opened_books(config) as books:
        found = books.runs.latest(kind, limit=limit, outcome=wanted)
        if json:
            print_json([_data(one) for one in found])
            return
        if not found:
            line("No run is like that." if kind or wanted else "Nothing was done yet.")
            return
        rows = [
            (
                one.id,
                when(one.begun),
                one.kind,
                one.subject,
                one.outcome.value,
                took((one.ended - one.begun).total_seconds()) if one.ended else "",
                one.actor,
            )
            for one in found
        ]
        table(("RUN", "BEGUN", "KIND", "OF", "OUTCOME", "TOOK", "BY"), rows)


@runs.command()
def show(run: RunArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show one run: begin, end, outcome, who, how far."""
    with opened_books(config) as books:
        found = books.runs.get(run)
        if found is None:
            raise NotFoundError(f"there is no run {run}", hint="`daytwo runs` lists them")
        if json:
            print_json(_data(found))
            return
        line(f"Run {found.id}: {found.kind} {found.subject}, {found.outcome}")
        line(f"  by      {found.actor} ({found.via})")
        if found.due:
            line(f"  due     {when(found.due)}")
        line(f"  begun   {when(found.begun)}{f' (attempt {found.attempt})' if found.attempt > 1 else ''}")
        if found.ended:
            line(f"  ended   {when(found.ended)}, after {took((found.ended - found.begun).total_seconds())}")
        if found.summary:
            line(f"  says    {found.summary}")
        for part in found.progress.values() if found.outcome.open else ():
            line(f"  {part['part']}: {part['state']}, {part['done'] / 1e6:.1f} MB")


@runs.command()
def cancel(run: RunArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Stop a run of the daemon; nothing half-done is left."""
    from daytwo.config import glimpse
    from daytwo.serve.client import Client

    taken = Client.of(glimpse(config)).call("POST", f"/api/runs/{run}/cancel")
    print_json(taken) if json else line(f"Run {run} is being stopped.")


def _data(one: "RunRow") -> dict[str, Any]:
    """All but what only the program needs: the order in its own words, and what the way back of a dead run needs."""
    told = {name: value for name, value in vars(one).items() if name not in ("request", "journal")}
    return told if one.outcome.open else told | {"progress": {}}
