"""`daytwo snapshots`: list, show, diff."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from daytwo.cli.ask import ask
from daytwo.cli.options import ConfigOption, JsonOption, RepositoryOption, make
from daytwo.cli.output import line, print_json, size, table, when

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
    from daytwo.questions import ListQuestion

    told = ask(config, ListQuestion(repository=repository), as_json=json)
    found = [one for one in told if backup in (None, one["backup"])]
    if json:
        print_json(found)
        return
    if not found:
        none = f"None of the {len(told)} snapshots is of a backup {backup}." if told else ""
        line(none or "There are no snapshots yet. Make one with `daytwo backup`.")
        return
    places: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in found:
        places[one["id"]].append(one)
    rows = []
    for group in places.values():
        one = group[0]
        where = ", ".join(f"{copy['repository']} ({copy['level']})" for copy in group)
        one = {**one, "pinned": any(copy["pinned"] for copy in group)}
        taken, largest = datetime.fromisoformat(one["at"]), max(copy["size"] for copy in group)
        rows.append((one["id"], when(taken), one["backup"], size(largest), where, ", ".join(_notes(one))))
    table(("ID", "TAKEN", "BACKUP", "SIZE", "IN (TRUST)", ""), rows, right=frozenset({3}))


def _notes(told: Mapping[str, Any]) -> list[str]:
    """What makes a snapshot a special one."""
    words = [word for word in ("pinned", "safety") if told[word]]
    return [*words, f"only {', '.join(told['only'])}"] if told["only"] else words


@snapshots.command("show")
def show(
    wanted: Annotated[str, typer.Argument(metavar="ID", help="The snapshot's id, the beginning of one, or latest.")],
    config: ConfigOption = None,
    repository: RepositoryOption = None,
    json: JsonOption = False,
) -> None:
    """Show what a snapshot holds, where it came from, and how far it is trusted."""
    from daytwo.core.manifest import Manifest
    from daytwo.questions import ShowQuestion

    found = ask(config, ShowQuestion(snapshot=wanted, repository=repository), as_json=json)
    if json:
        print_json(found)
        return
    manifest = Manifest.model_validate(found["manifest"])
    line(f"Snapshot {manifest.id} of {manifest.app} ({manifest.environment}), backup {manifest.backup}")
    line(f"  taken     {when(manifest.at)}, run {manifest.run}, sequence {manifest.sequence}")
    line(f"  in        {found['repository']}: {found['where']}")
    line(f"  trust     {', '.join([found['level'], *_notes(found)])}")
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
    from daytwo.questions import DiffQuestion

    changes = ask(config, DiffQuestion(older=older, newer=newer, repository=repository), as_json=json)
    if json:
        print_json(changes)
        return
    if not changes:
        line("The two snapshots hold the same.")
        return
    rows = [tuple(change[name] for name in ("component", "item", "before", "after")) for change in changes]
    table(("COMPONENT", "WHAT", "BEFORE", "AFTER"), rows, right=frozenset({2, 3}))
