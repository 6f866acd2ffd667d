"""Rewrites headers of tar streams: names that begin one folder too high, and words that a simple tar does not know."""

from collections.abc import Iterable, Iterator
from os import fsencode

from daytwo.core.errors import IntegrityError
from daytwo.core.tarball import content, gathered
from daytwo.core.tarformat import BLOCK, END, Archive, Entry, Type, checksummed, normal

_OCTAL_LIMIT = 8**11


def rebased(chunks: Iterable[bytes], folder: str) -> Iterator[bytes]:
    """The stream with members named from `folder` on, as if it had been made inside it; others are left out.

    `docker cp` and `restic dump` put the folder's own name (or its whole path) before each member's. Where `folder` is
    a file, it keeps its last name.

    Args:
        chunks: a stream from a trusted place; members are not judged.
        folder: the leading path to take off, without slashes around it.
    """
    prefix = normal(folder).strip("/")

    def inside(path: str) -> str | None:
        path = normal(path).strip("/")
        if path == prefix:
            return ""
        return path[len(prefix) + 1 :] if not prefix or path.startswith(prefix + "/") else None

    def pieces() -> Iterator[bytes]:
        for entry in Archive(chunks):
            member = entry.member
            name = inside(member.path)
            if name is None:
                continue
            if not name:
                name = "." if member.type is Type.FOLDER else prefix.rpartition("/")[2]
            link = (inside(member.link) or member.link) if member.type is Type.HARDLINK else member.link
            yield _renamed(entry, fsencode(name), fsencode(link))
            yield from entry.raw()
        yield END

    return gathered(pieces())


def simplified(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The stream as every tar reads it: GNU long names, no extended headers, sparse files with their holes filled.

    What only extended headers can say (extended attributes, ACLs, parts of a second) is lost, and so are the names of
    users and groups: busybox's tar would give files to whoever has that name there, GNU's goes by the number. busybox's
    skips extended headers, too, and would restore such files under a wrong name or with a wrong content.

    Args:
        chunks: the archive.
    """

    def pieces() -> Iterator[bytes]:
        for entry in Archive(chunks):
            yield _simple_head(entry)
            yield from content(entry)
            yield bytes(-entry.member.size % BLOCK)
        yield END

    return gathered(pieces())


def _simple_head(entry: Entry) -> bytes:
    member, block = entry.member, entry.block
    name, link = fsencode(member.path or "."), fsencode(member.link)
    if member.type is Type.FOLDER:
        name += b"/"
    long = _long_name(b"L", name) + _long_name(b"K", link)
    size = b"%011o\0" % member.size if member.size < _OCTAL_LIMIT else b"\x80" + member.size.to_bytes(11, "big")
    flag = block[156:157] if member.type is not Type.FILE else b"0"
    fields = (name[:100].ljust(100, b"\0"), _owned(entry, block), size, block[136:156], flag,
              link[:100].ljust(100, b"\0"), b"ustar  \0")  # fmt: skip
    return long + checksummed(b"".join(fields).ljust(BLOCK, b"\0"))


def _owned(entry: Entry, block: bytes) -> bytes:
    """Mode, user and group, of which the last two are in the extended header where they are large."""
    ids = [
        b"\x80" + int(entry.pax[key]).to_bytes(7, "big") if entry.pax.get(key, b"").isdigit() else block[at : at + 8]
        for key, at in ((b"uid", 108), (b"gid", 116))
    ]
    return block[100:108] + b"".join(ids)


def _long_name(kind: bytes, name: bytes) -> bytes:
    if len(name) <= 100:
        return b""
    data = name + b"\0"
    fields = (b"././@LongLink".ljust(100, b"\0"), b"0000644\0", b"0000000\0" * 2, b"%011o\0" % len(data),
              b"0" * 11 + b"\0", b" " * 8, kind, bytes(100), b"ustar  \0")  # fmt: skip
    return checksummed(b"".join(fields).ljust(BLOCK, b"\0")) + data + bytes(-len(data) % BLOCK)


def _renamed(entry: Entry, name: bytes, link: bytes) -> bytes:
    """The header of a member with another name and link target; long ones go into a pax header, as raw bytes."""
    block = entry.block
    if block[156:157] == b"S":
        raise IntegrityError("a sparse member in GNU's old format cannot be renamed")
    if entry.member.type is Type.FOLDER:
        name += b"/"
    pax = {key: value for key, value in entry.pax.items() if key not in (b"path", b"linkpath", b"GNU.sparse.name")}
    if b"GNU.sparse.name" in entry.pax:
        pax[b"GNU.sparse.name"] = name
    if len(name) > 100:
        pax[b"path"] = name
    if len(link) > 100:
        pax[b"linkpath"] = link
    fields = (name[:100].ljust(100, b"\0"), block[100:157], link[:100].ljust(100, b"\0"), b"ustar\x0000",
              block[265:345])  # fmt: skip
    return _pax_header(pax) + checksummed(b"".join(fields).ljust(BLOCK, b"\0"))


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
