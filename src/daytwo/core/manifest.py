"""What a snapshot says of itself. A snapshot exists when its manifest does."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from daytwo.core.records import Head


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Digest(_Model):
    """A SHA-256 and a length in bytes."""

    sha256: str
    size: int


class Identity(_Model):
    """Which place data came from, or would go to: enough to tell one server from another.

    Args:
        label: one line for people: `PostgreSQL 16.2, database shop on container shop-db`.
        id: what never changes while it is the same place and differs everywhere else (a PostgreSQL system
            identifier, a host id with a path); empty where there is no such thing.
        version: the version of the engine that holds the data.
        holds: what is in it now, in words (`42 tables, 1.2 GB`), or `nothing`.
    """

    label: str
    id: str = ""
    version: str = ""
    holds: str = ""


class ComponentRecord(_Model):
    """One component of a snapshot, as it was when it was dumped.

    Args:
        secret: whether it is encrypted to the recovery recipients wherever it is stored.
        plain: what the dump's own bytes hash to; absent where a repository reads a folder by path.
        stored: what was handed to the repositories: the same as plain, or the encrypted bytes.
        counts: rows by table, or files by folder: what a restore is compared with.
        contents: the dump's table of contents, as its engine's own tool or format tells it.
        source: where it came from.
        tools: versions of the programs that made the dump.
        attributes: of a component that is one file, its `owner` (uid:gid) and `mode` (octal).
        warnings: what was not as it should be although the dump is whole (a file that vanished while being read).
    """

    name: str
    service: str
    kind: str
    format: str
    secret: bool = False
    plain: Digest | None = None
    stored: Digest | None = None
    counts: dict[str, int] = Field(default_factory=dict)
    contents: tuple[str, ...] = ()
    source: Identity = Identity(label="")
    tools: dict[str, str] = Field(default_factory=dict)
    attributes: dict[str, str] = Field(default_factory=dict)
    begun: AwareDatetime
    ended: AwareDatetime
    warnings: tuple[str, ...] = ()

    @property
    def stored_name(self) -> str:
        """Its file name in a repository: a secret component is an age file."""
        return f"{self.name}.age" if self.secret else self.name


class Manifest(_Model):
    """The authoritative description of one snapshot in one repository.

    Args:
        id: the snapshot's id, the same in every repository the run wrote to.
        sequence: one more than the newest snapshot the repository held: the order that no clock can change.
        at: when the snapshot was begun, UTC.
        backup: the name of the backup in the configuration.
        safety: taken by a restore or a deploy for its own way back; outside the retention's count.
        only: the services that were asked for, where that was not all of the backup's; empty for a whole snapshot.
        audit: where each chain of the audit trail ended just before: what tells later whether it was rewritten.
        location: the repository's own note on where the bytes are.
    """

    version: Literal[1] = 1
    id: str
    run: str
    sequence: int
    app: str
    environment: str
    backup: str
    at: AwareDatetime
    ended: AwareDatetime
    host: str
    daytwo: str
    config: str
    safety: bool = False
    only: tuple[str, ...] = ()
    components: tuple[ComponentRecord, ...] = ()
    warnings: tuple[str, ...] = ()
    audit: tuple[Head, ...] = ()
    location: dict[str, JsonValue] = Field(default_factory=dict)

    def component(self, name: str) -> ComponentRecord | None:
        """The component with this name, if the snapshot has it."""
        return next((component for component in self.components if component.name == name), None)

    @property
    def size(self) -> int:
        """Plain bytes of all components whose size is known."""
        return sum(component.plain.size for component in self.components if component.plain)

    def located(self, location: dict[str, JsonValue]) -> Self:
        """The same manifest with the repository's note."""
        return self.model_copy(update={"location": location})


class MarkKind(StrEnum):
    """What can be said of a snapshot after it was made."""

    VERIFIED = "verified"
    DAMAGED = "damaged"
    DRILLED = "drilled"
    PINNED = "pinned"
    UNPINNED = "unpinned"


class Mark(_Model):
    """A later statement about a snapshot; kept beside it in its repository, only ever added to."""

    kind: MarkKind
    at: AwareDatetime
    note: str = ""


class Level(StrEnum):
    """How far a snapshot is trusted."""

    STORED = "stored"
    VERIFIED = "verified"
    DRILLED = "drilled"
    DAMAGED = "damaged"


class Snapshot(_Model):
    """A snapshot as found in a repository: its manifest and what was said of it since."""

    repository: str
    manifest: Manifest
    marks: tuple[Mark, ...] = ()

    @property
    def id(self) -> str:
        """The snapshot's id."""
        return self.manifest.id

    @property
    def at(self) -> datetime:
        """When it was begun, UTC."""
        return self.manifest.at

    @property
    def level(self) -> Level:
        """The newest word on its trust; drilled outranks verified, damage found outranks what was said before it."""
        level = Level.STORED
        for mark in sorted(self.marks, key=lambda mark: mark.at):
            if mark.kind is MarkKind.DAMAGED:
                level = Level.DAMAGED
            elif mark.kind is MarkKind.DRILLED:
                level = Level.DRILLED
            elif mark.kind is MarkKind.VERIFIED and level is not Level.DRILLED:
                level = Level.VERIFIED
        return level

    def said(self, kind: MarkKind, now: datetime, note: str = "") -> Mark:
        """A new mark on it: the newest word, although the clock may have been ahead when earlier ones were said (F07).

        Args:
            kind: what is said.
            now: the time, aware.
            note: in words.
        """
        newest = max((mark.at for mark in self.marks), default=None)
        at = now if newest is None else max(now, newest + timedelta(microseconds=1))
        return Mark(kind=kind, at=at, note=note)

    @property
    def pinned(self) -> bool:
        """Whether it must never be removed."""
        return self.pin is not None

    @property
    def pin(self) -> Mark | None:
        """The mark that says that it must never be removed, unless a later one takes that back."""
        said = max((mark for mark in self.marks if "pinned" in mark.kind), key=lambda mark: mark.at, default=None)
        return said if said is not None and said.kind is MarkKind.PINNED else None
