"""What an exit code and error output of a program mean, and the next step."""

import re

from daytwo.core.command import Command
from daytwo.core.errors import CommandError, DaytwoError, MissingToolError, NoRightError, UnreachableError
from daytwo.core.secrets import redact

NOT_STARTED = (126, 127)
"""Exit codes of shells, `env` and Docker for a program that may not be run, or is not there."""
_NO_TOOL = re.compile(r'exec: "([^"]+)": |(?:^|: )(?:exec: )?([^\s:]+): (?:command )?not found', re.MULTILINE)
_NO_USER = re.compile(r"unable to find user ([^:\s]+):")


def explain(command: Command, program: str, code: int, stderr: str) -> DaytwoError:
    """Turn an exit code and error output into an error that names the next step.

    Args:
        command: what was run here.
        program: the program inside that it was run for.
        code: the exit code, negative for a signal.
        stderr: the error output.
    """
    low, where = stderr.lower(), command.where
    lines = [redact(line.strip()) for line in stderr.splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    name = program.rsplit("/", 1)[-1]
    if "cannot connect to the docker daemon" in low or "error during connect" in low:
        return UnreachableError(
            "the Docker daemon does not answer",
            where=where,
            hint="Start it, or check DOCKER_HOST and your permission on its socket",
        )
    if "permission denied" in low and "docker" in low and "sock" in low:
        return NoRightError(
            "no permission on the Docker socket", where=where, hint="Add the user to the group docker, or run as root"
        )
    if "no such container" in low:
        return UnreachableError("there is no such container", where=where, hint="Check the name with `docker ps -a`")
    if "is not running" in low and "container" in low:
        return UnreachableError("the container is not running", where=where, hint="Start it with `docker start`")
    if command.argv[0] == "ssh" and code == 255:
        return UnreachableError(
            f"ssh failed: {last or 'no answer'}",
            where=where,
            hint="Try the same destination with `ssh -o BatchMode=yes`",
        )
    if code in NOT_STARTED and (error := _not_started(name, where, stderr)):
        return error
    what = f"{name} ended with code {code}" if code >= 0 else f"{name} was ended by signal {-code}"
    return CommandError(f"{what}: {'; '.join(lines[-4:])}" if lines else what, where=where)


def _not_started(name: str, where: str, said: str) -> DaytwoError | None:
    """What a shell, `env` or Docker means when it ends with 126 or 127; None when it is about something else.

    No word at all means that it is not there: Docker 20.10 says so on standard output, which is rarely kept.
    """
    low = said.lower()
    if user := _NO_USER.search(said):
        return CommandError(f"there is no user {user[1]} there", where=where, hint="Correct `container_user`")
    found = _NO_TOOL.search(said)
    tool = next(filter(None, found.groups())).rsplit("/", 1)[-1] if found else name
    if "permission denied" in low:
        return CommandError(f"{tool} may not be run: permission denied", where=where)
    if "oci runtime" in low and not found:
        return None
    return missing(tool, where) if not low.strip() or "not found" in low or "no such file" in low else None


def missing(tool: str, where: str) -> MissingToolError:
    """The error for a program that is not there.

    Args:
        tool: the program.
        where: what it was needed for or on, or empty.
    """
    there = f" in {where}" if where else ""
    return MissingToolError(
        f"{tool} is not installed{there}", hint=f"Install {tool} there; `daytwo doctor` lists what is needed"
    )
