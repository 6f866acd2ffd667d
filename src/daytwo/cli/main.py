"""The entry point: finds the command, imports only that, and turns errors into words and exit codes."""

import difflib
import errno
import gc
import importlib
import json
import os
import sys
from typing import TYPE_CHECKING

from daytwo.core.errors import DaytwoError, ExitCode, RefusedError, UsageError

if TYPE_CHECKING:
    import typer

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
    "Watch": {
        "check": "Ask checks now; ends as a monitoring plug-in does.",
        "ps": "The app's containers: state, health, restarts, CPU, memory.",
        "top": "Everything that is watched, live.",
        "logs": "What all parts say, merged: live, searched, or as counts of what matters.",
        "metrics": "The newest number of every series.",
        "stats": "Numbers over a time: mean, least, most, percentiles.",
        "traffic": "Requests by log and by route: how many, how fast, how many failed.",
        "uptime": "How much of the time everything worked, and what was promised.",
        "report": "How a day, a week or a month was: the slowest, the most failing, what changed.",
        "security": "Security events, what was too much of them, and the security check of a day.",
        "rules": "What is an alert, and how each rule stands; try one on what was recorded.",
    },
    "Respond": {
        "alerts": "What is wrong now; why somebody was told, or not; take care of it.",
        "silence": "Be told nothing of some alerts for a time.",
        "maintenance": "Begin and end maintenance: everything is watched, nobody is told.",
        "notifications": "Messages on their way, sent, or dead; try one again.",
        "incidents": "Open, take, escalate, resolve and review incidents; action items.",
        "oncall": "Who is on call now, and next; take over for a time; the calendar.",
        "evidence": "Collect logs, states and records into a sealed archive; verify one.",
        "status-page": "What users are shown and told: updates, the page as files, subscribers.",
        "channels": "Ways to reach people: list them; send a test message.",
        "block": "Addresses that are shut out: list, add, remove.",
    },
    "Look": {
        "status": "Is anything wrong? Is everything protected? What ran last, what is due.",
        "doctor": "Check tools, versions, rights, disk and keys, each with its remedy.",
    },
    "Serve": {
        "serve": "Run the daemon: schedules, the API, heartbeats.",
        "reload": "Have the daemon read its configuration again.",
        "schedule": "Show what is due when; run now; pause and resume.",
        "runs": "List what was done; show one run; stop one.",
        "heartbeats": "Jobs elsewhere that report: how each stands, where it reports, what it said.",
        "run": "Run a job; report its start, its end and its last words.",
        "audit": "Who did what; prove that nobody changed the record.",
        "exports": "Record that data left the app; list, search, report.",
        "users": "Who may log in, with which role.",
        "tokens": "API tokens: limited, ending, revocable.",
    },
    "Set up": {
        "init": "Write a daytwo.yaml for what is found here.",
        "config": "Check the configuration; show it whole; print its JSON Schema.",
        "keys": "Make a recovery key; prove that one opens the latest snapshot.",
        "install": "Have systemd run the daemon, or cron or timers the backups; write scripts.",
        "demo": "See it work on a small real app: back up, destroy, restore, compare.",
        "completion": "Print the completion script for your shell.",
    },
}
COMMANDS = tuple(name for section in SECTIONS.values() for name in section)

_HEAD = """Usage: daytwo COMMAND [OPTIONS] [ARGUMENTS]

  Day-2 operations for self-hosted apps, from one file.

  Backups that are known to restore: daytwo reads back what it stores, and
  compares what it restores. Begin with `daytwo init` in the folder of your
  compose file, or with `daytwo demo`.
"""
_TAIL = """
Options:
  --version   Show the version.
  -h, --help  Show this, or with a command its own help.
"""
_YOUNG = 50_000
"""New objects between two looks for garbage: a start makes hundreds of thousands that stay, and looking through them
at Python's own rate took a tenth of it."""


def main() -> None:
    """Run the command line and end the process with a documented exit code."""
    if sys.argv[1:2] != ["serve"]:  # it lives long, and more garbage would lie about
        gc.set_threshold(_YOUNG)
    code = run(sys.argv[1:])
    gc.freeze()  # the end looks for garbage in all there is, which takes another tenth of a second for nothing
    sys.exit(code)


def run(argv: list[str]) -> int:
    """Run one command line.

    Args:
        argv: the words after the program's name.

    Returns:
        The exit code, one of `ExitCode`.
    """
    if "_DAYTWO_COMPLETE" in os.environ:
        return _call(COMMANDS, argv)
    if not argv or argv[0] in ("-h", "--help", "help"):
        sys.stdout.write(help_text())
        return ExitCode.OK if argv else ExitCode.CONFIG
    if argv[0] == "--version":
        from importlib.metadata import version

        sys.stdout.write(f"daytwo {version('daytwo')}\n")
        return ExitCode.OK
    if argv[0] not in COMMANDS:
        near = difflib.get_close_matches(argv[0], COMMANDS, 1)
        hint = f"did you mean `daytwo {near[0]}`?" if near else "`daytwo --help` lists the commands"
        sys.stderr.write(f"error: there is no command {argv[0]}\n  next: {hint}\n")
        return ExitCode.CONFIG
    return _call((argv[0],), argv)


def help_text() -> str:
    """What `daytwo --help` prints, made without importing any command."""
    width = max(map(len, COMMANDS)) + 2
    parts = [_HEAD]
    for title, section in SECTIONS.items():
        parts.append(f"\n{title}:\n")
        parts += [f"  {name:<{width}}{summary}\n" for name, summary in section.items()]
    return "".join([*parts, _TAIL])


def program(names: tuple[str, ...] = COMMANDS) -> "typer.Typer":
    """The command line as one Typer app, with these commands only."""
    from daytwo.cli.options import make

    root = make("Day-2 operations for self-hosted apps, from one file.")
    root.callback()(lambda: None)
    for name in names:
        word = name.replace("-", "_")
        module = importlib.import_module(f"daytwo.cli.{'pin' if name == 'unpin' else word}")
        one: typer.Typer = getattr(module, word)
        if len(one.registered_commands) == 1 and one.registered_callback is None and not one.registered_groups:
            callback = one.registered_commands[0].callback
            assert callback is not None
            root.command(name)(callback)
        else:
            root.add_typer(one, name=name)
    return root


def _call(names: tuple[str, ...], argv: list[str]) -> int:
    try:
        program(names)(args=argv, prog_name="daytwo")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else ExitCode.OK
    except DaytwoError as error:
        return _show(error, as_json="--json" in argv)
    except BrokenPipeError:
        # Whoever read our output has enough; without this, closing the streams would complain a second time.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except PermissionError as error:
        what = f"permission denied: {error.filename}" if error.filename else str(error)
        return _show(RefusedError(what, hint="Run it as the owner of that, or as root"), as_json="--json" in argv)
    except Exception as error:
        if os.environ.get("DAYTWO_DEBUG"):
            raise
        if (known := _of_the_state(error) or _of_the_order(error) or _of_the_machine(error)) is not None:
            return _show(known, as_json="--json" in argv)
        return _defect(error)
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        return ExitCode.INTERRUPTED
    return ExitCode.OK


def _of_the_state(error: Exception) -> DaytwoError | None:
    """What the state's own database says (locked, read-only, full, damaged), if that is what went wrong."""
    alchemy = sys.modules.get("sqlalchemy")
    if alchemy is None or not isinstance(error, alchemy.exc.DBAPIError):
        return None
    from daytwo.store.database import said_by

    return RefusedError(
        f"the state cannot be used: {said_by(error)}", hint="Look at its disk, its rights, and who else uses it"
    )


_MACHINE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE})


def _of_the_machine(error: Exception) -> DaytwoError | None:
    """What the machine has no more of, or cannot do: space, files, a disk that works."""
    if not isinstance(error, OSError) or error.errno not in _MACHINE:
        return None
    where = str(error.filename or "")
    return RefusedError(str(error.strerror).lower(), where=where, hint="Look at the disk, and at where the output goes")


def _of_the_order(error: Exception) -> DaytwoError | None:
    """What somebody typed that no order can hold: a name with control signs, or of more than 200 characters."""
    pydantic = sys.modules.get("pydantic_core")
    if pydantic is None or not isinstance(error, pydantic.ValidationError) or not error.title.endswith("Order"):
        return None
    first = error.errors(include_url=False)[0]
    what = "no name is like this" if first["type"] == "string_pattern_mismatch" else first["msg"]
    return UsageError(f"{'.'.join(map(str, first['loc']))} {str(first['input'])[:80]!r}: {what}")


def _defect(error: Exception) -> int:
    from daytwo.core.secrets import redact

    text = redact(f"{type(error).__name__}: {error}")
    sys.stderr.write(f"error: this is a defect in daytwo ({text})\n")
    sys.stderr.write("  next: set DAYTWO_DEBUG=1, run it again, and report what it prints\n")
    return ExitCode.FAILED


def _show(error: DaytwoError, *, as_json: bool) -> int:
    from daytwo.core.secrets import redact

    what, where, hint = redact(error.what), redact(error.where), redact(error.hint)
    if as_json:
        document = {"error": {"code": error.exit_code.name.lower(), "what": what, "where": where, "hint": hint}}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        from daytwo.core.terminal import colours, harmless

        head, hint = harmless(f"{where}: {what}" if where else what), harmless(hint)
        mark, end = ("\033[31;1m", "\033[0m") if colours(sys.stderr) else ("", "")
        sys.stderr.write(f"{mark}error{end}: {head}\n")
        if hint:
            sys.stderr.write(f"  next: {hint}\n")
    return int(error.exit_code)
