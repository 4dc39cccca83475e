"""PROTOCOL 5.1: the header of every datagram."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toom_protocol.errors import MalformedPacket
from toom_protocol.transfer.packets import (
    BASE_DATAGRAM,
    BATCH,
    HEADER_SIZE,
    LARGEST_DATAGRAM,
    OVERHEAD,
    TAG_SIZE,
    PacketType,
    chunks_in,
    connection_of,
    decode_header,
    encode_header,
    first_word,
    split_by_transfer,
)

U32 = st.integers(0, 2**32 - 1)


@given(st.sampled_from(PacketType), st.integers(0, 2**28 - 1), U32, U32)
def test_a_header_comes_back(kind: PacketType, connection: int, number: int, chunk: int) -> None:
    header = encode_header(kind, connection, number, chunk)
    assert len(header) == HEADER_SIZE == 12
    assert decode_header(header + bytes(TAG_SIZE)) == (kind, connection, number, chunk)


def test_the_bytes_are_those_of_the_document() -> None:
    header = encode_header(PacketType.PRESENTER_CONTROL, 0xABCDEF1, 2, 3)
    assert header == bytes.fromhex("1abcdef1 00000002 00000003")


def test_twenty_thousand_random_datagrams_fail_in_one_way_only() -> None:
    rng = random.Random(1)
    for _ in range(20_000):
        datagram = rng.randbytes(rng.randrange(0, 60))
        try:
            kind, connection, number, chunk = decode_header(datagram)
        except MalformedPacket:
            continue
        assert encode_header(kind, connection, number, chunk) == datagram[:HEADER_SIZE]


@pytest.mark.parametrize("size", [0, 1, 11, 12, 27])
def test_what_is_too_short_is_refused(size: int) -> None:
    with pytest.raises(MalformedPacket, match="less than a header"):
        decode_header(bytes(size))


def test_unknown_types_are_refused() -> None:
    with pytest.raises(MalformedPacket, match="unknown type 15"):
        decode_header(b"\xff" * 40)


@pytest.mark.parametrize(("size", "chunks"), [(0, 0), (1, 1), (1172, 1), (1173, 2), (2344, 2)])
def test_chunks_of_a_file(size: int, chunks: int) -> None:
    assert chunks_in(size, 1172) == chunks


def test_a_base_datagram_passes_any_path_and_a_large_one_an_ethernet() -> None:
    assert BASE_DATAGRAM + 40 + 8 <= 1280, "with the headers of IPv6 and UDP"
    assert LARGEST_DATAGRAM + 40 + 8 <= 1500
    assert BATCH * LARGEST_DATAGRAM <= 65_507, "the largest payload of UDP over IPv4"


def words(*parts: tuple[int, int], segment: int, tail: int = 0) -> memoryview:
    """Datagrams of (connection, how many), the last one shortened to `tail` bytes."""
    datagrams = [
        encode_header(PacketType.DATA, connection, 0) + bytes(segment - HEADER_SIZE)
        for connection, count in parts
        for _ in range(count)
    ]
    if tail:
        datagrams[-1] = datagrams[-1][:tail]
    return memoryview(b"".join(datagrams))


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 20)), min_size=1, max_size=4),
    st.integers(OVERHEAD, 1452),
    st.integers(0, 60),
)
def test_what_came_at_once_is_parted_by_transfer(
    parts: list[tuple[int, int]], segment: int, tail: int
) -> None:
    tail = min(tail, segment)
    buffer = words(*parts, segment=segment, tail=tail)
    found = list(split_by_transfer(buffer, len(buffer), segment))
    seen = []
    for word, start, end in found:
        assert start % segment == 0
        seen += [word] * -(-(end - start) // segment)
    expected = [
        first_word(PacketType.DATA, number) for number, count in parts for _ in range(count)
    ]
    assert seen == (expected[:-1] if 0 < tail < HEADER_SIZE else expected)


@given(st.binary(max_size=200), st.integers(1, 200))
def test_any_bytes_can_be_parted(content: bytes, segment: int) -> None:
    for _, start, end in split_by_transfer(memoryview(content), len(content), segment):
        assert 0 <= start < end <= len(content)
        assert end - start >= HEADER_SIZE


def test_a_connection_is_the_lower_bits_of_a_ticket() -> None:
    assert connection_of(0xFABCDEF1) == 0xABCDEF1
