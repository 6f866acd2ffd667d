"""What restic says, as values: its JSON messages, its lists, its locks. Pure functions.

The forms are those of restic 0.14 and later (restic's manual, "JSON output"); unknown messages and fields are passed
over.
"""

import json
import os
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar
from urllib.parse import unquote

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from daytwo.core.errors import RepositoryError

ENOENT = 2
T = TypeVar("T")


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Status(_Message):
    """How far a backup is; bytes."""

    bytes_done: int = 0
    total_bytes: int | None = None


class Summary(_Message):
    """What a backup did. `snapshot_id` may be shortened; sizes are bytes before compression."""

    snapshot_id: str = Field(min_length=8)
    data_added: int = 0
    total_bytes_processed: int = 0


class Trouble(_Message):
    """A file that restic could not read."""

    item: str = ""
    reason: str = ""
    vanished: bool = False


class Found(_Message):
    """A restic snapshot in a list."""

    id: str
    time: AwareDatetime
    tree: str
    tags: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    def tag(self, key: str) -> str | None:
        """The value of the first tag `key:value`, as it was before it was quoted."""
        return next((unquote(tag[len(key) + 1 :]) for tag in self.tags if tag.startswith(f"{key}:")), None)


class Lock(_Message):
    """A lock in the repository."""

    time: AwareDatetime
    exclusive: bool = False
    hostname: str = ""
    username: str = ""
    pid: int = 0

    def __str__(self) -> str:
        return f"restic process {self.pid} of {self.username or 'someone'} on {self.hostname or 'an unknown host'}"


class IndexedPack(_Message):
    """A file of packed blobs, as an index tells it."""

    id: str
    blobs: tuple["IndexedBlob", ...] = ()

    @property
    def size(self) -> int:
        """Bytes of the blobs as stored."""
        return sum(blob.length for blob in self.blobs)


class IndexedBlob(_Message):
    """A piece of data in a pack."""

    id: str
    length: int


class Index(_Message):
    """One index file."""

    packs: tuple[IndexedPack, ...] = ()


class Config(_Message):
    """The repository's own description."""

    version: int
    id: str


_FOUND = TypeAdapter(list[Found] | None)


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines out of chunks of any size."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    if rest:
        yield rest


def message(line: bytes | str) -> dict[str, Any]:
    """A JSON message, or an empty one for a line that is none."""
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def progress(line: bytes) -> Status | Summary | None:
    """A line of a backup's standard output."""
    value = message(line)
    kinds: dict[str, type[Status] | type[Summary]] = {"status": Status, "summary": Summary}
    kind = kinds.get(str(value.get("message_type")))
    try:
        return kind.model_validate(value) if kind else None
    except ValidationError:
        return None


def troubles(stderr: str) -> list[Trouble]:
    """The files that could not be read, from a backup's error output.

    restic up to 0.16 gives the system's error number in `error.Err`, later ones a text in `error.message`.
    """
    found = []
    for line in stderr.splitlines():
        value = message(line)
        if value.get("message_type") != "error":
            continue
        error = value.get("error")
        error = error if isinstance(error, dict) else {}
        text = str(error.get("message") or error.get("Err") or "could not be read")
        vanished = error.get("Err") == ENOENT or "no such file or directory" in text
        found.append(Trouble(item=str(value.get("item", "")), reason=_reason(error, text), vanished=vanished))
    return found


def _reason(error: dict[str, Any], text: str) -> str:
    number = error.get("Err")
    if isinstance(number, int):
        return f"{error.get('Op', 'read')}: {os.strerror(number)}"
    return text


def found_snapshots(text: bytes) -> list[Found]:
    """The output of `restic snapshots --json`.

    Raises:
        RepositoryError: it is not such a list.
    """
    return _parsed(_FOUND, text, "snapshots") or []


def lock(text: bytes) -> Lock:
    """The output of `restic cat lock`."""
    return _parsed(TypeAdapter(Lock), text, "lock")


def index(text: bytes) -> Index:
    """The output of `restic cat index`."""
    return _parsed(TypeAdapter(Index), text, "index")


def config(text: bytes) -> Config:
    """The output of `restic cat config`."""
    return _parsed(TypeAdapter(Config), text, "configuration")


def version(text: str) -> tuple[int, ...]:
    """The version in `restic 0.14.0 compiled with go1.19.8 on linux/amd64`; empty when there is none."""
    words = text.split()
    number = words[1].split("-")[0] if len(words) > 1 and words[0] == "restic" else ""
    parts = number.split(".")
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else ()


def _parsed(adapter: TypeAdapter[T], text: bytes, what: str) -> T:
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        raise RepositoryError(
            f"restic's {what} cannot be understood ({error.error_count()} errors)",
            hint="Is the program in `binary` really restic, and its version known to daytwo?",
        ) from None
