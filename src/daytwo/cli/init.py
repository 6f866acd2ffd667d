"""`daytwo init`."""

from pathlib import Path
from typing import Annotated

import typer

from daytwo.cli.options import JsonOption, make
from daytwo.cli.output import line, print_json

init = make("Write a daytwo.yaml for what is found here.")


@init.command()
def run(
    folder: Annotated[Path, typer.Argument(help="The folder of the compose file, or of the app.")] = Path(),
    file: Annotated[
        list[Path] | None, typer.Option("--file", "-f", help="A compose file, as with docker compose (repeatable).")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the file and write nothing.")] = False,
    json: JsonOption = False,
) -> None:
    """Write a daytwo.yaml for what is found here: from a compose file, or from the folder's data.

    Makes a recovery key, shows its secret half once and writes only the public half into the file.
    Never overwrites a configuration.
    """
    from daytwo.cli.keys import show_once
    from daytwo.init import plan, write

    planned = plan(folder, files=tuple(file or ()))
    if dry_run:
        line(planned.text.rstrip())
        return
    path = write(planned)
    if json:
        print_json(
            {
                "path": path,
                "services": [one.name for one in planned.findings.services],
                "left_out": [{"what": one.what, "why": one.reason} for one in planned.findings.left_out],
                "warnings": planned.warnings,
                "recipient": planned.key.recipient,
                "recovery_key": planned.key.secret.reveal(),
            }
        )
        return
    line(f"Wrote {path} from {planned.findings.source}:")
    for service in planned.findings.services:
        line(f"  {service.name:<16} {service.settings['kind']:<9} {service.comment}")
    for left in planned.findings.left_out:
        line(f"  left out: {left.what}: {left.reason}")
    for warning in planned.warnings:
        line(f"  LOOK AT: {warning}")
    line()
    show_once(planned.key.secret.reveal(), planned.key.recipient)
    line()
    line("Next: read the file, then `daytwo doctor`, then `daytwo backup`.")
