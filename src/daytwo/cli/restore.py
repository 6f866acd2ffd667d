"""`daytwo restore`."""

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from daytwo.cli.options import ConfigOption, JsonOption, KeyOption, QuietOption, RepositoryOption, WaitOption, make
from daytwo.cli.output import line, print_json, size, took, when
from daytwo.cli.session import seconds, session
from daytwo.core.errors import ExitCode, RefusedError, UsageError
from daytwo.core.schedule import zone_of

if TYPE_CHECKING:
    from daytwo.app import App
    from daytwo.core.manifest import Snapshot
    from daytwo.core.run import Run
    from daytwo.protect.restore import RestorePlan, RestoreResult

restore = make("Bring data back, in place or somewhere else.")


@restore.command()
def run(
    wanted: Annotated[
        str, typer.Argument(metavar="ID", help="A snapshot's id, the beginning of one, or latest.")
    ] = "latest",
    config: ConfigOption = None,
    service: Annotated[
        list[str] | None, typer.Option("--service", "-s", help="Only this service (repeatable).")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Only this table or path of one service (repeatable).")
    ] = None,
    before: Annotated[
        str | None, typer.Option("--before", help="The newest snapshot before this time, such as 2026-11-20T18:00.")
    ] = None,
    into: Annotated[
        list[str] | None,
        typer.Option("--into", help="Another place: service.setting=value, such as db.database=copy (repeatable)."),
    ] = None,
    repository: RepositoryOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    no_safety: Annotated[
        bool, typer.Option("--no-safety", help="Take no safety snapshot of what is there now.")
    ] = False,
    accept_other_target: Annotated[
        bool, typer.Option("--accept-other-target", help="Write although this is not the place the snapshot came from.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be written where, and do nothing.")
    ] = False,
    key: KeyOption = None,
    wait: WaitOption = "10m",
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Bring data back.

    Everything is restored beside the live data first and compared with the manifest; only then is it put in use by
    renaming, and what was there is kept until you drop it. Without --into a safety snapshot is taken first.
    """
    from daytwo.cli.deliver import deliver
    from daytwo.orders import RestoreOrder, restore_plan
    from daytwo.protect.places import parse_into
    from daytwo.protect.restore import RestoreResult

    with session(config, as_json=json, quiet=quiet, key=key) as app:
        order = RestoreOrder(
            snapshot=wanted,
            repository=repository,
            before=_moment(before, app) if before else None,
            services=tuple(service or ()),
            only=tuple(only or ()),
            into=parse_into(into or []),
            safety=not no_safety,
            accept_other=accept_other_target,
        )
        with app.look("restore") as look:
            snapshot, plan = restore_plan(app, order, look)
            shown = _describe(app, plan, snapshot, look) if dry_run or not yes else []
        if dry_run:
            print_json({"plan": plan, "places": shown}) if json else _show(app, plan, snapshot, shown)
            raise typer.Exit(ExitCode.OK)
        if not yes:
            if json or not sys.stdin.isatty():
                raise RefusedError("a restore needs a confirmation", hint="Add --yes when no person is there to ask")
            _show(app, plan, snapshot, shown)
            _ask(app, plan)
        # What was shown and confirmed is what is restored, even when a newer snapshot has come meanwhile.
        exact = order.model_copy(update={"snapshot": snapshot.id, "repository": snapshot.repository, "before": None})
        result = RestoreResult.model_validate(deliver(app, exact, seconds(wait, "--wait")))
    if json:
        print_json(result)
    elif not quiet:
        _tell(result)


def _moment(text: str, app: "App") -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--before {text} is not a time", hint="Write it like 2026-11-20T18:00") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone_of(app.config.timezone))


def _describe(app: "App", plan: "RestorePlan", snapshot: "Snapshot", run: "Run") -> list[dict[str, str]]:
    from daytwo.protect.restore import places

    return [
        {
            "component": name,
            "from": source.label,
            "to": there.label,
            "holds": there.holds,
            "same place": "yes" if source.id == there.id else "no" if source.id and there.id else "unknown",
        }
        for name, (source, there) in places(app.bench, plan, snapshot, run).items()
    ]


def _show(app: "App", plan: "RestorePlan", snapshot: "Snapshot", shown: list[dict[str, str]]) -> None:
    line(
        f"Restore of snapshot {snapshot.id}, taken {when(snapshot.at)}"
        f" ({size(snapshot.manifest.size)}, {snapshot.level}),"
    )
    line(f"from {snapshot.repository}, to {app.config.app} ({app.config.environment}):")
    for one in shown:
        line(f"  {one['component']}")
        line(f"    to    {one['to']}, which now holds {one['holds']}")
        if one["same place"] == "no":
            line(f"    NOTE  it came from another place: {one['from']}")
    for item in plan.only:
        line(f"  only {item}")
    line("A safety snapshot of what is there is taken first." if plan.safety else "No safety snapshot is taken.")
    line("What is there now is kept beside until you drop it.")


def _ask(app: "App", plan: "RestorePlan") -> None:
    """Have a person type the app's name before live data is replaced.

    Raises:
        RefusedError: something else was typed.
    """
    name = app.config.own_name
    typed = input(f"Type {name} to go on: " if plan.in_place else "Go on? Type yes: ").strip()
    if typed != (name if plan.in_place else "yes"):
        raise RefusedError("not confirmed; nothing was done")


def _tell(result: "RestoreResult") -> None:
    line(f"Restored snapshot {result.snapshot} of {when(result.at)} in {took(result.seconds)}")
    for part in result.parts:
        line(f"  {part.component}: {part.now}")
        if part.compared:
            line(f"    {len(part.counts)} counts compared with the manifest, all equal")
        if part.kept:
            line(f"    before: {part.kept}")
            line(f"    drop it with: {part.drop}")
    for warning in result.warnings:
        line(f"  warning: {warning}")
    if result.safety:
        line(f"  safety snapshot of what was there: {result.safety}")
