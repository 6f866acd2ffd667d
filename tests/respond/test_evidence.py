"""Evidence: whatever is changed in an archive is found."""

import gzip
import io
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from daytwo.core.crypt import new_key
from daytwo.core.errors import DaytwoError, IntegrityError, RefusedError, SecretError
from daytwo.respond.evidence import Piece, check, seal

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


def pieces() -> Iterator[Piece]:
    yield Piece("logs/web.log", [b"one\n", b"two\n"])
    yield Piece("state.json", [b"{}"])


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        return {one.name: archive.extractfile(one).read() for one in archive}  # type: ignore[union-attr]


def written(path: Path, files: dict[str, bytes], kind: bytes = tarfile.REGTYPE) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.type = len(content), kind if name == "state.json" else tarfile.REGTYPE
            archive.addfile(info, io.BytesIO(content))
    return path


def test_sealed_and_read_again(tmp_path: Path) -> None:
    made = seal(pieces(), tmp_path / "evidence.tar.gz", (), NOW)
    assert made.files == ("logs/web.log", "state.json")
    assert check(made.path) == made
    assert members(made.path)["logs/web.log"] == b"one\ntwo\n"
    assert made.path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["evidence.tar.gz"], "nothing is left aside"
    with pytest.raises(RefusedError, match="is there already"):
        seal(pieces(), made.path, (), NOW)


def test_encrypted_to_the_recovery_key(tmp_path: Path) -> None:
    key = new_key()
    made = seal(pieces(), tmp_path / "evidence.tar.gz.age", (key.recipient,), NOW)
    assert b"web.log" not in made.path.read_bytes()
    assert check(made.path, [key.secret]) == made
    with pytest.raises(SecretError, match="it is encrypted"):
        check(made.path)
    with pytest.raises(SecretError):
        check(made.path, [new_key().secret])


@pytest.mark.parametrize("what", ["changed", "missing", "added", "no list", "a link"])
def test_what_was_tampered_with(tmp_path: Path, what: str) -> None:
    files = members(seal(pieces(), tmp_path / "evidence.tar.gz", (), NOW).path)
    kind = tarfile.REGTYPE
    if what == "changed":
        files["logs/web.log"] += b"three\n"
    elif what == "missing":
        del files["state.json"]
    elif what == "added":
        files["more.log"] = b""
    elif what == "no list":
        del files["SHA256SUMS"]
    else:
        kind = tarfile.SYMTYPE
    bad = written(tmp_path / "bad.tar.gz", files, kind)
    with pytest.raises(IntegrityError):
        check(bad)


def test_every_cut_and_every_flipped_byte_is_found(tmp_path: Path) -> None:
    whole = seal(pieces(), tmp_path / "evidence.tar.gz", (), NOW).path.read_bytes()
    bad = tmp_path / "bad.tar.gz"
    for place in range(20, len(whole) - 8, 7):
        for content in (whole[:place], whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :]):
            bad.write_bytes(content)
            try:
                found = check(bad)
            except DaytwoError:
                continue
            # What does not change a file (padding, a field of a header that nobody reads) changes the checksum.
            assert found.sha256 != check(tmp_path / "evidence.tar.gz").sha256


def test_what_is_too_long_is_cut_and_says_so(tmp_path: Path) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 1000

    made = seal([Piece("endless.log", endless())], tmp_path / "e.tar.gz", (), NOW, most=2500)
    content = members(made.path)["endless.log"]
    assert content == b"x" * 2500 + b"\n[cut: it was longer]\n"
    check(made.path)


def test_what_is_no_archive(tmp_path: Path) -> None:
    for name, content in {"empty": b"", "text": b"hello", "gzip": gzip.compress(b"hello")}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(IntegrityError):
            check(tmp_path / name)
    with pytest.raises(RefusedError, match="it cannot be read"):
        check(tmp_path / "nothing")


def test_one_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    def breaks() -> Iterator[bytes]:
        yield b"x"
        raise ValueError("the log is gone")

    with pytest.raises(ValueError, match="the log is gone"):
        seal([Piece("a", breaks())], tmp_path / "e.tar.gz", (), NOW)
    assert list(tmp_path.iterdir()) == []
