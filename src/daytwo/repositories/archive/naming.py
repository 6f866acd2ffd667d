"""File names in the folder, and the note that a manifest keeps on where its bytes are."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from daytwo.core.errors import HostileArchiveError, IntegrityError
from daytwo.core.manifest import Digest, Manifest
from daytwo.core.service import Place

PRODUCTION = "production"
SUFFIXES = tuple(f".{format}{seal}" for format in ("tar.gz", "tar.zst") for seal in ("", ".age", ".gpg"))
"""The endings an archive's name may have."""
MANIFEST, MARKS, REMOVING = ".manifest.json", ".marks.json", ".removing.json"
_STAMP = r"\d{8}T\d{6}Z(?:-\d+)?"
_MEMBER = re.compile(r"[^/\\\0\n\r]+(?:/[^/\\\0\n\r]+)*")
LONGEST = 96
"""Bytes in a component's name: with `.age` added it fits one tar header."""


class Member(BaseModel):
    """Where one component's compressed tar member is inside the (decrypted) archive, and its size in bytes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    offset: int = Field(ge=0)
    length: int = Field(ge=0)
    size: int = Field(ge=0)


class Location(BaseModel):
    """A manifest's note: the archive's file, its digest, and what is where in it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    file: str
    sha256: str
    size: int
    format: Literal["tar.gz", "tar.zst"]
    encrypted: Literal["age", "gpg"] | None = None
    members: dict[str, Member]

    @property
    def digest(self) -> Digest:
        """What the file must hash to."""
        return Digest(sha256=self.sha256, size=self.size)

    @property
    def stem(self) -> str:
        """The file's name without its ending: what all files of a snapshot have in common."""
        return stem_of(self.file)


def stem_of(file: str) -> str:
    """An archive's name without its ending."""
    ending = next((suffix for suffix in sorted(SUFFIXES, key=len, reverse=True) if file.endswith(suffix)), "")
    return file.removesuffix(ending)


def prefix(place: Place) -> str:
    """What the names of this app's files begin with."""
    return place.app if place.environment == PRODUCTION else f"{place.app}-{place.environment}"


def new_stem(place: Place, at: datetime, taken: Iterable[str]) -> str:
    """A stem that no file among `taken` has: `<app>-20261121T030000Z`, with `-2` and so on in the same second."""
    base = f"{prefix(place)}-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    names = set(taken)
    number = 1
    while True:
        stem = base if number == 1 else f"{base}-{number}"
        if not any(name.startswith(f"{stem}.") for name in names):
            return stem
        number += 1


def own_stem(place: Place, name: str, ending: str) -> str | None:
    """The stem of a file that may be this app's, judged by its name alone; None for anything else."""
    match = re.fullmatch(rf"({re.escape(prefix(place))}-{_STAMP}){re.escape(ending)}", name)
    return match[1] if match else None


def location(manifest: Manifest, place: Place) -> Location:
    """The manifest's note, checked: a manifest lies in a folder that others may write to.

    Raises:
        IntegrityError: there is no such note.
        HostileArchiveError: it names a file that is not one of this app's archives in the same folder.
    """
    try:
        found = Location.model_validate(manifest.location)
    except ValidationError:
        raise IntegrityError(
            f"the manifest of {manifest.id} does not say where its bytes are",
            hint="Restore from another repository or snapshot",
        ) from None
    if not any(own_stem(place, found.file, suffix) for suffix in SUFFIXES):
        raise HostileArchiveError(
            f"the manifest of {manifest.id} names the file {found.file!r}, which is no archive of {prefix(place)}",
            hint="Someone has changed the manifest; find out who can write to the repository",
        )
    return found


def check_member(name: str) -> None:
    """Refuse a component name that could not be a file inside an archive.

    Raises:
        HostileArchiveError
    """
    parts = name.split("/")
    if not _MEMBER.fullmatch(name) or "." in parts or ".." in parts or len(name.encode()) > LONGEST:
        raise HostileArchiveError(
            f"{name!r} cannot be the name of a component", hint=f"Use a relative name of at most {LONGEST} bytes"
        )
