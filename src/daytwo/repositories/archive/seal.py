"""Encryption of a whole archive: one age or gpg stream that `age -d` or `gpg -d` opens."""

import os
from collections.abc import Iterable, Iterator
from typing import Literal, Protocol

from daytwo.core.command import Command, command
from daytwo.core.crypt import decrypting, encrypting
from daytwo.core.errors import CommandError, IntegrityError, RepositoryError, SecretError
from daytwo.core.process import Process, capture
from daytwo.core.run import Run
from daytwo.core.target import LOCAL
from daytwo.repositories.archive.settings import Encryption

_GPG = ("gpg", "--batch", "--no-tty", "--quiet", "--trust-model", "always")
_ENGLISH = {"LC_ALL": "C"}
"""gpg's messages are read, so they must not be translated."""


class Seal(Protocol):
    """One way to encrypt."""

    name: Literal["age", "gpg"]

    def check(self, run: Run) -> None:
        """Find out whether it can encrypt here."""

    def encrypt(self, chunks: Iterable[bytes], run: Run) -> Iterator[bytes]:
        """The encrypted stream."""


class Age:
    """To age recipients; needs no program.

    Args:
        recipients: public keys.
    """

    name: Literal["age", "gpg"] = "age"

    def __init__(self, recipients: tuple[str, ...]) -> None:
        self._recipients = recipients

    def check(self, run: Run) -> None:
        """Nothing can be missing: the recipients were parsed with the configuration."""

    def encrypt(self, chunks: Iterable[bytes], run: Run) -> Iterator[bytes]:
        """One age stream."""
        return encrypting(chunks, self._recipients)


class Gpg:
    """To one gpg key of the user's keyring.

    Args:
        key: id, fingerprint or mail address.
        where: the setting, for errors.
    """

    name: Literal["age", "gpg"] = "gpg"

    def __init__(self, key: str, where: str) -> None:
        self._key = key
        self._where = where

    def check(self, run: Run) -> None:
        """Try the key.

        Raises:
            RepositoryError: it is not in the keyring, or cannot encrypt.
        """
        try:
            capture(LOCAL, self._command(), run, stdin=b"try")
        except CommandError as error:
            raise RepositoryError(
                f"gpg cannot encrypt to {self._key}: {error.what}", where=self._where,
                hint="Import the public key as the user who runs daytwo: `gpg --import KEY.asc`",
            ) from None  # fmt: skip

    def encrypt(self, chunks: Iterable[bytes], run: Run) -> Iterator[bytes]:
        """One OpenPGP message; what goes in is compressed already."""
        with Process(LOCAL, self._command(), run, stdin=chunks) as process:
            yield from process.chunks()

    def _command(self) -> Command:
        return command(*_GPG, "--compress-algo", "none", "--encrypt", "--recipient", self._key, "--output", "-",
                       env=_ENGLISH, where=self._where)  # fmt: skip


def make_seal(encryption: Encryption | None, where: str) -> Seal | None:
    """The seal that the configuration asks for, if it does."""
    if encryption is None:
        return None
    return Gpg(encryption.gpg, where) if encryption.gpg else Age(encryption.age)


def unseal(
    kind: Literal["age", "gpg"], chunks: Iterable[bytes], secrets: Iterable[str], where: str, run: Run
) -> Iterator[bytes]:
    """Decrypt a whole archive.

    Args:
        kind: how it is encrypted.
        chunks: its bytes.
        secrets: age secret keys; gpg asks the user's own agent.
        where: which archive, for errors.
        run: the run it belongs to.

    Raises:
        SecretError: no key, or none that opens it.
        IntegrityError: the bytes were changed or cut short.
    """
    if kind == "gpg":
        yield from _gpg_decrypt(chunks, where, run)
        return
    keys = tuple(secrets)
    if not keys:
        raise SecretError("the archive is encrypted to age recipients and no secret key was given", where=where,
                          hint="Give the recovery key (--key-file)")  # fmt: skip
    yield from decrypting(chunks, keys)


def _gpg_decrypt(chunks: Iterable[bytes], where: str, run: Run) -> Iterator[bytes]:
    inner = command(*_GPG, "--decrypt", "--output", "-", env=_ENGLISH | _terminal(), where=where)
    with Process(LOCAL, inner, run, stdin=chunks) as process:
        try:
            yield from process.chunks()
        except CommandError:
            said = process.stderr()
            if any(text in said for text in ("No secret key", "No pinentry", "Inappropriate ioctl", "No passphrase")):
                raise SecretError(
                    "gpg has no secret key that opens the archive, or its passphrase was not given", where=where,
                    hint="Import it (`gpg --import`) as this user, or unlock it in gpg-agent first",
                ) from None  # fmt: skip
            raise IntegrityError(f"gpg does not take the archive: {said.strip().splitlines()[-1:]}", where=where,
                                 hint="Restore from another repository or snapshot") from None  # fmt: skip


def _terminal() -> dict[str, str]:
    """Where gpg-agent may ask for a passphrase, when a person is there."""
    try:
        return {"GPG_TTY": os.ttyname(0)}
    except OSError:
        return {}
