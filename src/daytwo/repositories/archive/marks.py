"""What was said of a snapshot since it was made.

In a local folder: one file a snapshot, rewritten whole under a lock. Elsewhere: one small file a mark, since two
machines may add one at the same time and an immutable bucket keeps what it has.
"""

import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, ValidationError

from daytwo.core.errors import IntegrityError
from daytwo.core.manifest import Mark, MarkKind
from daytwo.repositories.archive.naming import MARKS
from daytwo.repositories.archive.storage import Session

_APART = ".mark-"


class _Marks(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    marks: tuple[Mark, ...] = ()


def names_of(stem: str, names: Iterable[str]) -> list[str]:
    """The files, among these, that hold marks of a snapshot."""
    return sorted(
        n for n in names if n == f"{stem}{MARKS}" or (n.startswith(f"{stem}{_APART}") and n.endswith(".json"))
    )


def parse(files: Mapping[str, bytes]) -> tuple[tuple[Mark, ...], list[str]]:
    """The marks in these files.

    Returns:
        The marks, oldest first, and the files that cannot be read. For such a file there is a pin among the marks: it
        may have held one, and what may be pinned is not removed.
    """
    marks: list[Mark] = []
    unreadable = []
    for name, data in files.items():
        try:
            marks += _Marks.model_validate_json(data).marks
        except ValidationError:
            unreadable.append(name)
            marks.append(Mark(kind=MarkKind.PINNED, at=datetime.now(UTC), note=f"{name} cannot be read"))
    return tuple(sorted(marks, key=lambda mark: mark.at)), unreadable


def add(session: Session, stem: str, mark: Mark, *, apart: bool) -> None:
    """Add a mark.

    Args:
        session: the storage.
        stem: the snapshot's.
        mark: what is said.
        apart: in a file of its own.

    Raises:
        IntegrityError: the marks that are there cannot be read, so they are not written over.
    """
    if apart:
        name = f"{stem}{_APART}{mark.at.astimezone(UTC):%Y%m%dT%H%M%S%fZ}-{secrets.token_hex(3)}.json"
        session.write(name, _dumped((mark,)))
        return
    name = f"{stem}{MARKS}"
    with session.exclusive():
        before, unreadable = parse(session.load([name]))
        if unreadable:
            raise IntegrityError(f"{name} cannot be read, so nothing is added to it",
                                 hint="Look at the file; remove it to start afresh")  # fmt: skip
        session.write(name, _dumped((*before, mark)))


def _dumped(marks: tuple[Mark, ...]) -> bytes:
    return _Marks(marks=marks).model_dump_json(indent=2).encode() + b"\n"
