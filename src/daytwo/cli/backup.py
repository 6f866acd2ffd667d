"""`daytwo backup`."""

from typing import TYPE_CHECKING, Annotated

import typer

from daytwo.cli.options import ConfigOption, JsonOption, QuietOption, WaitOption, make
from daytwo.cli.output import line, print_json, size, took, when
from daytwo.cli.session import seconds, session
from daytwo.core.errors import ExitCode

if TYPE_CHECKING:
    from daytwo.protect.snapshot import BackupResult

backup = make("Make a snapshot now.")


@backup.command()
def run(
    name: Annotated[str | None, typer.Argument(help="Which backup; needed when there are several.")] = None,
    config: ConfigOption = None,
    service: Annotated[
        list[str] | None, typer.Option("--service", "-s", help="Only this service (repeatable).")
    ] = None,
    to: Annotated[list[str] | None, typer.Option("--to", help="Only into this repository (repeatable).")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and do nothing.")] = False,
    wait: WaitOption = "10m",
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make a snapshot now: dump every service, store it, read it back, thin out old ones.

    Ends with 0 when everything is stored, 3 when a repository or a later step failed, 1 when there is no snapshot.
    """
    from daytwo.cli.deliver import deliver
    from daytwo.ledger.runs import Outcome
    from daytwo.orders import BackupOrder
    from daytwo.protect.plan import make_plan
    from daytwo.protect.snapshot import BackupResult

    with session(config, as_json=json, quiet=quiet) as app:
        chosen = app.backup_name(name)
        now = app.clock()
        plan = make_plan(app.config, app.services(), app.repositories(), chosen, now, only=service or (), to=to or ())
        if dry_run:
            if json:
                print_json(plan)
            else:
                line(f"backup {chosen} of {app.config.app} ({app.config.environment}) would:")
                for step in plan.lines():
                    line(f"  {step}")
            raise typer.Exit(ExitCode.OK)
        order = BackupOrder(backup=chosen, only=tuple(service or ()), to=tuple(to or ()))
        result = BackupResult.model_validate(deliver(app, order, seconds(wait, "--wait")))
    if json:
        print_json(result)
    elif not quiet or result.failures:
        _tell(result)
    raise typer.Exit(ExitCode.PARTIAL if result.outcome is Outcome.PARTIAL else ExitCode.OK)


def _tell(result: "BackupResult") -> None:
    parts = len(result.components)
    word = "stored in part" if result.failures else "stored and read back"
    line(f"Snapshot {result.snapshot} {word}: {size(result.size)} in {parts} components, {took(result.seconds)}")
    for name, where in result.stored.items():
        line(f"  {name:<12} {where}")
    for name, removed in result.removed.items():
        if removed:
            line(f"  {name:<12} retention removed {len(removed)}: {', '.join(removed)}")
    for warning in result.warnings:
        line(f"  warning: {warning}")
    for name, failure in result.failures.items():
        line(f"  FAILED {name}: {failure}")
    line(f"Finished {when(result.ended)}")
