"""Evidence: what was there at a time, sealed into one archive that shows whether anything in it was changed.

Inside is `SHA256SUMS`, as `sha256sum --check` reads it. The checksum of the archive itself is kept elsewhere: in the
audit trail, which is a hash chain. So whoever changes the archive and its sums together is found out as well.
"""

import hashlib
import io
import os
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from daytwo.core.crypt import MAGIC, decrypting, encrypting
from daytwo.core.errors import IntegrityError, RefusedError, SecretError
from daytwo.core.secrets import Secret

SUMS = "SHA256SUMS"
_CHUNK = 1 << 20
_MOST = 256 << 20
"""Bytes of one file at most: what is longer is cut, and says so at its end."""
_CUT = b"\n[cut: it was longer]\n"
_FILES = 1000


@dataclass(frozen=True)
class Piece:
    """One file of the evidence.

    Args:
        name: its name in the archive, such as `logs/web.log`.
        chunks: its content, read once.
    """

    name: str
    chunks: Iterable[bytes]


@dataclass(frozen=True)
class Sealed:
    """An archive of evidence.

    Args:
        path: where it is.
        sha256: of the whole file, in hexadecimal.
        size: bytes of the whole file.
        files: what is in it, without the list of checksums.
        encrypted: whether only a recovery key opens it.
    """

    path: Path
    sha256: str
    size: int
    files: tuple[str, ...]
    encrypted: bool


def seal(pieces: Iterable[Piece], path: Path, recipients: Sequence[str], now: datetime, most: int = _MOST) -> Sealed:
    """Write an archive: aside first, then under its name, readable for its owner only.

    Args:
        pieces: what goes into it, read one after the other.
        path: where to; nothing may be there.
        recipients: who can read it; anybody who has the file when empty.
        now: the time now, aware; of all files in it.
        most: bytes of one file at most.

    Raises:
        RefusedError: something is there already, or it cannot be written.
    """
    if path.exists():
        raise RefusedError(f"{path} is there already", hint="Choose another name: evidence is never overwritten")
    try:
        with tempfile.TemporaryFile(dir=path.parent) as plain:
            files = _archived(pieces, plain, now, most)
            plain.seek(0)
            chunks: Iterable[bytes] = _chunks(plain)
            digest, size = _published(encrypting(chunks, recipients) if recipients else chunks, path)
    except OSError as error:
        raise RefusedError(
            f"it cannot be written: {error.strerror}", where=str(path), hint="Choose another place"
        ) from None
    return Sealed(path, digest, size, files, bool(recipients))


def check(path: Path, identities: Sequence[Secret | str] = ()) -> Sealed:
    """Read an archive again, every byte of it.

    Args:
        path: where it is.
        identities: age secret keys, for one that is encrypted.

    Returns:
        What it is; its checksum is to be compared with the one in the audit trail.

    Raises:
        IntegrityError: a file was changed, is missing, or was added.
        SecretError: it is encrypted, and no key was given that opens it.
        RefusedError: it cannot be read.
    """
    try:
        with path.open("rb") as opened, tempfile.TemporaryFile() as plain:
            digest, size = hashlib.sha256(), 0
            encrypted = opened.read(len(MAGIC)) == MAGIC
            opened.seek(0)
            for chunk in _chunks(opened):
                digest.update(chunk)
                size += len(chunk)
            if encrypted and not identities:
                raise SecretError("it is encrypted", where=str(path), hint="Give the recovery key with --key FILE")
            opened.seek(0)
            for chunk in decrypting(_chunks(opened), identities) if encrypted else _chunks(opened):
                plain.write(chunk)
            plain.seek(0)
            files = _compared(plain, path)
    except OSError as error:
        raise RefusedError(f"it cannot be read: {error.strerror}", where=str(path)) from None
    return Sealed(path, digest.hexdigest(), size, files, encrypted)


def _archived(pieces: Iterable[Piece], into: IO[bytes], now: datetime, most: int) -> tuple[str, ...]:
    sums: dict[str, str] = {}
    with tarfile.open(fileobj=into, mode="w|gz") as archive:
        for piece in pieces:
            with tempfile.TemporaryFile(dir=None) as spooled:
                sums[piece.name] = _spooled(piece, spooled, most)
                spooled.seek(0)
                _add(archive, piece.name, spooled, now)
        text = "".join(f"{digest}  {name}\n" for name, digest in sums.items()).encode()
        _add(archive, SUMS, io.BytesIO(text), now)
    return tuple(sums)


def _spooled(piece: Piece, into: IO[bytes], most: int) -> str:
    digest, left = hashlib.sha256(), most
    for chunk in piece.chunks:
        taken = chunk if len(chunk) <= left else chunk[:left] + _CUT
        into.write(taken)
        digest.update(taken)
        if len(chunk) > left:
            break
        left -= len(chunk)
    return digest.hexdigest()


def _add(archive: tarfile.TarFile, name: str, content: IO[bytes], now: datetime) -> None:
    info = tarfile.TarInfo(name)
    info.size = content.seek(0, os.SEEK_END)
    info.mtime, info.mode = int(now.timestamp()), 0o400
    content.seek(0)
    archive.addfile(info, content)


def _published(chunks: Iterable[bytes], path: Path) -> tuple[str, int]:
    """Write a file aside and give it its name, unless something has that by now."""
    digest, size = hashlib.sha256(), 0
    descriptor, aside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
            file.flush()
            os.fsync(file.fileno())
        os.link(aside, path)
    finally:
        Path(aside).unlink()
    return digest.hexdigest(), size


def _compared(plain: IO[bytes], path: Path) -> tuple[str, ...]:
    """Compare every file with the list; nothing is unpacked."""
    try:
        found, listed = _hashes(plain, path)
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise IntegrityError(f"it is damaged: {error}", where=str(path)) from None
    wrong = [f"{name} was changed" for name in listed if name in found and found[name] != listed[name]]
    wrong += [f"{name} is missing" for name in listed if name not in found]
    wrong += [f"{name} is not in {SUMS}" for name in found if name not in listed]
    if wrong:
        raise IntegrityError("; ".join(wrong[:20]), where=str(path), hint="This is not what was sealed")
    return tuple(listed)


def _hashes(plain: IO[bytes], path: Path) -> tuple[dict[str, str], dict[str, str]]:
    found: dict[str, str] = {}
    sums: bytes | None = None
    with tarfile.open(fileobj=plain, mode="r|gz") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isreg() else None
            if content is None or member.name in found or len(found) > _FILES:
                raise IntegrityError(f"{member.name} does not belong into evidence", where=str(path))
            if member.name == SUMS:
                sums = content.read(_CHUNK)
                continue
            digest = hashlib.sha256()
            for chunk in _chunks(content):
                digest.update(chunk)
            found[member.name] = digest.hexdigest()
    if sums is None:
        raise IntegrityError(f"it has no {SUMS}", where=str(path), hint="This is no evidence, or was cut short")
    lines = [line.split("  ", 1) for line in sums.decode("utf-8", "replace").splitlines()]
    return found, {line[1]: line[0] for line in lines if len(line) == 2}


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    read: Callable[[], bytes] = lambda: file.read(_CHUNK)  # noqa: E731 - a name for `iter`
    return iter(read, b"")
