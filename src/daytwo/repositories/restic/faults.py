"""What restic's error output means, and what to do about it. A pure function over exit code and text.

Exit codes 10 (no repository), 11 (locked) and 12 (wrong password) exist since restic 0.17; before that the text tells.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from daytwo.core.errors import (
    BusyError,
    DaytwoError,
    IntegrityError,
    RefusedError,
    RepositoryError,
    SecretError,
    SourceError,
    SpaceError,
)

RETRY = re.compile(
    r"<(?P<file>(?:data|index|snapshot|key|lock)/\w+)>.*returned error, retrying after [^:]+: (?P<why>.+)"
)
_GONE = ("no such file", "does not exist", "not found", "nosuchkey", "range")


class NoRepositoryError(RepositoryError):
    """There is no repository at the place, although the place itself answered."""

    permanent = True


@dataclass(frozen=True)
class _Fault:
    pattern: re.Pattern[str]
    make: Callable[[str, str], DaytwoError]


def explain(code: int, stderr: str, name: str, place: str) -> DaytwoError:
    """The error that restic's end means.

    Args:
        code: its exit code.
        stderr: its error output, secrets blanked.
        name: the repository's name in the configuration.
        place: where it is, as restic was told; what its path spells is not what went wrong.
    """
    low, where = stderr.replace(place.removeprefix("local:"), "").lower(), f"repository {name}"
    text = _last(stderr) or f"restic ended with code {code}"
    if code in _BY_CODE:
        return _BY_CODE[code](_holder(stderr) or text, where)
    for fault in _FAULTS:
        if fault.pattern.search(low):
            return fault.make(_holder(stderr) or text, where)
    return RepositoryError(text, where=where, hint="Try `restic` by hand with the same repository and password")


def damaged_file(stderr: str, times: int, *, locks: bool = False) -> str | None:
    """The stored file that is missing or cut off, in words, when restic has failed to read it so many times.

    restic before 0.17 tries for most of a minute to read a file that is not there (it cannot tell a lost file from a
    hiccup). A lock that vanishes while restic looks who else is there is no damage: another restic has ended.

    Args:
        stderr: restic's error output so far.
        times: failures to read one file that make it lost.
        locks: whether a lock counts too, because it is what restic was asked for.
    """
    counts: dict[tuple[str, str], int] = {}
    for line in stderr.splitlines():
        found = RETRY.search(line)
        if found and _is_lost(found["why"].lower()) and (locks or not found["file"].startswith("lock/")):
            key = (found["file"], found["why"].rsplit(": ", 1)[-1])
            counts[key] = counts.get(key, 0) + 1
    return next((f"{file}: {why}" for (file, why), count in counts.items() if count >= times), None)


def _is_lost(why: str) -> bool:
    # A file that was cut off ends within a piece (unexpected EOF) or before it (EOF, or an unsatisfiable range).
    return why.endswith("eof") or any(sign in why for sign in _GONE)


def _last(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    fatal = [line.removeprefix("Fatal:").strip() for line in lines if line.startswith("Fatal:")]
    return "; ".join(fatal[-2:] or [line for line in lines if not line.startswith("{")][-3:])[:600]


def _holder(stderr: str) -> str:
    found = re.search(r"already locked(?: exclusively)? by (PID \d+ on \S+ by \S+)", stderr)
    return f"the repository is locked by {found[1]}" if found else ""


def _wrong_password(text: str, where: str) -> DaytwoError:
    setting = where.replace("repository ", "repositories.")
    return SecretError(
        "the password does not open the repository",
        where=where,
        hint=f"Check {setting}.password; a repository made with another password needs that one, or another url",
    )


def _busy(text: str, where: str) -> DaytwoError:
    return BusyError(text, where=where, hint="Wait until it has ended; if it is dead for sure, run `restic unlock`")


def _nothing_there(text: str, where: str) -> DaytwoError:
    return NoRepositoryError(
        f"there is no repository: {text}", where=where, hint="Check its url; `daytwo backup` makes it at its first run"
    )


def _damage(text: str, where: str) -> DaytwoError:
    return IntegrityError(
        text, where=where, hint="Restore from another snapshot or repository; `restic check --read-data` tells more"
    )


def _space(text: str, where: str) -> DaytwoError:
    return SpaceError(text, where=where, hint="Make room there, then run it again; nothing half-done is visible")


def _denied(text: str, where: str) -> DaytwoError:
    error = RepositoryError(text, where=where, hint="Check its credentials (env:) and the rights on the place")
    error.permanent = True
    return error


def _append_only(text: str, where: str) -> DaytwoError:
    return RefusedError(
        text, where=where, hint="The server lets this machine only add: set append_only: true and prune from elsewhere"
    )


def _unreachable(text: str, where: str) -> DaytwoError:
    return RepositoryError(text, where=where, hint="Check the network, the host's name and that the server runs")


def _bad_url(text: str, where: str) -> DaytwoError:
    error = RepositoryError(
        text, where=where, hint="Check its url: a path, sftp:, s3:, rest:, b2:, azure:, gs: or rclone:"
    )
    error.permanent = True
    return error


def _no_folder(text: str, where: str) -> DaytwoError:
    error = RepositoryError(
        text, where=where, hint="Check its url: a part of the path is no folder or cannot be written"
    )
    error.permanent = True
    return error


def _no_source(text: str, where: str) -> DaytwoError:
    return SourceError("the folder to back up is not there", where=where, hint="Check its path")


_BY_CODE = {10: _nothing_there, 11: _busy, 12: _wrong_password}
_FAULTS = tuple(
    _Fault(re.compile(pattern), make)
    for pattern, make in (
        (r"wrong password or no key found", _wrong_password),
        (r"already locked(?: exclusively)? by", _busy),
        (r"no space left on device|disk quota exceeded", _space),
        (r"server response:? 403", _append_only),
        (r"parsing repository location failed|invalid backend", _bad_url),
        (r"all target directories/files do not exist|all source directories/files do not exist", _no_source),
        (r"permission denied \(", _denied),
        (
            r"connection refused|no route to host|network is unreachable|could not resolve|no such host|i/o timeout"
            r"|connection timed out|unable to start the sftp session|tls handshake|dial tcp",
            _unreachable,
        ),
        (
            r"access ?denied|accessdenied|invalidaccesskeyid|signaturedoesnotmatch|signature we calculated|forbidden"
            r"|unauthorized|access key id you provided does not exist",
            _denied,
        ),
        (
            r"ciphertext verification failed|nonce is invalid|decrypting blob \w+ failed"
            r"|repository contains errors|hash does not match|invalid data returned"
            r"|does not match id|not found in (?:the )?(?:repository )?index|(?:blob|tree|pack) \w+ (?:was )?not found"
            r"|unexpected eof|wrong data returned|blob not found",
            _damage,
        ),
        (r"not a directory|permission denied|read-only file system|operation not permitted", _no_folder),
        (r"unable to open config file.*(?:no such file|does not exist|not found|404)", _nothing_there),
    )
)
