"""`daytwo verify`."""

from typing import TYPE_CHECKING, Annotated

import typer

from daytwo.cli.options import ConfigOption, JsonOption, KeyOption, QuietOption, RepositoryOption, make
from daytwo.cli.output import line, print_json
from daytwo.cli.session import seconds, session
from daytwo.core.errors import ExitCode

if TYPE_CHECKING:
    from daytwo.orders import VerifyResult

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
    Ends with 0 when all is well and 4 when something is damaged, or cannot be read.
    """
    from daytwo.cli.deliver import deliver
    from daytwo.orders import VerifyOrder, VerifyResult

    order = VerifyOrder(
        snapshot=wanted, repository=repository, services=tuple(service or ()), stored=stored, data_share=data_share
    )
    with session(config, as_json=json, quiet=quiet, key=key) as app:
        result = VerifyResult.model_validate(deliver(app, order, seconds("10m", "--wait")))
    if json:
        print_json(result)
    elif not quiet or result.damaged:
        _tell(result)
    raise typer.Exit(ExitCode.NOT_VERIFIED if result.damaged else ExitCode.OK)


def _tell(result: "VerifyResult") -> None:
    for one in result.snapshots:
        if not one.id:
            line(f"{one.repository}: {one.check or f'NOT READ {one.error}'}")
            continue
        line(f"Snapshot {one.id} in {one.repository}")
        if one.stored:
            line(f"  stored    {one.stored}")
        for part in one.components:
            word = "not read" if part.skipped else "verified"
            line(f"  {word:<9} {part.component}: {part.note}{f' ({part.tool})' if part.tool else ''}")
        if one.error:
            line(f"  DAMAGED   {one.error}")
