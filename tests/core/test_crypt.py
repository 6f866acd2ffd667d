"""Encryption of streams: against the real `age`, in flat memory, and never a half that passes for a whole."""

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daytwo.core.crypt import check_recipient, decrypting, encrypting, keys_in, new_key
from daytwo.core.errors import ConfigError, IntegrityError, SecretError, SourceError
from daytwo.core.secrets import Secret
from tests.parts.need import require

MIB = 1 << 20


def sealed(data: bytes, *recipients: str) -> bytes:
    return b"".join(encrypting([data], recipients))


@pytest.fixture
def threads_before() -> Iterator[None]:
    """Fails the test when it leaves an encryption thread behind."""
    yield
    deadline = time.monotonic() + 5
    while any(thread.name == "age" for thread in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not [thread for thread in threading.enumerate() if thread.name == "age"]


pytestmark = pytest.mark.usefixtures("threads_before")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=8), st.integers(1, 200_000))
def test_what_went_in_comes_out(pieces: list[bytes], cut: int) -> None:
    key = new_key()
    plain = b"".join(pieces) * 50
    stored = sealed(plain, key.recipient)
    again = [stored[i : i + cut] for i in range(0, len(stored), cut)]
    assert b"".join(decrypting(again, [key.secret])) == plain


def test_any_of_several_recipients_opens_it() -> None:
    one, two, other = new_key(), new_key(), new_key()
    stored = sealed(b"rows", one.recipient, two.recipient)
    assert b"".join(decrypting([stored], [other.secret, two.secret])) == b"rows"
    assert b"".join(decrypting([stored], [one.secret.reveal()])) == b"rows"


def test_the_age_program_opens_what_we_write(tmp_path: Path) -> None:
    age = require("age")
    key, plain = new_key(), os.urandom(3 * MIB + 17)
    (tmp_path / "key").write_text(f"# made by a test\n{key.secret.reveal()}\n")
    stored = tmp_path / "config.tar.age"
    stored.write_bytes(b"".join(encrypting((plain[i : i + MIB] for i in range(0, len(plain), MIB)), [key.recipient])))
    opened = subprocess.run([age, "-d", "-i", tmp_path / "key", stored], capture_output=True, check=True)
    assert opened.stdout == plain


def test_we_open_what_the_age_program_writes(tmp_path: Path) -> None:
    age, keygen = require("age"), require("age-keygen", package="age")
    subprocess.run([keygen, "-o", tmp_path / "key"], check=True, capture_output=True)
    recipient = subprocess.run([keygen, "-y", tmp_path / "key"], check=True, capture_output=True, text=True).stdout
    (key,) = keys_in((tmp_path / "key").read_text())
    plain = os.urandom(2 * MIB + 1)
    stored = subprocess.run([age, "-r", recipient.strip()], input=plain, capture_output=True, check=True).stdout
    assert b"".join(decrypting([stored], [key])) == plain


def test_ssh_keys_open_and_are_encrypted_to(tmp_path: Path) -> None:
    age, keygen = require("age"), require("ssh-keygen", package="openssh-client")
    subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "id"], check=True)
    public = check_recipient((tmp_path / "id.pub").read_text())
    stored = sealed(b"rows", public)
    (key,) = keys_in((tmp_path / "id").read_text())
    assert b"".join(decrypting([stored], [key])) == b"rows"
    opened = subprocess.run([age, "-d", "-i", tmp_path / "id"], input=stored, capture_output=True, check=True)
    assert opened.stdout == b"rows"


def test_f01_a_source_that_fails_never_leaves_a_whole_stream(tmp_path: Path) -> None:
    """Neither `age` nor we take what was written until the source failed; and the source's own error comes out."""
    key = new_key()

    def source() -> Iterator[bytes]:
        for _ in range(5):
            yield os.urandom(MIB)
        raise SourceError("pg_dump ended with code 1")

    written = bytearray()
    with pytest.raises(SourceError, match="pg_dump ended"):
        for piece in encrypting(source(), [key.recipient]):
            written += piece
    assert len(written) > MIB
    with pytest.raises(IntegrityError):
        for _ in decrypting([bytes(written)], [key.secret]):
            pass
    (tmp_path / "key").write_text(key.secret.reveal() + "\n")
    age = subprocess.run(
        [require("age"), "-d", "-i", tmp_path / "key"], input=bytes(written), capture_output=True, check=False
    )
    assert age.returncode != 0


def test_f01_a_source_that_fails_at_once_leaves_nothing_that_opens() -> None:
    key = new_key()

    def source() -> Iterator[bytes]:
        yield from ()
        raise SourceError("no such container")

    written = bytearray()
    with pytest.raises(SourceError):
        for piece in encrypting(source(), [key.recipient]):
            written += piece
    with pytest.raises(IntegrityError):
        b"".join(decrypting([bytes(written)], [key.secret]))


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_stream_cut_short_is_an_error(share: float) -> None:
    key = new_key()
    stored = sealed(os.urandom(MIB), key.recipient)
    with pytest.raises(IntegrityError):
        b"".join(decrypting([stored[: int(len(stored) * share)]], [key.secret]))


@pytest.mark.parametrize("place", [30, 150, 100_000, -1])
def test_one_changed_bit_is_an_error(place: int) -> None:
    key = new_key()
    stored = bytearray(sealed(os.urandom(MIB), key.recipient))
    stored[place] ^= 1
    with pytest.raises((IntegrityError, SecretError)):
        b"".join(decrypting([bytes(stored)], [key.secret]))


def test_more_bytes_behind_the_end_are_an_error() -> None:
    key = new_key()
    with pytest.raises(IntegrityError):
        b"".join(decrypting([sealed(b"rows", key.recipient), b"more"], [key.secret]))


def test_a_wrong_key_says_so() -> None:
    stored = sealed(b"rows", new_key().recipient)
    with pytest.raises(SecretError, match="none of the keys given opens this"):
        b"".join(decrypting([stored], [new_key().secret]))


def test_a_wrong_key_does_not_read_the_whole_stream() -> None:
    """Finding out must not cost reading a terabyte."""
    stored = sealed(os.urandom(20 * MIB), new_key().recipient)
    read = 0

    def source() -> Iterator[bytes]:
        nonlocal read
        for at in range(0, len(stored), MIB):
            read += 1
            yield stored[at : at + MIB]

    with pytest.raises(SecretError):
        b"".join(decrypting(source(), [new_key().secret]))
    assert read < 10


def test_leaving_early_closes_the_source() -> None:
    closed = False

    def source() -> Iterator[bytes]:
        nonlocal closed
        try:
            while True:
                yield os.urandom(MIB)
        finally:
            closed = True

    stream = encrypting(source(), [new_key().recipient])
    next(iter(stream))
    stream.close()  # type: ignore[attr-defined]
    assert closed


def test_the_source_runs_in_the_callers_thread() -> None:
    """SQLite connections and others are bound to their thread."""
    seen = set()

    def source() -> Iterator[bytes]:
        for _ in range(4):
            seen.add(threading.get_ident())
            yield os.urandom(MIB)

    assert sum(len(piece) for piece in encrypting(source(), [new_key().recipient])) > 4 * MIB
    assert seen == {threading.get_ident()}


@pytest.mark.slow
def test_memory_stays_flat() -> None:
    """Half a gigabyte through both directions, in a process of its own, with less than 60 MB on top."""
    program = """
import hashlib, resource
from daytwo.core.crypt import decrypting, encrypting, new_key
key, block = new_key(), bytes(range(256)) * 4096
def source(n):
    for _ in range(n): yield block
def through(n):
    digest = hashlib.sha256()
    for piece in decrypting(encrypting(source(n), [key.recipient]), [key.secret]):
        assert len(piece) < 8 << 20
        digest.update(piece)
    return digest.hexdigest()
through(4)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(through(512), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    digest, grown = done.stdout.split()
    assert digest == hashlib.sha256(bytes(range(256)) * 4096 * 512).hexdigest()
    assert int(grown) < 60_000


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not a recipient"),
        ("bob@example.com", "is not a recipient"),
        ("ssh-ed25519 AAAA", "typing mistake"),
        (new_key().recipient[:-1] + "b", "typing mistake"),
        (new_key().recipient[:30], "typing mistake"),
    ],
    ids=["empty", "an address", "half an ssh key", "one letter wrong", "cut short"],
)
def test_a_wrong_recipient_is_explained(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        check_recipient(text)
    with pytest.raises(ConfigError, match=says):
        encrypting([b"x"], [text])


def test_f11_a_secret_key_among_the_recipients_is_refused_and_not_shown() -> None:
    key = new_key().secret.reveal()
    with pytest.raises(ConfigError, match="secret key, not a recipient") as caught:
        check_recipient(f" {key}\n")
    assert key[:24] not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no secret key"),
        ("# only a comment\n", "no secret key"),
        ("hunter2hunter2", "not a secret key"),
        (new_key().recipient, "a recipient, not a secret key"),
        (new_key().secret.reveal()[:-1] + "B", "typing mistake"),
    ],
    ids=["empty", "a comment", "a password", "a recipient", "one letter wrong"],
)
def test_f11_a_wrong_key_is_explained_and_not_shown(text: str, says: str) -> None:
    with pytest.raises(SecretError, match=says) as caught:
        keys_in(text)
    assert not text or text.startswith(("#", "age1")) or text[:20] not in str(caught.value)


def test_a_key_is_taken_as_people_paste_it() -> None:
    key = new_key()
    assert keys_in(f"\n  {key.secret.reveal().lower()}  \n") == (Secret(key.secret.reveal().lower()),)
    assert b"".join(decrypting([sealed(b"x", key.recipient)], keys_in(key.secret.reveal().lower()))) == b"x"


def test_nobody_to_encrypt_to_and_no_key_to_open_with() -> None:
    with pytest.raises(ConfigError, match="no recipient"):
        encrypting([b"x"], [])
    with pytest.raises(SecretError, match="no key was given"):
        decrypting([b"x"], [])
