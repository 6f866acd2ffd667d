"""`daytwo keys`: new, check."""

from typing import Annotated

import typer

from daytwo.cli.options import ConfigOption, JsonOption, RepositoryOption, make
from daytwo.cli.output import line, print_json
from daytwo.cli.session import session

keys = make("Make a recovery key; prove that one opens the latest snapshot.")


@keys.command()
def new(config: ConfigOption = None) -> None:
    """Make a recovery key, show it once, and add its recipient to the configuration."""
    from daytwo.config import find
    from daytwo.core.crypt import new_key
    from daytwo.init import add_recipient

    path = config or find()  # not loaded: without a recipient it may not be right yet
    key = new_key()
    add_recipient(path, key.recipient)
    show_once(key.secret.reveal(), key.recipient)
    line(f"The recipient was added to {path}; snapshots from now on open with this key.")


@keys.command()
def check(
    config: ConfigOption = None,
    repository: RepositoryOption = None,
    key: Annotated[
        str,
        typer.Option("--key", envvar="DAYTWO_RECOVERY_KEY_FILE", help="File with the recovery key, or - to paste it."),
    ] = "-",
    json: JsonOption = False,
) -> None:
    """Prove that a recovery key opens the latest snapshot, by reading every encrypted component with it."""
    from daytwo.questions import opened

    with session(config, as_json=json, key=key) as app, app.look("keys") as work:
        found = opened(app, work, repository)
    if json:
        print_json(found)
    elif found["opened"]:
        parts = ", ".join(found["opened"])
        line(f"The key opens snapshot {found['snapshot']} in {found['repository']}: {parts} read to the end.")
    else:
        line(f"Snapshot {found['snapshot']} holds nothing encrypted; the key was not needed.")


def show_once(secret: str, recipient: str) -> None:
    """Print a new recovery key with what to do with it."""
    line("Recovery key (shown once, stored nowhere; without it encrypted data is lost for ever):")
    line()
    line(f"  {secret}")
    line()
    line(f"  recipient {recipient}")
    line("Put the key into your password manager and print it. Then prove it with `daytwo keys check`.")
