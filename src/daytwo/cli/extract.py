"""`daytwo extract`."""

import contextlib
import sys
from collections.abc import Iterable
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from daytwo.cli.books import the_daemon_for
from daytwo.cli.options import ConfigOption, KeyOption, RepositoryOption, make
from daytwo.cli.output import line, size
from daytwo.cli.session import session
from daytwo.core.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from daytwo.questions import Extracted

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
    from daytwo.questions import Extracted, ExtractQuestion, extracted

    question = ExtractQuestion(snapshot=snapshot, component=component, item=item, repository=repository)
    with session(config, quiet=True, key=key) as app:
        if client := the_daemon_for(app.config):
            body = {**question.model_dump(exclude={"kind", "snapshot"}), "keys": list(app.identities())}
            chunks = client.download(f"/api/snapshots/{quote(snapshot, safe='')}/extract", "POST", body)
            _keep(Extracted(snapshot, component, Path(item or component).name, chunks), output)
            return
        with app.look("extract") as work:
            _keep(extracted(app, question, work), output)


def _keep(found: "Extracted", output: Path | None) -> None:
    target = output or Path(found.name)
    if str(target) == "-":
        for chunk in found.chunks:
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()  # while what goes wrong can still be told
        return
    written = _write(target, found.chunks)
    line(f"{target}: {size(written)} out of snapshot {found.snapshot} ({found.component})")


def _write(target: Path, chunks: Iterable[bytes]) -> int:
    """Write beside and give it its name, so that a failure leaves no half file.

    Raises:
        UsageError: the file is there already.
        RefusedError: it cannot be written there.
    """
    if target.exists():
        raise UsageError(f"{target} is there already", hint="Choose another name with --output")
    part, written = target.with_name(f".{target.name[:200]}.{token_hex(4)}.part"), 0
    try:
        with part.open("xb") as out:
            for chunk in chunks:
                written += out.write(chunk)
        part.rename(target)
    except OSError as error:
        raise RefusedError(
            f"cannot write {target}: {error.strerror}", hint="Choose another place with --output"
        ) from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
    return written
