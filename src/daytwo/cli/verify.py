"""`daytwo verify`."""

from typing import Annotated

import typer

from daytwo.cli.options import ConfigOption, JsonOption, KeyOption, QuietOption, RepositoryOption, make
from daytwo.cli.output import line, print_json
from daytwo.cli.session import session
from daytwo.core.errors import DaytwoError, ExitCode

verify = make("Read snapshots again: every byte, or with each engine's own tool.")


@verify.command()
def run(
    wanted: Annotated[str, typer.Argument(metavar="ID", help="A snapshot's id, latest, or all.")] = "latest",
    config: ConfigOption = None,
    repository: RepositoryOption = None,
    service: Annotated[
        list[str] | None, typer.Option("--service", "-s", help="Only this service (repeatable).")
    ] = None,
    stored: Annotated[bool, typer.Option("--stored", help="Only compare checksums of the stored bytes.")] = False,
    data_share: Annotated[
        str | None, typer.Option("--data-share", help="Have restic read this share of all its data, such as 5% or 1/7.")
    ] = None,
    key: KeyOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Read snapshots again and mark what was found on them.

    First every stored byte is compared with its checksum; then each engine's own tool reads each component to its end
    (pg_restore, SQLite's integrity check, redis-check-rdb, a walk through the tar). Encrypted parts need --key.
    Ends with 0 when all is well and 4 when something is damaged.
    """
    from daytwo.protect.verify import verify_components, verify_stored

    report: list[dict[str, object]] = []
    damaged = False
    with session(config, as_json=json, quiet=quiet, key=key) as app, app.look("verify") as work:
        found = [one for one in app.snapshots(work, repository) if wanted == "all" or one.id.startswith(wanted)]
        if wanted == "latest":
            from daytwo.protect.restore import choose

            newest = choose(app.snapshots(work, repository), None, None)
            found = [one for one in app.snapshots(work, repository) if one.id == newest.id]
        elif not found:
            from daytwo.core.errors import UsageError

            raise UsageError(f"there is no snapshot {wanted}", hint="`daytwo snapshots` lists them")
        identities = app.bench.identities()
        for one in found:
            entry: dict[str, object] = {"id": one.id, "repository": one.repository}
            try:
                verify_stored(app.bench, one, work)
                entry["stored"] = "every stored byte is as it was written"
                if not stored:
                    parts = verify_components(app.bench, one, work, identities, service or ())
                    entry["components"] = [vars(part) for part in parts]
            except DaytwoError as error:
                damaged = True
                entry["error"] = str(error)
            report.append(entry)
        for name in {one.repository for one in found} if data_share else ():
            if said := app.bench.repository(name).check_data(data_share or "", work):
                report.append({"repository": name, "check": said})
        for name in {one.repository for one in found}:
            app.snapshots(work, name)
    if json:
        print_json(report)
    elif not quiet or damaged:
        _tell(report)
    raise typer.Exit(ExitCode.NOT_VERIFIED if damaged else ExitCode.OK)


def _tell(report: list[dict[str, object]]) -> None:
    for entry in report:
        if "check" in entry:
            line(f"{entry['repository']}: {entry['check']}")
            continue
        line(f"Snapshot {entry['id']} in {entry['repository']}")
        if "stored" in entry:
            line(f"  stored    {entry['stored']}")
        parts = entry.get("components", [])
        for part in parts if isinstance(parts, list) else []:
            word = "not read" if part["skipped"] else "verified"
            line(f"  {word:<9} {part['component']}: {part['note']}{_by(part)}")
        if "error" in entry:
            line(f"  DAMAGED   {entry['error']}")


def _by(part: dict[str, object]) -> str:
    return f" ({part['tool']})" if part["tool"] else ""
