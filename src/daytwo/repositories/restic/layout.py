"""How a daytwo snapshot lies in a restic repository.

Every component is one restic snapshot; the manifest is one more, made last: the daytwo snapshot exists when that one
does. Later statements about it are tiny restic snapshots of their own, so that an append-only repository takes them.
Tags tell them apart; a person can find them with `restic snapshots --tag daytwo`.
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from daytwo.core.errors import IntegrityError
from daytwo.core.manifest import Manifest, Mark
from daytwo.core.service import Place
from daytwo.repositories.restic.messages import Found

MANIFEST = "manifest"
MARK = "mark"
MANIFEST_FILE = "manifest.json"
MARK_FILE = "mark.json"


class Stored(BaseModel):
    """Where a component is.

    Args:
        restic: the id of the restic snapshot; empty for a component of no bytes, which restic cannot store.
        tree: the id of its tree in manifests of earlier versions; no longer asked for.
        path: the path inside it.
        folder: whether that is a folder that was read by path, not a stream.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    restic: str = ""
    tree: str = ""
    path: str = ""
    folder: bool = False


class Location(BaseModel):
    """A manifest's note on where its components are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    components: dict[str, Stored] = Field(default_factory=dict)

    def note(self) -> dict[str, Any]:
        """The form kept in the manifest."""
        return self.model_dump(mode="json")


def location_of(manifest: Manifest) -> Location:
    """The note in a manifest.

    Raises:
        IntegrityError: it is none of ours.
    """
    try:
        return Location.model_validate(manifest.location)
    except ValidationError:
        raise IntegrityError(
            "the manifest does not say where its components are",
            where=f"snapshot {manifest.id}",
            hint="Find them with `restic snapshots --tag daytwo` and restore them with `restic restore`",
        ) from None


def quoted(value: str) -> str:
    """A value fit for a tag: restic splits tags at commas."""
    return quote(value, safe=" +@/:._-~")


def file_name(component: str) -> str:
    """The name of a component's file in its restic snapshot."""
    return component.replace("/", "_")


def host_of(place: Place) -> str:
    """The host name given to restic: it makes restic compare a folder with its own earlier snapshots only."""
    return f"{quoted(place.app)}-{quoted(place.environment)}"


def app_tags(place: Place) -> tuple[str, ...]:
    """The tags of everything of an app's environment."""
    return ("daytwo", f"app:{quoted(place.app)}", f"env:{quoted(place.environment)}")


def component_tags(place: Place, snapshot_id: str, run_id: str, component: str) -> tuple[str, ...]:
    """The tags of a component."""
    return (
        *app_tags(place),
        f"run:{quoted(run_id)}",
        f"snapshot:{quoted(snapshot_id)}",
        f"component:{quoted(component)}",
    )


def manifest_tags(place: Place, snapshot_id: str, run_id: str, sequence: int) -> tuple[str, ...]:
    """The tags of a manifest."""
    return (
        *app_tags(place),
        MANIFEST,
        f"run:{quoted(run_id)}",
        f"snapshot:{quoted(snapshot_id)}",
        f"seq:{sequence}",
    )


def mark_tags(place: Place, snapshot_id: str, mark: Mark) -> tuple[str, ...]:
    """The tags of a mark, which say all of it: reading marks costs no more than listing them."""
    note = (f"note:{quoted(mark.note)}",) if mark.note else ()
    return (
        *app_tags(place),
        MARK,
        f"mark:{mark.kind}",
        f"snapshot:{quoted(snapshot_id)}",
        f"at:{mark.at.isoformat()}",
        *note,
    )


def mark_of(found: Found) -> Mark | None:
    """The mark that a restic snapshot is, if it is a whole one."""
    try:
        return Mark.model_validate({"kind": found.tag("mark"), "at": found.tag("at"), "note": found.tag("note") or ""})
    except ValidationError:
        return None


def sequence_of(found: Found) -> int:
    """The sequence a manifest is tagged with; 0 without."""
    text = found.tag("seq") or ""
    return int(text) if text.isdigit() else 0


def select(*groups: Iterable[str]) -> list[str]:
    """Arguments that select restic snapshots that have all tags of any of the groups."""
    return [argument for group in groups for argument in ("--tag", ",".join(group))]


def tag_arguments(tags: Iterable[str]) -> list[str]:
    """Arguments that give a new restic snapshot its tags."""
    return [argument for tag in tags for argument in ("--tag", tag)]
