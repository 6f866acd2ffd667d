"""The page as files in a folder, for any web server. Each is whole at every moment, whoever is killed while writing."""

import contextlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from daytwo.core.errors import RefusedError

_BEFORE, _AFTER = ".status-", ".part"


def write(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Replace the files, one after the other.

    Args:
        folder: made when it is not there.
        contents: by file name.

    Raises:
        RefusedError: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            _replace(folder / name, content)
        _sync(folder)
    except OSError as error:
        raise RefusedError(
            f"the status page cannot be written: {error.strerror or error}", where=str(folder),
            hint="Look at `status_page: folder:`, its rights and its disk",
        ) from None  # fmt: skip


def tidy(folder: Path) -> None:
    """Remove what was left by a daemon that ended while it wrote."""
    for path in folder.glob(f"{_BEFORE}*{_AFTER}"):
        with contextlib.suppress(OSError):
            path.unlink()


def _replace(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(_AFTER, _BEFORE, path.parent)
    aside = Path(name)
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fchmod(opened.fileno(), 0o644)  # for web servers of other users
            os.fsync(opened.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
