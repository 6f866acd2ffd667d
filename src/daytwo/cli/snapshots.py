"""`daytwo snapshots`: list, show, diff."""

from collections import defaultdict
from typing import TYPE_CHECKING, Annotated

import typer

from daytwo.cli.options import ConfigOption, JsonOption, RepositoryOption, make
from daytwo.cli.output import line, print_json, size, table, when
from daytwo.cli.session import session

if TYPE_CHECKING:
    from daytwo.core.manifest import Snapshot

snapshots = make("List snapshots; show one; compare two.")


@snapshots.callback(invoke_without_command=True)
def list_them(
    ctx: typer.Context,
    config: ConfigOption = None,
    repository: RepositoryOption = None,
    backup: Annotated[str | None, typer.Option("--backup", "-b", help="Only this backup's.")] = None,
    json: JsonOption = False,
) -> None:
    """List snapshots; show one; compare two."""
    if ctx.invoked_subcommand:
        return
    from daytwo.questions import summary

    with session(config, as_json=json) as app, app.look("list") as run:
        found = [one for one in app.snapshots(run, repository) if backup in (None, one.manifest.backup)]
    if json:
        print_json([summary(one) for one in found])
        return
    if not found:
        line("There are no snapshots yet. Make one with `daytwo backup`.")
        return
    places: dict[str, list[Snapshot]] = defaultdict(list)
    for one in found:
        places[one.id].append(one)
    rows = []
    for group in places.values():
        one = group[0]
        where = ", ".join(f"{copy.repository} ({copy.level})" for copy in group)
        notes = [
            word for word, true in (("pinned", any(g.pinned for g in group)), ("safety", one.manifest.safety)) if true
        ]
        rows.append(
            (
                one.id,
                when(one.at),
                one.manifest.backup,
                size(max(copy.manifest.size for copy in group)),
                where,
                ", ".join(notes),
            )
        )
    table(("ID", "TAKEN", "BACKUP", "SIZE", "IN (TRUST)", ""), rows, right=frozenset({3}))


@snapshots.command("show")
def show(
    wanted: Annotated[str, typer.Argument(metavar="ID", help="The snapshot's id, the beginning of one, or latest.")],
    config: ConfigOption = None,
    repository: RepositoryOption = None,
    json: JsonOption = False,
) -> None:
    """Show what a snapshot holds, where it came from, and how far it is trusted."""
    from daytwo.protect.restore import choose
    from daytwo.questions import summary

    with session(config, as_json=json) as app, app.look("show") as run:
        found = choose(app.snapshots(run, repository), wanted, None)
        where = app.bench.repository(found.repository).where(found.manifest)
    manifest = found.manifest
    if json:
        print_json({**summary(found), "manifest": manifest.model_dump(mode="json"), "where": where})
        return
    line(f"Snapshot {found.id} of {manifest.app} ({manifest.environment}), backup {manifest.backup}")
    line(f"  taken     {when(found.at)}, run {manifest.run}, sequence {manifest.sequence}")
    line(f"  in        {found.repository}: {where}")
    line(f"  trust     {found.level}{', pinned' if found.pinned else ''}{', safety' if manifest.safety else ''}")
    line(f"  made by   daytwo {manifest.daytwo} on {manifest.host}, configuration {manifest.config[:12]}")
    for record in manifest.components:
        line()
        plain = size(record.plain.size) if record.plain else "read by path"
        line(f"  {record.stored_name}  ({record.kind}, {record.format}, {plain})")
        line(f"    from    {record.source.label}; it held {record.source.holds}")
        if record.plain:
            line(f"    sha256  {record.plain.sha256}")
        for tool, version in record.tools.items():
            line(f"    tool    {tool} {version}")
        for name, count in list(record.counts.items())[:12]:
            line(f"    {count:>12,}  {name}")
        if len(record.counts) > 12:
            line(f"    ... and {len(record.counts) - 12} more (--json shows all)")
        for warning in record.warnings:
            line(f"    warning {warning}")


@snapshots.command("diff")
def diff(
    older: Annotated[str, typer.Argument(help="The older snapshot's id.")],
    newer: Annotated[str, typer.Argument(help="The newer snapshot's id.")] = "latest",
    config: ConfigOption = None,
    repository: RepositoryOption = None,
    json: JsonOption = False,
) -> None:
    """Compare two snapshots: components, sizes, rows by table, files."""
    from daytwo.protect.diff import compare
    from daytwo.protect.restore import choose

    with session(config, as_json=json) as app, app.look("diff") as run:
        found = app.snapshots(run, repository)
        changes = compare(choose(found, older, None).manifest, choose(found, newer, None).manifest)
    if json:
        print_json(changes)
        return
    if not changes:
        line("The two snapshots hold the same.")
        return
    rows = [(change.component, change.item, change.before, change.after) for change in changes]
    table(("COMPONENT", "WHAT", "BEFORE", "AFTER"), rows, right=frozenset({2, 3}))
