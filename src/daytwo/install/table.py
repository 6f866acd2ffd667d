"""Put a cron plan into effect, take it away, and rehearse it in the bare environment that cron gives."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from daytwo.core.command import command
from daytwo.core.errors import CommandError
from daytwo.core.process import capture
from daytwo.core.run import Run
from daytwo.core.secrets import redact
from daytwo.core.target import LOCAL
from daytwo.install import files
from daytwo.install.cron import CronPlan, Machine, block_of, with_block, without_block

_SHOWN = 64 * 1024
_EMPTY = "no crontab for"
CRON_PATH = "/usr/bin:/bin"
"""What cron itself sets (crontab(5))."""


def apply(plan: CronPlan, run: Run) -> list[str]:
    """Write what was planned.

    Returns:
        What was done, in words.

    Raises:
        RefusedError: somebody else's file is there, or another configuration's of this name, or the marks in the user's
            table are damaged.
        CommandError: `crontab` refused the table.
    """
    plan.log.parent.mkdir(parents=True, exist_ok=True)
    if plan.file is not None:
        files.must_be_of(plan.config, files.text_of(plan.file.path), str(plan.file.path))
        return files.write_all([plan.file])
    before = read_table(run)
    files.must_be_of(plan.config, block_of(before, plan.name), "crontab")
    after = with_block(before, plan.name, plan.block)
    if after == before:
        return ["your crontab is as it should be"]
    _write_table(after, run)
    return ["wrote it into your crontab (`crontab -l` shows it)"]


def uninstall(name: str, machine: Machine, run: Run) -> list[str]:
    """Remove an app's file and its block in the user's table, whichever there is.

    Returns:
        What was done, in words; empty when there was nothing.
    """
    done = [files.remove(machine.root / "etc/cron.d" / name)] if machine.system else []
    with contextlib.suppress(FileNotFoundError):
        before = read_table(run)
        after = without_block(before, name)
        if after != before:
            _write_table(after, run)
            done.append("removed it from your crontab")
    return [line for line in done if line]


def read_table(run: Run) -> str:
    """The user's table; empty when there is none.

    Raises:
        CommandError: it cannot be read. It is not taken for empty then, as writing would lose it.
    """
    said = capture(LOCAL, command("crontab", "-l", ok=(0, 1)), run)
    if said.code == 0:
        return said.stdout.decode("utf-8", "surrogateescape")
    if _EMPTY in said.stderr:
        return ""
    raise CommandError(f"your crontab cannot be read: {said.stderr.strip()}", hint="Try `crontab -l`")


def _write_table(text: str, run: Run) -> None:
    if not text.strip():
        capture(LOCAL, command("crontab", "-r"), run)
        return
    capture(LOCAL, command("crontab", "-"), run, stdin=text.encode("utf-8", "surrogateescape"))
    if read_table(run) != text:
        raise CommandError("crontab did not keep what it was given", hint="Look at `crontab -l`")


@dataclass(frozen=True)
class Rehearsal:
    """How one line of the table did.

    Args:
        backup: the backup's name.
        line: the command that was run, as the shell read it.
        code: its exit code.
        output: what it added to the log, at most the last 64 KiB, secrets blanked.
    """

    backup: str
    line: str
    code: int
    output: str


def rehearse(plan: CronPlan, machine: Machine, run: Run, backup: str | None = None) -> list[Rehearsal]:
    """Run the very commands that cron would, in the environment that cron would give them, now.

    Where a line first asks whether it is time, the question is put too, but its answer does not matter.

    Args:
        plan: what would be installed; nothing is.
        machine: the machine.
        run: what the commands belong to.
        backup: only this one.
    """
    plan.log.parent.mkdir(parents=True, exist_ok=True)
    return [_rehearse(plan, machine, run, line.backup, line.ask, line.command)
            for line in plan.lines if backup in (None, line.backup)]  # fmt: skip


def _rehearse(plan: CronPlan, machine: Machine, run: Run, backup: str, ask: str, line: str) -> Rehearsal:
    begin = plan.log.stat().st_size if plan.log.exists() else 0
    # Not due (1) is an answer; a Python that does not start, or a module that is not there, is not.
    shell = f"{ask}; code=$?; [ $code -le 1 ] || exit $code; {line}" if ask else line
    env = {
        "HOME": str(machine.home), "LOGNAME": machine.user, "SHELL": "/bin/sh",
        "PATH": plan.path if plan.file else CRON_PATH,
    }  # fmt: skip
    bare = command(
        "env", "-i", *(f"{name}={value}" for name, value in env.items()),
        "/bin/sh", "-c", 'cd "$HOME"; exec /bin/sh -c "$1"', "sh", shell, ok=tuple(range(256)),
    )  # fmt: skip
    done = capture(LOCAL, bare, run)
    return Rehearsal(backup, line, done.code, redact(_since(plan.log, begin)) + done.stderr)


def _since(log: Path, begin: int) -> str:
    try:
        with log.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(begin, end - _SHOWN))
            return file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
