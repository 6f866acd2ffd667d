"""The frame of RDB files, and their checksum."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daytwo.core.errors import IntegrityError
from daytwo.services.redis.crc64 import BLOCK, Crc64
from daytwo.services.redis.rdb import Frame, framed, read_head

AUX = b"\xfa\x09redis-ver\x067.0.15" + b"\xfa\x0aredis-bits\xc0\x40" + b"\xfa\x05ctime\xc2\x30\x10\x01\x6b"
COMPRESSED = b"\xf5\xc3\x05\x40\x80abcde"
KEYS = b"\x00\x01k\x01v"
BODY = b"REDIS0010" + AUX + COMPRESSED + b"\xfe\x03\xfb\x41\x00\x02" + KEYS
MARK = b"3564b6c53d3610018e06a92a827fafba6660b433"


def crc(data: bytes) -> bytes:
    made = Crc64()
    made.update(data)
    return made.value().to_bytes(8, "little")


RDB = BODY + b"\xff" + crc(BODY + b"\xff")


def slow(data: bytes) -> int:
    """The definition, bit by bit."""
    state = 0
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = (state >> 1) ^ (0x95AC9329AC4BC9B5 if state & 1 else 0)
    return state


def test_crc_of_the_known_text() -> None:
    made = Crc64()
    made.update(b"123456789")
    assert made.value() == 0xE9C6D914C4B8D9CA


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 3])
def test_crc_is_the_same_however_it_is_fed(size: int) -> None:
    data = random.Random(size).randbytes(size)
    whole, parts = Crc64(), Crc64()
    whole.update(data)
    for at in range(0, size, 100_003):
        parts.update(data[at : at + 100_003])
    assert whole.value() == parts.value()
    if size < 10 or size == BLOCK + 3:
        assert whole.value() == slow(data)


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1, 7, 49, 50, 1000])
@pytest.mark.parametrize("behind", [b"", MARK], ids=["sized", "diskless"])
def test_a_transfer_gives_the_file_and_nothing_else(size: int, behind: bytes) -> None:
    assert b"".join(framed(pieces(RDB + behind, size))) == RDB


@given(st.binary(max_size=200), st.integers(1, 60))
def test_any_content_passes_unchanged(content: bytes, size: int) -> None:
    data = b"REDIS0011" + content + b"\xff" + b"\0" * 8
    assert b"".join(framed(pieces(data, size))) == data
    assert b"".join(framed(pieces(data + MARK, size))) == data


@pytest.mark.parametrize("place", range(len(RDB)))
def test_f01_cut_anywhere_is_not_whole(place: int) -> None:
    with pytest.raises(IntegrityError):
        b"".join(framed([RDB[:place]]))


def test_f01_other_data_is_no_rdb() -> None:
    for data in (b"", b"-NOAUTH Authentication required.\r\n", b"x" * 1000, b"REDIS" + b"\xff" * 100):
        with pytest.raises(IntegrityError):
            b"".join(framed([data]))


def test_the_head_tells_of_the_first_database() -> None:
    head = read_head(RDB)
    assert (head.version, head.database, head.keys, head.expires) == (10, 3, 256, 2)
    assert head.aux["redis-ver"] == "7.0.15" and head.aux["redis-bits"] == "64"
    frame = Frame()
    frame.feed(RDB)
    assert frame.head == head


def test_a_head_that_is_not_understood_is_no_error() -> None:
    assert read_head(b"VALKEY080\xf7\x00").version == 80
    assert read_head(b"hello").version == 0
    for place in range(len(BODY) - len(KEYS)):
        assert read_head(RDB[:place]).database is None
