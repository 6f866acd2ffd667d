"""`daytwo prune`."""

from typing import Annotated

import typer

from daytwo.cli.options import ConfigOption, JsonOption, QuietOption, RepositoryOption, WaitOption, make
from daytwo.cli.output import line, print_json, table, when
from daytwo.cli.session import seconds, session

prune = make("Remove snapshots that no rule keeps.")


@prune.command()
def run(
    backup: Annotated[str | None, typer.Argument(help="Which backup; all when absent.")] = None,
    config: ConfigOption = None,
    repository: RepositoryOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print every snapshot with its reason, remove nothing.")
    ] = False,
    trust_clock: Annotated[bool, typer.Option("--trust-clock", help="Remove although the times are in doubt.")] = False,
    wait: WaitOption = "10m",
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Remove snapshots that no rule keeps. Prints every snapshot with the reason why it stays or goes."""
    from daytwo.cli.deliver import deliver
    from daytwo.orders import PruneOrder, PruneResult, prune_places
    from daytwo.protect.prune import plan_retention
    from daytwo.questions import retention

    order = PruneOrder(backup=backup, repository=repository, trust_clock=trust_clock)
    with session(config, as_json=json, quiet=quiet) as app, app.look("prune") as work:
        wanted = prune_places(app, order)
        plans = [plan_retention(app.bench, target, name, work, trust_clock=trust_clock) for name, target in wanted]
        removed: list[str] = []
        if not dry_run:
            result = PruneResult.model_validate(deliver(app, order, seconds(wait, "--wait")))
            removed = [id for ids in result.removed.values() for id in ids]
    if json:
        print_json([retention(one) for one in plans])
    elif not quiet:
        for one in plans:
            line(f"{one.backup} in {one.repository}:")
            rows = [
                ("keep" if d.kept else "remove", d.candidate.id, when(d.candidate.at), "; ".join(d.reasons))
                for d in one.retention.decisions
            ]
            table(("", "ID", "TAKEN", "WHY"), rows)
            if one.retention.doubt:
                line(f"Nothing is removed: {one.retention.doubt}")
        if not dry_run:
            line(f"Removed {len(removed)}." if removed else "Nothing to remove.")
