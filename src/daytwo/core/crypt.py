"""Encryption of streams to age recipients, with pyrage, in flat memory.

The format is age v1 (https://age-encryption.org/v1): what is written here, the `age` program opens, and the other way
round. Only recipients are needed to write, so a server cannot read its own backups.

pyrage pulls its input and pushes its output, so it works in a thread of its own. The source's chunks are taken in the
caller's thread: a source may be bound to it, and its exceptions need no carrying over. An age stream that lacks its
last piece is known to be truncated, and that piece is only written when the source has come to its end; so a source
that fails can never leave a stream that passes for a whole one.
"""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyrage

from daytwo.core.errors import ConfigError, DaytwoError, IntegrityError, SecretError
from daytwo.core.secrets import Secret

MAGIC = b"age-encryption.org/v1\n"
"""How every age file that is not armored begins."""
_CHUNK = 1 << 20
_AHEAD = 2
_KEY = "AGE-SECRET-KEY-"


@dataclass(frozen=True)
class Key:
    """A recovery key.

    Args:
        secret: what opens backups; shown once, kept by a person.
        recipient: what backups are encrypted to; goes into the configuration.
    """

    secret: Secret
    recipient: str


def new_key() -> Key:
    """Make a recovery key."""
    identity = pyrage.x25519.Identity.generate()
    return Key(Secret(str(identity)), str(identity.to_public()))


def check_recipient(text: str) -> str:
    """A recipient as it is written in the configuration, without the space around it.

    Args:
        text: `age1...`, or an SSH public key (`ssh-ed25519 ...`, `ssh-rsa ...`).

    Raises:
        ConfigError: it is not one; says in which way.
    """
    _recipient(text)
    return text.strip()


def keys_in(text: str) -> tuple[Secret, ...]:
    """The secret keys in what a person pasted or `age-keygen` wrote (comments and empty lines are left out).

    Raises:
        SecretError: there is none, or one of them is mistyped.
    """
    if "PRIVATE KEY-----" in text:
        _identity(text)
        return (Secret(text),)
    lines = [line.strip() for line in text.splitlines()]
    found = [line for line in lines if line and not line.startswith("#")]
    if not found:
        raise SecretError("there is no secret key in it", hint=f"A recovery key begins with {_KEY}1")
    for line in found:
        _identity(line)
    return tuple(Secret(line) for line in found)


def encrypting(chunks: Iterable[bytes], recipients: Iterable[str]) -> Iterator[bytes]:
    """Encrypt a stream to one or more recipients; any one of them can open it.

    Args:
        chunks: the plain bytes.
        recipients: `age1...` or SSH public keys.

    Returns:
        The encrypted bytes, in pieces of about 1 MiB. When the chunks raise, so does this, and what was yielded until
        then is a truncated stream.

    Raises:
        ConfigError: at once, when there is no recipient or one is mistyped.
    """
    parsed = [_recipient(text) for text in recipients]
    if not parsed:
        raise ConfigError(
            "there is no recipient to encrypt to", where="recovery.recipients", hint="Make a key with `daytwo keys new`"
        )
    return _through(chunks, lambda reader, writer: pyrage.encrypt_io(reader, writer, parsed), _encrypt_error)


def decrypting(chunks: Iterable[bytes], identities: Iterable[Secret | str]) -> Iterator[bytes]:
    """Decrypt a stream with whichever of the keys opens it.

    Args:
        chunks: an age stream.
        identities: age secret keys, or SSH private keys.

    Returns:
        The plain bytes, each piece authenticated before it is yielded.

    Raises:
        SecretError: at once, when there is no key or one is mistyped; while reading, when none of them opens it.
        IntegrityError: while reading: it is no age stream, or one that was changed or cut short.
    """
    parsed = [_identity(_reveal(key)) for key in identities]
    if not parsed:
        raise SecretError("this is encrypted and no key was given", hint="Give the recovery key (--key-file)")
    return _through(chunks, lambda reader, writer: pyrage.decrypt_io(reader, writer, parsed), _decrypt_error)


class _AbandonedError(Exception):
    """Nobody wants the rest."""


class _Worker:
    """A pulling and pushing transform, run in a thread so that a generator can feed it and take from it.

    It is the file object that the transform reads from and writes to. Memory is bounded: `feed` waits while two
    chunks lie untouched, and the output is never much longer than the input.
    """

    def __init__(self, transform: Callable[[Any, Any], None]) -> None:
        self._transform = transform
        self._moved = threading.Condition()
        self._in: deque[bytes] = deque()
        self._rest = memoryview(b"")
        self._out: list[bytes] = []
        self._out_size = 0
        self._no_more = False
        self._abandoned = False
        self._done = False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._work, name="age", daemon=True)
        self._thread.start()

    def read(self, size: int = -1) -> bytes:
        """For the transform: the next bytes, none at the end."""
        if not self._rest:
            with self._moved:
                self._moved.wait_for(lambda: self._in or self._no_more or self._abandoned)
                if self._abandoned:
                    raise _AbandonedError
                if not self._in:
                    return b""
                self._rest = memoryview(self._in.popleft())
                self._moved.notify_all()
        piece = self._rest[: size if size >= 0 else None]
        self._rest = self._rest[len(piece) :]
        return bytes(piece)

    def write(self, data: bytes) -> int:
        """For the transform: take its output."""
        with self._moved:
            self._out.append(bytes(data))
            self._out_size += len(data)
        return len(data)

    def flush(self) -> None:
        """For the transform: nothing is held back."""

    def feed(self, chunk: bytes) -> bool:
        """Hand over input, waiting for room.

        Returns:
            Whether the transform still reads.
        """
        with self._moved:
            self._moved.wait_for(lambda: len(self._in) < _AHEAD or self._done)
            if not self._done and chunk:
                self._in.append(chunk)
                self._moved.notify_all()
            return not self._done

    def take(self, at_least: int) -> bytes:
        """The output there is, or nothing while there is less than that."""
        with self._moved:
            if not self._out or self._out_size < at_least:
                return b""
            data, self._out, self._out_size = b"".join(self._out), [], 0
            return data

    def finish(self) -> bytes:
        """End the input and wait for the rest of the output.

        Raises:
            Exception: what the transform raised.
        """
        with self._moved:
            self._no_more = True
            self._moved.notify_all()
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self.take(0)

    def abandon(self) -> None:
        """End the transform wherever it is."""
        with self._moved:
            self._abandoned = True
            self._moved.notify_all()
        self._thread.join()

    def _work(self) -> None:
        error: Exception | None = None
        try:
            self._transform(self, self)
        except Exception as raised:
            error = raised
        with self._moved:
            self._error, self._done = error, True
            self._moved.notify_all()


def _through(
    chunks: Iterable[bytes], transform: Callable[[Any, Any], None], explain: Callable[[Exception], DaytwoError]
) -> Iterator[bytes]:
    worker = _Worker(transform)
    try:
        for chunk in chunks:
            if not worker.feed(chunk):
                break
            if piece := worker.take(_CHUNK):
                yield piece
        try:
            last = worker.finish()
        except Exception as error:
            raise explain(error) from None
        if last:
            yield last
    finally:
        worker.abandon()
        close = getattr(chunks, "close", None)
        if close:
            close()


def _encrypt_error(error: Exception) -> DaytwoError:
    return DaytwoError(f"encryption failed: {error}")


def _decrypt_error(error: Exception) -> DaytwoError:
    text = str(error)
    if "No matching keys" in text:
        return SecretError("none of the keys given opens this", hint="Give the recovery key of this app's recipients")
    if "eader is invalid" in text or "fill whole buffer" in text:
        return IntegrityError(
            "this is not an age stream, or its beginning is damaged", hint="Restore from another repository or snapshot"
        )
    if "truncated" in text:
        return IntegrityError("the encrypted data is cut short", hint="Restore from another repository or snapshot")
    return IntegrityError(f"the encrypted data is damaged: {text}", hint="Restore from another repository or snapshot")


def _reveal(key: Secret | str) -> str:
    return key.reveal() if isinstance(key, Secret) else key


def _recipient(text: str) -> Any:
    text = text.strip()
    where = "recovery.recipients"
    if text.upper().startswith(_KEY) or "PRIVATE KEY" in text:
        # The text is a secret: it must not be part of the message.
        Secret(text)
        raise ConfigError(
            "this is a secret key, not a recipient",
            where=where,
            hint="Put its recipient (age1...) there; keep the key off this machine",
        )
    kind = pyrage.ssh.Recipient if text.startswith("ssh-") else pyrage.x25519.Recipient
    with contextlib.suppress(pyrage.RecipientError):
        return kind.from_str(text)
    known = text.startswith(("age1", "ssh-"))
    what = f"the recipient {text[:24]}... has a typing mistake" if known else f"'{text[:24]}' is not a recipient"
    raise ConfigError(what, where=where, hint="Copy it again: one line that begins with age1, or an SSH public key")


def _identity(text: str) -> Any:
    text = text.strip()
    if text.startswith("age1"):
        raise SecretError("this is a recipient, not a secret key", hint=f"A secret key begins with {_KEY}1")
    try:
        if "PRIVATE KEY-----" in text:
            return pyrage.ssh.Identity.from_buffer(text.encode() + b"\n")
        return pyrage.x25519.Identity.from_str(text.upper())
    except pyrage.IdentityError:
        # The text may be a secret with one letter wrong, so none of it is shown.
        known = text.upper().startswith(_KEY)
        what = "the secret key has a typing mistake" if known else "this is not a secret key"
        raise SecretError(what, hint=f"A recovery key is one line that begins with {_KEY}1") from None
