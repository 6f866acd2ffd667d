"""`daytwo completion`."""

from enum import StrEnum
from typing import Annotated

import typer

from daytwo.cli.options import make
from daytwo.cli.output import line

completion = make("Print the completion script for your shell.")


class Shell(StrEnum):
    """Shells that completion is there for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@completion.command()
def run(shell: Annotated[Shell, typer.Argument(help="Your shell.")]) -> None:
    """Print the completion script for your shell. For bash: `eval "$(daytwo completion bash)"` in ~/.bashrc."""
    import typer.completion

    script = typer.completion.get_completion_script  # type: ignore[attr-defined]  # there, but not in its __all__
    line(script(prog_name="daytwo", complete_var="_DAYTWO_COMPLETE", shell=str(shell)))
