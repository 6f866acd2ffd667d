"""What can go wrong, said so that a tired person knows the next step.

Every error answers three questions (what, where, what to do next) and one for programs: is it permanent, or
worth another try? The exit codes are part of the public interface and documented in `docs/reference/exit-codes.md`.
"""

import re
from enum import IntEnum


class ExitCode(IntEnum):
    """The process exit codes of every daytwo command."""

    OK = 0
    """Done."""
    FAILED = 1
    """It was tried and failed; nothing half-done is left."""
    CONFIG = 2
    """The configuration or the command line is wrong; nothing was tried."""
    PARTIAL = 3
    """Done in part: for instance one of two repositories has the snapshot."""
    NOT_VERIFIED = 4
    """Data was read and is not what it should be."""
    REFUSED = 5
    """A guard said no: wrong target, too little space, no confirmation."""
    BUSY = 75
    """Another run holds the lock; try again later (EX_TEMPFAIL)."""
    INTERRUPTED = 130
    """Stopped by a person (Ctrl-C or SIGTERM)."""


class DaytwoError(Exception):
    """The root of all errors that a user may see.

    Args:
        what: what went wrong, one sentence without a full stop.
        where: the thing it went wrong with (service, file, repository), or empty.
        hint: what to do next, or empty.
    """

    exit_code: ExitCode = ExitCode.FAILED
    permanent: bool = True

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}. {self.hint}" if self.hint else head

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.what, self.where, self.hint))


def _rebuild(kind: type[DaytwoError], what: str, where: str, hint: str) -> DaytwoError:
    error = kind.__new__(kind)
    DaytwoError.__init__(error, what, where=where, hint=hint)
    return error


def code_of(kind: type[DaytwoError]) -> str:
    """An error's class as one word, for programs: `not_found` for `NotFoundError`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__.removesuffix("Error")).lower()


def error_class(code: str) -> type[DaytwoError]:
    """The class that has this code; `DaytwoError` itself when none has."""
    waiting = [DaytwoError]
    while waiting:
        kind = waiting.pop()
        if code_of(kind) == code:
            return kind
        waiting += kind.__subclasses__()
    return DaytwoError


class ConfigError(DaytwoError):
    """The configuration is wrong; all mistakes are listed at once."""

    exit_code = ExitCode.CONFIG


class UsageError(DaytwoError):
    """The command line asks for something that cannot be."""

    exit_code = ExitCode.CONFIG


class NotFoundError(UsageError):
    """What is asked for by name or id is not there."""


class ConflictError(DaytwoError):
    """It cannot be done as things are: it is there already, or has changed meanwhile."""

    exit_code = ExitCode.REFUSED


class AuthenticationError(DaytwoError):
    """Nobody knows who is asking: no password, token or session, or a wrong or ended one."""

    exit_code = ExitCode.REFUSED


class ForbiddenError(DaytwoError):
    """Whoever asks may not do this."""

    exit_code = ExitCode.REFUSED


class ThrottledError(DaytwoError):
    """Too many tries; `retry_after` says in how many seconds the next one is heard."""

    exit_code = ExitCode.BUSY
    permanent = False

    def __init__(self, what: str, *, where: str = "", hint: str = "", retry_after: int = 60) -> None:
        super().__init__(what, where=where, hint=hint)
        self.retry_after = retry_after


class SecretError(DaytwoError):
    """A secret that is referenced cannot be had."""

    exit_code = ExitCode.CONFIG


class CommandError(DaytwoError):
    """A program that daytwo ran did not do its work."""


class MissingToolError(DaytwoError):
    """A program that daytwo needs is not installed where it must run."""


class UnreachableError(DaytwoError):
    """A container, host or server does not answer."""

    permanent = False


class NoRightError(UnreachableError):
    """The way there is closed to us, which says nothing of what is behind it."""


class SourceError(DaytwoError):
    """What should be backed up is not there or cannot be read whole."""


class RepositoryError(DaytwoError):
    """A repository cannot be read or written."""

    permanent = False


class IntegrityError(DaytwoError):
    """Bytes were read and are not the bytes that were written."""

    exit_code = ExitCode.NOT_VERIFIED


class HostileArchiveError(DaytwoError):
    """An archive tries to write outside its folder or to make what a backup never holds."""

    exit_code = ExitCode.NOT_VERIFIED


class RefusedError(DaytwoError):
    """A guard stopped the work before it did harm."""

    exit_code = ExitCode.REFUSED


class SpaceError(RefusedError):
    """There is not enough free space to do it safely."""

    permanent = False


class BusyError(DaytwoError):
    """Someone else is doing this right now."""

    exit_code = ExitCode.BUSY
    permanent = False


class CancelledError(DaytwoError):
    """A person or a deadline stopped the run."""

    exit_code = ExitCode.INTERRUPTED
    permanent = False
