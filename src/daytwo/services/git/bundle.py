"""The head of a git bundle, read while it flows by. Format: git's `Documentation/gitformat-bundle`."""

from collections.abc import Iterator
from dataclasses import dataclass

from daytwo.core.errors import IntegrityError

EMPTY = b"# daytwo: a git repository without commits\n"
"""What stands for a repository without a commit, of which git makes no bundle."""
_LONGEST = 256 << 20
_MAGIC = (b"# v2 git bundle\n", b"# v3 git bundle\n")


@dataclass(frozen=True)
class Head:
    """What a bundle says of itself.

    Args:
        refs: object ids by the name of the reference, `HEAD` left out.
        head: the object id of HEAD; empty where there is none.
        sha256: whether its object ids are SHA-256.
    """

    refs: dict[str, str]
    head: str
    sha256: bool

    @property
    def tips(self) -> tuple[str, ...]:
        """All object ids."""
        return tuple(dict.fromkeys([*self.refs.values(), *([self.head] if self.head else [])]))


class HeadReader:
    """Collects a bundle's head from its first chunks."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._head: Head | None = None

    def through(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The same chunks.

        Raises:
            IntegrityError: this is no bundle.
        """
        for chunk in chunks:
            self._take(chunk)
            yield chunk
        if self._head is None:
            self._head = _parse(bytes(self._held))

    def _take(self, chunk: bytes) -> None:
        if self._head is not None:
            return
        self._held += chunk
        end = self._held.find(b"\n\n")
        if end >= 0:
            self._head = _parse(bytes(self._held[: end + 1]))
            self._held.clear()
        elif len(self._held) > _LONGEST:
            raise IntegrityError("this is no git bundle: its head has no end")

    @property
    def head(self) -> Head:
        """The head; known after the last chunk at the latest."""
        if self._head is None:
            raise IntegrityError("the git bundle ends in its head")
        return self._head


def _parse(text: bytes) -> Head:
    if text == EMPTY:
        return Head({}, "", sha256=False)
    if not text.startswith(_MAGIC):
        raise IntegrityError("this is no git bundle", hint="Restore from another snapshot")
    lines = text.decode("utf-8", "surrogateescape").splitlines()[1:]
    refs: dict[str, str] = {}
    for line in lines:
        if line.startswith("-"):
            raise IntegrityError("the git bundle needs commits that it does not hold")
        if not line.startswith("@"):
            oid, _, name = line.partition(" ")
            refs[name] = oid
    return Head(refs, refs.pop("HEAD", ""), sha256="@object-format=sha256" in lines)
