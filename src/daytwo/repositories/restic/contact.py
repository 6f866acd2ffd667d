"""First contact with a repository: is restic there, does the password fit, is the repository there or to be made?"""

import hashlib

from daytwo.core.errors import BusyError, DaytwoError, MissingToolError, RepositoryError
from daytwo.core.run import Run
from daytwo.repositories.restic import messages
from daytwo.repositories.restic.faults import NoRepositoryError
from daytwo.repositories.restic.locks import break_stale
from daytwo.repositories.restic.memory import Memory
from daytwo.repositories.restic.messages import Config
from daytwo.repositories.restic.program import FLOOR, Program
from daytwo.repositories.restic.settings import local_folder

ANSWER_SECONDS = 90.0
"""How long a back end may take to answer the first question; restic itself would try for 15 minutes."""


def establish(program: Program, memory: Memory, run: Run) -> None:
    """Open the repository, making it at the very first time. The lock that restic writes proves the right to write.

    Raises:
        MissingToolError: restic is not there or too old.
        SecretError: the password is wrong or cannot be had.
        BusyError: another process holds it for itself.
        RepositoryError: it cannot be reached or written, or was there once and is not there now.
    """
    check_version(program, run)
    try:
        config = _config(program, run)
    except NoRepositoryError as error:
        _refuse_vanished(program, memory, error)
        config = _make(program, run)
    if program.settings.compression != "auto" and config.version < 2:
        raise RepositoryError(
            "a repository of format 1 cannot be compressed",
            where=program.where,
            hint="Run `restic migrate upgrade_repo_v2`, or leave `compression` out",
        )
    if not memory.same(config.id, _print_of(program)):
        run.warn(f"{program.where} is another repository than at the last time: earlier snapshots are not in it")
    memory.repository_id = config.id
    remember(program, memory)


def known(program: Program, memory: Memory) -> bool:
    """Whether a local repository is there, is the one of last time if there was one, and nobody's lock is in it.

    Then the first restic that stores something finds out the rest, and a start of restic is spared.
    """
    folder = local_folder(program.settings, program.place)
    if folder is None or program.settings.compression != "auto" or memory.debts():
        return False
    found = _print_of(program)
    if not found or (found != memory.config if memory.config else memory.repository_id):
        return False
    try:
        return not any((folder / "locks").iterdir())
    except OSError:
        return False


def remember(program: Program, memory: Memory) -> None:
    """Remember a local repository that was opened, or written to."""
    if found := _print_of(program):
        memory.config = found


def _print_of(program: Program) -> str:
    """The SHA-256 of a local repository's configuration file: encrypted, so every repository has another one."""
    folder = local_folder(program.settings, program.place)
    if folder is None:
        return ""
    try:
        return hashlib.sha256((folder / "config").read_bytes()).hexdigest()
    except OSError:
        return ""


def check_version(program: Program, run: Run) -> None:
    """Find out whether restic is there and new enough; this start derives no key.

    Raises:
        MissingToolError: it is not there or too old.
    """
    said = program.capture(run, "version").text
    version = messages.version(said)
    if version < FLOOR:
        raise MissingToolError(
            f"{program.settings.binary} is too old or not restic: it says '{said.splitlines()[0] if said else ''}'",
            where=program.where,
            hint="Install restic 0.14 or newer, or set `binary` to its path",
        )


def _config(program: Program, run: Run) -> Config:
    try:
        return messages.config(program.capture(run, "cat", "config", limit=ANSWER_SECONDS).stdout)
    except BusyError:
        broken = break_stale(program, run)
        if not broken:
            raise
        for line in broken:
            run.warn(f"{program.where}: {line}")
        return messages.config(program.capture(run, "cat", "config", limit=ANSWER_SECONDS).stdout)


def _make(program: Program, run: Run) -> Config:
    try:
        program.capture(run, "init", limit=ANSWER_SECONDS)
    except DaytwoError:
        # Another process may have made it at the same moment; if not, this says again what is wrong.
        try:
            return _config(program, run)
        except NoRepositoryError:
            pass
        raise
    return _config(program, run)


def _refuse_vanished(program: Program, memory: Memory, error: NoRepositoryError) -> None:
    """A disk that is not mounted must not get a new, empty repository on the disk below it."""
    if known := memory.repository_id or memory.config:
        raise NoRepositoryError(
            f"the repository {known[:8]} was here and is gone",
            where=program.where,
            hint=f"Mount its disk or check its url; to begin a new one, remove {memory.folder}",
        ) from error
