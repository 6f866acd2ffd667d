"""Thin scripts for people, and tools, that expect a `backup.sh`: each only starts daytwo, which does the work."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from daytwo.config import Config
from daytwo.core.errors import RefusedError
from daytwo.install.files import MARK, File, write_all

_SCRIPTS = {
    "backup.sh": (("backup",), "Make a snapshot now.", "backup.sh [NAME] [OPTION...]"),
    "verify-backup.sh": (("verify",), "Read a snapshot again, to its end.", "verify-backup.sh [ID] [OPTION...]"),
    "restore.sh": (("restore",), "Bring data back; asks before it writes.", "restore.sh [ID] [OPTION...]"),
    "health-check.sh": (("status",), "Is everything protected? Ends with 1 when not.", "health-check.sh [OPTION...]"),
}


def plan(config: Config, program: str, folder: Path) -> tuple[File, ...]:
    """The scripts for an app.

    Args:
        config: the app's configuration.
        program: absolute path of daytwo.
        folder: where they go.

    Raises:
        RefusedError: the program's path is not absolute, so the scripts would depend on who runs them.
    """
    if not Path(program).is_absolute():
        raise RefusedError(f"'{program}' is no absolute path", hint="Install daytwo so that its program has a place")
    return tuple(
        File(folder / name, _text(what, usage, (program, *verb), config.path), 0o755)
        for name, (verb, what, usage) in _SCRIPTS.items()
    )


def apply(files: Sequence[File]) -> list[str]:
    """Write the scripts: all, or none when somebody else's file is in the way.

    Returns:
        What was done, in words.

    Raises:
        RefusedError: see above.
    """
    return write_all(files)


def _text(what: str, usage: str, start: Sequence[str], config: Path) -> str:
    return f"""#!/bin/bash
# {what} {MARK} scripts`; changes are lost when that runs again.
# Usage: {usage}
set -euo pipefail
exec {shlex.join(start)} --config {shlex.quote(str(config))} "$@"
"""
