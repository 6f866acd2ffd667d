"""Options that many commands share, spelled once."""

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar="DAYTWO_CONFIG", help="The configuration file; found upwards from here."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing unless something is wrong.")]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key",
        envvar="DAYTWO_RECOVERY_KEY_FILE",
        help="File with the recovery key, or - to paste it; needed for what is encrypted.",
    ),
]
WaitOption = Annotated[
    str, typer.Option("--wait", help="How long to wait for another run of this app, such as 0s, 30m.")
]
RepositoryOption = Annotated[str | None, typer.Option("--repository", "-r", help="Only this repository.")]


def make(help: str) -> typer.Typer:
    """A Typer app with daytwo's manners: plain help, no pretty exceptions."""
    return typer.Typer(
        help=help,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
