"""The head of a bundle: which references it brings. See gitformat-bundle(5)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from daytwo.core.errors import IntegrityError

MANY = 1000
"""References that are listed in a manifest."""
_LONGEST_HEAD = 64 << 20
_FIRST = (b"# v2 git bundle", b"# v3 git bundle")
_LINE = re.compile(r"(?P<id>[0-9a-f]{40}|[0-9a-f]{64}) (?P<name>\S.*)")


@dataclass(frozen=True)
class Head:
    """What a bundle says before its pack.

    Args:
        refs: object ids by name (`HEAD`, `refs/heads/main`).
        algorithm: `sha1` or `sha256`.
    """

    refs: dict[str, str] = field(default_factory=dict)
    algorithm: str = "sha1"

    @property
    def named(self) -> dict[str, str]:
        """The references proper, without HEAD."""
        return {name: id for name, id in self.refs.items() if name.startswith("refs/")}

    def lines(self) -> tuple[str, ...]:
        """As `git bundle list-heads` writes them, the first thousand."""
        all_of_them = [f"{id} {name}" for name, id in self.refs.items()]
        more = [f"... and {len(all_of_them) - MANY} more"] if len(all_of_them) > MANY else []
        return (*all_of_them[:MANY], *more)


class HeadReader:
    """Reads the head of a bundle that passes by."""

    def __init__(self) -> None:
        self._seen = b""
        self._head: Head | None = None

    def watch(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The same chunks."""
        for chunk in chunks:
            self.feed(chunk)
            yield chunk

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            IntegrityError: this is no bundle, or one that needs another one.
        """
        if self._head is not None:
            return
        self._seen += chunk
        end = self._seen.find(b"\n\n")
        if end >= 0:
            self._head, self._seen = parse(self._seen[:end]), b""
        elif len(self._seen) > _LONGEST_HEAD or not self._seen[: len(_FIRST[0])].startswith(
            tuple(first[: len(self._seen)] for first in _FIRST)
        ):
            raise IntegrityError("this is no git bundle", hint="Use another snapshot")

    @property
    def head(self) -> Head:
        """What was read.

        Raises:
            IntegrityError: the bytes ended before the head did.
        """
        if self._head is None:
            raise IntegrityError("the git bundle is cut off", hint="Use another snapshot")
        return self._head


def parse(text: bytes) -> Head:
    """Read the lines of a head.

    Raises:
        IntegrityError: it is none, is not whole in itself, or names what cannot be a reference.
    """
    first, *lines = text.split(b"\n")
    if first not in _FIRST:
        raise IntegrityError("this is no git bundle", hint="Use another snapshot")
    refs, algorithm = {}, "sha1"
    for raw in lines:
        line = raw.decode("utf-8", "surrogateescape")
        if line.startswith("@object-format="):
            algorithm = line.partition("=")[2]
            if algorithm not in ("sha1", "sha256"):
                raise IntegrityError(f"the git bundle uses the hash {algorithm}, which is not known")
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise IntegrityError(f"the git bundle is not whole in itself, or is damaged: {line[:80]!r}")
        # A name is made into a path by git; none but these are made by a backup.
        if match["name"] == "HEAD" or match["name"].startswith("refs/"):
            refs[match["name"]] = match["id"]
    return Head(refs, algorithm)
