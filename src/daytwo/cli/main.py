"""The entry point: finds the command, imports only that, and turns errors into words and exit codes."""

import importlib
import json
import sys
from typing import Any

import click

from daytwo.core.errors import DaytwoError, ExitCode

SECTIONS: dict[str, dict[str, str]] = {
    "Protect": {
        "backup": "Make a snapshot now.",
        "snapshots": "List snapshots; show one; compare two.",
        "verify": "Read snapshots again: every byte, or with each engine's own tool.",
        "restore": "Bring data back, in place or somewhere else.",
        "extract": "Take one file, folder or table out of a snapshot.",
        "prune": "Remove snapshots that no rule keeps.",
        "pin": "Keep a snapshot for ever, whatever the rules say.",
        "unpin": "Let the rules decide about a snapshot again.",
    },
    "Look": {
        "status": "Is everything protected? What ran last, what is due.",
        "doctor": "Check tools, versions, rights, disk and keys, each with its remedy.",
    },
    "Set up": {
        "init": "Write a daytwo.yaml for what is found here.",
        "config": "Check the configuration; show it whole; print its JSON Schema.",
        "keys": "Make a recovery key; prove that one opens the latest snapshot.",
        "install": "Have backups run by cron; write scripts for people who expect them.",
        "demo": "See it work on a small real app: back up, destroy, restore, compare.",
    },
}


class Commands(click.Group):
    """The commands by section; a command's module is imported when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the sections."""
        return [name for section in SECTIONS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if not any(cmd_name in section for section in SECTIONS.values()):
            return None
        import typer.main

        module = importlib.import_module(f"daytwo.cli.{'pin' if cmd_name == 'unpin' else cmd_name}")
        command: click.Command = typer.main.get_command(getattr(module, cmd_name))
        command.name = cmd_name
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, and the nearest name for a misspelt one."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], self.list_commands(ctx), 1)
            if near:
                error.message += f" Did you mean '{near[0]}'?"
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The sections, without importing anything."""
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(list(section.items()))


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="daytwo", prog_name="daytwo")
def daytwo() -> None:
    """Day-2 operations for self-hosted apps, from one file.

    Backups that are known to restore: daytwo reads back what it stores, and compares what it restores.
    Begin with `daytwo init` in the folder of your compose file, or with `daytwo demo`.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and end the process with a documented exit code."""
    argv = sys.argv[1:] if arguments is None else arguments
    sys.exit(run(argv))


def run(argv: list[str]) -> int:
    """Run one command line.

    Args:
        argv: the words after the program's name.

    Returns:
        The exit code, one of `ExitCode`.
    """
    try:
        result: Any = daytwo.main(args=argv, prog_name="daytwo", standalone_mode=False)
        return result if isinstance(result, int) else ExitCode.OK
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.Abort:
        sys.stderr.write("stopped\n")
        return ExitCode.INTERRUPTED
    except click.ClickException as error:
        if "--json" in argv:
            _print_error("usage", error.format_message(), "", "")
        else:
            error.show()
        return ExitCode.CONFIG
    except DaytwoError as error:
        return _show(error, as_json="--json" in argv)
    except BrokenPipeError:
        # Whoever read our output has enough; leave without a second complaint when the streams are closed.
        sys.stdout = None
        return ExitCode.OK
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        return ExitCode.INTERRUPTED


def _show(error: DaytwoError, *, as_json: bool) -> int:
    from daytwo.core.secrets import redact

    what, where, hint = redact(error.what), redact(error.where), redact(error.hint)
    if as_json:
        _print_error(error.exit_code.name.lower(), what, where, hint)
    else:
        head = f"{where}: {what}" if where else what
        mark, end = ("\033[31;1m", "\033[0m") if sys.stderr.isatty() else ("", "")
        sys.stderr.write(f"{mark}error{end}: {head}\n")
        if hint:
            sys.stderr.write(f"  next: {hint}\n")
    return int(error.exit_code)


def _print_error(code: str, what: str, where: str, hint: str) -> None:
    sys.stdout.write(json.dumps({"error": {"code": code, "what": what, "where": where, "hint": hint}}, indent=2) + "\n")
