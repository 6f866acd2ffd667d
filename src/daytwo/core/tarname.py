"""Gives the members of a tar stream other names, for streams that were made one folder too high."""

from collections.abc import Iterable, Iterator
from os import fsencode

from daytwo.core.errors import IntegrityError
from daytwo.core.tarball import gathered
from daytwo.core.tarformat import END, Archive, Entry, Type, checksummed, normal


def rebased(chunks: Iterable[bytes], folder: str) -> Iterator[bytes]:
    """The stream with members named from `folder` on, as if it had been made inside it; others are left out.

    `docker cp` and `restic dump` put the folder's own name (or its whole path) before each member's.

    Args:
        chunks: a stream from a trusted place; members are not judged.
        folder: the leading path to take off, without slashes around it.
    """
    prefix = normal(folder).strip("/")

    def inside(path: str) -> str | None:
        path = normal(path).strip("/")
        if path == prefix:
            return "."
        return path[len(prefix) + 1 :] if path.startswith(prefix + "/") else None

    def pieces() -> Iterator[bytes]:
        for entry in Archive(chunks):
            name = inside(entry.member.path)
            if name is None:
                continue
            link = entry.member.link
            if entry.member.type is Type.HARDLINK:
                link = inside(link) or link
            yield renamed(entry, name, link)
            yield from entry.raw()
        yield END

    return gathered(pieces())


def renamed(entry: Entry, name: str, link: str) -> bytes:
    """The header of a member with another name and link target; long ones go into a pax header, as raw bytes."""
    block = entry.head[-512:]
    if block[156:157] == b"S" or entry.head[156:157] == b"S":
        raise IntegrityError("a sparse member in GNU's old format cannot be renamed")
    raw_name, raw_link = fsencode(name), fsencode(link)
    if entry.member.type is Type.FOLDER:
        raw_name += b"/"
    pax = {key: value for key, value in entry.pax.items() if key not in (b"path", b"linkpath", b"GNU.sparse.name")}
    if b"GNU.sparse.name" in entry.pax:
        pax[b"GNU.sparse.name"] = raw_name
    if len(raw_name) > 100:
        pax[b"path"] = raw_name
    if len(raw_link) > 100:
        pax[b"linkpath"] = raw_link
    block = raw_name[:100].ljust(100, b"\0") + block[100:157] + raw_link[:100].ljust(100, b"\0")
    block += b"ustar\x0000" + entry.head[-512:][265:345] + bytes(167)
    return _pax_header(pax) + checksummed(block)


def _pax_header(pax: dict[bytes, bytes]) -> bytes:
    if not pax:
        return b""
    data = b"".join(_record(key, value) for key, value in pax.items())
    fields = (b"PaxHeader".ljust(100, b"\0"), b"0000644\0", b"0000000\0" * 2, b"%011o\0" % len(data), b"0" * 11 + b"\0",
              b" " * 8, b"x", bytes(100), b"ustar\x0000")  # fmt: skip
    return checksummed(b"".join(fields).ljust(512, b"\0")) + data + bytes(-len(data) % 512)


def _record(key: bytes, value: bytes) -> bytes:
    bare = len(key) + len(value) + 3
    size = bare + len(str(bare))
    size = bare + len(str(size))
    return b"%d %s=%s\n" % (size, key, value)
