"""`daytwo extract`."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from daytwo.cli.options import ConfigOption, KeyOption, RepositoryOption, make
from daytwo.cli.output import line, size
from daytwo.cli.session import session
from daytwo.core.errors import UsageError

extract = make("Take one file, folder or table out of a snapshot.")


@extract.command()
def run(
    component: Annotated[str, typer.Argument(help="The component, such as db.dump or uploads.tar, or its service.")],
    item: Annotated[
        str | None, typer.Argument(help="A file or folder in it, or a table; the whole component when absent.")
    ] = None,
    config: ConfigOption = None,
    snapshot: Annotated[
        str, typer.Option("--snapshot", help="The snapshot's id, the beginning of one, or latest.")
    ] = "latest",
    repository: RepositoryOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file; - is standard output.")
    ] = None,
    key: KeyOption = None,
) -> None:
    """Take one file, folder (as tar) or table out of a snapshot, without restoring anything."""
    from daytwo.protect.restore import choose
    from daytwo.protect.verify import component_of, source_of

    with session(config, quiet=True, key=key) as app, app.look("extract") as work:
        chosen = choose(app.snapshots(work, repository), snapshot, None)
        held = chosen.manifest.components
        record = next((one for one in held if component in (one.name, one.stored_name)), None) or next(
            (one for one in held if one.service == component and not one.name.endswith(".globals.sql")), None
        )
        if record is None:
            raise UsageError(
                f"snapshot {chosen.id} holds no {component}", hint=f"It holds: {', '.join(one.name for one in held)}"
            )
        app.bench.act("snapshot.extract", chosen.id, {"component": record.name, "item": item or ""})
        source = source_of(app.bench, chosen, record, work, app.bench.identities())
        chunks = component_of(app.bench, record).extract(source, item, work) if item else source.chunks()
        target = output or Path(Path(item).name if item else record.name)
        if str(target) == "-":
            for chunk in chunks:
                sys.stdout.buffer.write(chunk)
            return
        written = _write(target, chunks)
    line(f"{target}: {size(written)} out of snapshot {chosen.id} ({record.name})")


def _write(target: Path, chunks: Iterable[bytes]) -> int:
    """Write beside and rename, so that a failure leaves no half file.

    Raises:
        UsageError: the file is there already.
    """
    if target.exists():
        raise UsageError(f"{target} is there already", hint="Choose another name with --output")
    part, written = target.with_name(f".{target.name}.part"), 0
    try:
        with part.open("xb") as out:
            for chunk in chunks:
                written += out.write(chunk)
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)
    return written
