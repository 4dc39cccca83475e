"""PROTOCOL 5.1: the header of every datagram."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toom_protocol.errors import MalformedPacket
from toom_protocol.transfer.packets import (
    CHUNK_SIZE,
    DATAGRAM_SIZE,
    HEADER_SIZE,
    TAG_SIZE,
    PacketType,
    chunks_in,
    connection_of,
    decode_header,
    encode_header,
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
    assert chunks_in(size, CHUNK_SIZE) == chunks


def test_a_full_datagram_passes_any_path() -> None:
    assert HEADER_SIZE + CHUNK_SIZE + TAG_SIZE == DATAGRAM_SIZE == 1200


def test_a_connection_is_the_lower_bits_of_a_ticket() -> None:
    assert connection_of(0xFABCDEF1) == 0xABCDEF1
