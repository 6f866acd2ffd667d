"""Small text files that daytwo puts on a machine, and never over somebody else's."""

import os
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from daytwo.core.errors import DaytwoError, RefusedError

MARK = "written by `daytwo install"
"""Every file that daytwo installs has this in it; a file without it is somebody else's."""


@dataclass(frozen=True)
class File:
    """A file to be written.

    Args:
        path: where.
        text: its whole content, with the mark.
        mode: its permissions.
    """

    path: Path
    text: str
    mode: int = 0o644


_CONFIG = re.compile(r"""--config ('[^'\n]*'|"[^"\n]*"|[^\s'"]+)""")


def must_be_of(config: Path, text: str, where: str) -> None:
    """Make sure that what is there was installed for this configuration, and not for another one of the same name.

    Args:
        config: the configuration file.
        text: what is there: a table of cron's, or a unit.
        where: what it is called.

    Raises:
        RefusedError: it starts daytwo for another file that is still there: its backups would silently end.
    """
    for word in _CONFIG.findall(text):
        other = Path(word.strip("'\"").replace("\\%", "%").replace("%%", "%").replace("$$", "$"))
        if other != config and other.exists():
            raise RefusedError(
                f"that is installed for {other}, which has the same name", where=where,
                hint="Give this one another `app` or `environment`, or remove that one first (--remove)",
            )  # fmt: skip


def is_foreign(path: Path) -> bool:
    """Whether something is there that daytwo did not write.

    Raises:
        DaytwoError: it cannot be looked at.
    """
    try:
        return MARK not in path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return path.is_symlink()
    except IsADirectoryError:
        return True
    except OSError as error:
        raise _cannot("read", path, error) from None


def text_of(path: Path) -> str:
    """What is in a file; nothing when it is not there or cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def write_all(files: Iterable[File]) -> list[str]:
    """Write files, each whole or not at all; none when one of the places is taken.

    Returns:
        What was done, in words; a file that is there already as it should be is not touched.

    Raises:
        RefusedError: somebody else's file is in the way.
        DaytwoError: a folder cannot be written to.
    """
    files = list(files)
    if foreign := [str(file.path) for file in files if is_foreign(file.path)]:
        raise RefusedError(f"there is already something else: {', '.join(foreign)}",
                           hint="Move it away, or choose another folder; nothing was written")  # fmt: skip
    return [_write(file) for file in files]


def remove(path: Path) -> str:
    """Remove a file that daytwo wrote.

    Returns:
        What was done, in words; empty when it is not there.

    Raises:
        RefusedError: it is somebody else's.
        DaytwoError: it cannot be removed.
    """
    if is_foreign(path):
        raise RefusedError("daytwo did not write this file", where=str(path), hint="Remove it by hand if it should go")
    try:
        path.unlink()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise _cannot("remove", path, error) from None
    return f"removed {path}"


def _write(file: File) -> str:
    try:
        if file.path.exists() and file.path.read_text(encoding="utf-8") == file.text:
            file.path.chmod(file.mode)
            return f"{file.path} is as it should be"
        file.path.parent.mkdir(parents=True, exist_ok=True)
        # The name begins with a dot and has one more: cron and run-parts read neither.
        aside = file.path.with_name(f".{file.path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, file.mode)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as out:
                os.fchmod(out.fileno(), file.mode)
                out.write(file.text)
                out.flush()
                os.fsync(out.fileno())
            aside.rename(file.path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _cannot("write", file.path, error) from None
    return f"wrote {file.path}"


def _cannot(verb: str, path: Path, error: OSError) -> DaytwoError:
    return DaytwoError(f"cannot {verb} it: {error.strerror}", where=str(path), hint="Check the folder and its owner")
