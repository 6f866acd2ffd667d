"""Writes the configuration: a new file never over an old one, an edit with every comment kept."""

import contextlib
import copy
import io
import os
import stat
from pathlib import Path
from tempfile import mkstemp
from typing import Any

from daytwo.config.document import parse, read_text
from daytwo.config.loading import NAMES
from daytwo.config.problems import ConfigFileError
from daytwo.core.crypt import check_recipient
from daytwo.core.errors import ConfigError, RefusedError
from daytwo.init.planning import InitPlan


def write(plan: InitPlan) -> Path:
    """Write a planned configuration.

    Returns:
        The file.

    Raises:
        RefusedError: there is a configuration already; it is left as it is.
        ConfigError: the folder cannot be written to.
    """
    folder = plan.path.parent
    for name in NAMES:
        if (folder / name).exists():
            raise _refused(folder / name)
    try:
        temporary = _beside(plan.path, plan.text, 0o644)
    except OSError as error:
        raise ConfigError(
            f"cannot write to {folder}: {error.strerror}", hint="Check the folder and its owner"
        ) from None
    try:
        os.link(temporary, plan.path)  # unlike a rename, it fails when someone else was faster
    except FileExistsError:
        raise _refused(plan.path) from None
    finally:
        temporary.unlink()
    _sync(folder)
    return plan.path


def _refused(path: Path) -> RefusedError:
    return RefusedError(f"{path} is there already, and is left as it is",
                        hint="Edit it, or move it away first; `daytwo keys new` adds a recovery key to it")  # fmt: skip


def add_recipient(path: Path, recipient: str) -> bool:
    """Add a recovery recipient to a configuration file, keeping its comments and layout.

    Args:
        path: the file.
        recipient: an age or SSH public key.

    Returns:
        Whether the file was changed: False when it names the recipient already.

    Raises:
        ConfigError: it is no recipient, or the file is not YAML or cannot be written.
    """
    recipient = check_recipient(recipient)
    text = read_text(path)
    document = parse(text, path.name)
    if document.problems:
        raise ConfigFileError.of(path.name, document.problems)
    edited = _with_recipient(text, recipient, path)
    if edited is None:
        return False
    if parse(edited, path.name).problems:
        raise ConfigError(f"{path} could not be edited", hint=f"Add {recipient} to recovery.recipients by hand")
    _replace(path, edited)
    return True


def _with_recipient(text: str, recipient: str, path: Path) -> str | None:
    from ruamel.yaml import YAML  # takes 100 ms to import: only an edit needs it

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1 << 20
    yaml.indent(mapping=2, sequence=4, offset=2)
    data = yaml.load(text)
    if not isinstance(data, dict):
        raise ConfigError("it is not a map of settings", where=path.name)
    recovery = data.get("recovery")
    if recovery is None:
        data["recovery"] = recovery = {}
    if not isinstance(recovery, dict):
        raise ConfigError("recovery is not a map of settings", where=path.name)
    recipients = recovery.get("recipients")
    if recipients is None or isinstance(recipients, str):
        recovery["recipients"] = recipients = [recipients] if recipients else []
    if not isinstance(recipients, list):
        raise ConfigError("recovery.recipients is not a list", where=path.name)
    if recipient in recipients:
        return None
    _append(recipients, recipient)
    out = io.StringIO()
    yaml.dump(data, out)
    return out.getvalue()


def _append(items: Any, value: str) -> None:
    """Append to ruamel's list. It hangs empty lines and comments below a list on its last entry: they move along."""
    items.append(value)
    attached: Any = getattr(items, "ca", None)
    comment = attached.items.get(len(items) - 2) if attached else None
    if attached is None or not comment or comment[0] is None:
        return
    beside, _, below = comment[0].value.partition("\n")
    if below:
        moved = copy.copy(comment[0])
        moved.value, comment[0].value = f"\n{below}", f"{beside}\n"
        attached.items[len(items) - 1] = [moved, *comment[1:]]
        if not beside:
            del attached.items[len(items) - 2]


def _replace(path: Path, text: str) -> None:
    real = path.resolve()  # a link stays a link
    try:
        before = real.stat()
        temporary = _beside(real, text, stat.S_IMODE(before.st_mode))
        with contextlib.suppress(PermissionError):
            os.chown(temporary, before.st_uid, before.st_gid)
        temporary.replace(real)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}", hint="Check the file and its owner") from None
    _sync(real.parent)


def _beside(path: Path, text: str, mode: int) -> Path:
    """A whole file beside the path, on the disk."""
    handle, name = mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fchmod(out.fileno(), mode)
        os.fsync(out.fileno())
    return Path(name)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
