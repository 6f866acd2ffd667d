"""The head of a git bundle, read while it flows by. Format: git's `Documentation/gitformat-bundle`."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

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


def split(chunks: Iterator[bytes]) -> tuple[Head, bytes, Iterator[bytes]]:
    """Take a bundle apart.

    Returns:
        Its head, the bytes of that, and the pack that follows.

    Raises:
        IntegrityError: this is no bundle.
    """
    held = bytearray()
    for chunk in chunks:
        held += chunk
        if (end := held.find(b"\n\n")) >= 0:
            head = bytes(held[: end + 2])
            return _parse(head), head, chain([bytes(held[end + 2 :])], chunks)
        if len(held) > _LONGEST:
            break
    if held != EMPTY:
        raise IntegrityError("this is no git bundle, or only the head of one", hint="Restore from another snapshot")
    return Head({}, "", sha256=False), EMPTY, iter(())


def _parse(text: bytes) -> Head:
    if not text.startswith(_MAGIC):
        raise IntegrityError("this is no git bundle", hint="Restore from another snapshot")
    lines = text.decode("utf-8", "surrogateescape").split("\n")[1:-2]
    refs: dict[str, str] = {}
    for line in lines:
        if line.startswith("-"):
            raise IntegrityError("the git bundle needs commits that it does not hold")
        if not line.startswith("@"):
            oid, _, name = line.partition(" ")
            refs[name] = oid
    return Head(refs, refs.pop("HEAD", ""), sha256="@object-format=sha256" in lines)
