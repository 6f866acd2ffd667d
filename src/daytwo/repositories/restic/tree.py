"""A folder out of a restic snapshot, as a tar whose members are relative to the folder.

restic keeps the whole path of a folder and `restic dump` gives it back: `srv/app/uploads/a.png`. Whoever restores
wants `a.png`. Only headers are rewritten; the files' bytes pass through untouched.
"""

import os
from collections.abc import Iterable, Iterator, Mapping

from daytwo.core.errors import IntegrityError
from daytwo.core.tarformat import BLOCK, END, Archive, Entry, checksummed

_NAME = 100
_ROOT = b"./"


def relative(chunks: Iterable[bytes], folder: str) -> Iterator[bytes]:
    """The tar of a restic snapshot, cut down to what is in a folder.

    Args:
        chunks: what `restic dump ID /` gives.
        folder: the absolute path of the folder that was backed up.

    Raises:
        IntegrityError: the folder is not in it, or it is cut off.
    """
    wanted = os.fsencode(folder).strip(b"/")
    seen = False
    archive = Archive(chunks)
    for entry in archive:
        name = os.fsencode(entry.member.path)
        if name == wanted:
            seen = True
            new = _ROOT
        elif name.startswith(wanted + b"/") if wanted else name:
            new = name[len(wanted) + 1 :] if wanted else name
        else:
            continue
        is_folder = entry.member.type == "folder" and new != _ROOT
        yield renamed(entry, new + b"/" if is_folder else new)
        yield from entry.raw()
    if not seen and wanted:
        raise IntegrityError(f"{folder} is not in its restic snapshot", hint="Restore from another snapshot")
    yield END


def renamed(entry: Entry, name: bytes) -> bytes:
    """The header blocks of a member under another name (POSIX.1-2017, pax: ustar header and extended header)."""
    records = {key: value for key, value in entry.pax.items() if key != b"path"}
    block = bytearray(entry.head[-BLOCK:])
    if len(name) > _NAME or not name.isascii():
        records[b"path"] = name
    link = os.fsencode(entry.member.link)
    if b"linkpath" not in records and len(link) > _NAME:
        records[b"linkpath"] = link
    block[:_NAME] = name[:_NAME].ljust(_NAME, b"\0")
    block[257:265] = b"ustar\x0000"
    block[345:500] = bytes(155)
    return _extended(records, bytes(block)) + checksummed(bytes(block))


def _extended(records: Mapping[bytes, bytes], block: bytes) -> bytes:
    if not records:
        return b""
    data = b"".join(_record(key, value) for key, value in records.items())
    head = bytearray(block)
    head[:_NAME] = b"././@PaxHeader".ljust(_NAME, b"\0")
    head[124:136] = b"%011o\0" % len(data)
    head[156:157] = b"x"
    head[157:257] = bytes(100)
    return checksummed(bytes(head)) + data + bytes(-len(data) % BLOCK)


def _record(key: bytes, value: bytes) -> bytes:
    """`length key=value` with a length that counts its own digits."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %s=%s\n" % (length, key, value)
