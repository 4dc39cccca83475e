"""The fixed header of every datagram, and the sizes that follow from it (PROTOCOL 5.1).

Belongs here: the 12 bytes and what they mean. Does not: what stands behind them (frames), and
whether they are genuine (hello, sealing).
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from toom_protocol.errors import MalformedPacket

HEADER: Final = struct.Struct("!III")
#   4 bits type, 28 bits connection | 32 bits packet number | 32 bits chunk number
HEADER_SIZE: Final = HEADER.size
KEY_SIZE: Final = 32  # bytes; of a ticket's key, a public key and a derived key
TAG_SIZE: Final = 16  # bytes behind the payload (RFC 5116 5.2)
OVERHEAD: Final = HEADER_SIZE + TAG_SIZE  # bytes of a datagram that are not its chunk
CONNECTION_BITS: Final = 28
CONNECTION_MASK: Final = (1 << CONNECTION_BITS) - 1
MAX_NUMBER: Final = (1 << 32) - 1  # packet and chunk numbers end here; no number comes twice

# A hello is as long as a datagram of data will be, so its answer proves that the path takes them.
# 1452 bytes fit an Ethernet frame under IPv4 and IPv6; 1200 pass wherever IPv6 does (RFC 8200 5),
# bridges of MTU 1400 and tunnels included (RFC 8899 5.1.2 calls that the base).
LARGEST_DATAGRAM: Final = 1452
BASE_DATAGRAM: Final = 1200
DATAGRAM_SIZES: Final = (LARGEST_DATAGRAM, BASE_DATAGRAM)
LARGEST_CHUNK: Final = LARGEST_DATAGRAM - OVERHEAD  # 1424 bytes of file
SMALLEST_CHUNK: Final = BASE_DATAGRAM - OVERHEAD  # 1172
CHUNK_SIZES: Final = (LARGEST_CHUNK, SMALLEST_CHUNK)

# A batch leaves in one system call and is hashed as one block. The largest UDP payload, 65,507
# bytes (RFC 768 over RFC 791), holds 45 of the largest datagrams.
BATCH: Final = 45  # chunks


class PacketType(enum.IntEnum):
    """What a datagram carries and who speaks: the top four bits (PROTOCOL 5.1)."""

    DATA = 0  # presenter to audience: one chunk of the file
    PRESENTER_CONTROL = 1
    AUDIENCE_CONTROL = 2
    HELLO = 3  # presenter to audience: the first message of the handshake
    WELCOME = 4  # audience to presenter: the second
    FIRST_HALF = 5  # presenter to audience: half a chunk, where the path takes no whole one
    SECOND_HALF = 6


@dataclass(frozen=True, slots=True)
class DataRun:
    """`count` data packets with consecutive packet numbers and consecutive chunks."""

    packet_number: int
    chunk: int
    count: int


def connection_of(ticket: int) -> int:
    """The 28 bits of a ticket's number that stand in each datagram (PROTOCOL 5.1)."""
    return ticket & CONNECTION_MASK


def first_word(kind: PacketType, connection: int) -> int:
    """The first four bytes of a header as a number: who is spoken to, and of what."""
    return kind << CONNECTION_BITS | connection


def encode_header(kind: PacketType, connection: int, packet_number: int, chunk: int = 0) -> bytes:
    """The 12 bytes of PROTOCOL 5.1; they are the nonce of what they stand before, too."""
    return HEADER.pack(first_word(kind, connection), packet_number, chunk)


def decode_header(datagram: bytes | memoryview) -> tuple[PacketType, int, int, int]:
    """Return type, connection, packet number and chunk number.

    Raises:
        MalformedPacket: shorter than header and tag, or of an unknown type.
    """
    if len(datagram) < OVERHEAD:
        raise MalformedPacket(f"{len(datagram)} bytes are less than a header and a tag")
    word, packet_number, chunk = HEADER.unpack_from(datagram)
    try:
        kind = PacketType(word >> CONNECTION_BITS)
    except ValueError as unknown:
        raise MalformedPacket(f"unknown type {word >> CONNECTION_BITS}") from unknown
    return kind, word & CONNECTION_MASK, packet_number, chunk


def split_by_transfer(
    buffer: memoryview, size: int, segment: int
) -> Iterator[tuple[int, int, int]]:
    """Part datagrams of `segment` bytes that stand in a buffer by the first word of their headers.

    Yields:
        The word, and where its datagrams begin and end; all but the last have a whole header.
    """
    if segment < HEADER_SIZE:
        return
    count = (size + segment - HEADER_SIZE) // segment  # of those that have one
    words = _words(segment, count).unpack_from(buffer) if count else ()
    start = 0
    while start < count:
        word, end = words[start], count
        if words.count(word) != count:
            end = start + 1
            while end < count and words[end] == word:
                end += 1
        yield word, start * segment, min(end * segment, size)
        start = end


@lru_cache(maxsize=256)
def _words(segment: int, count: int) -> struct.Struct:
    return struct.Struct(f"!{f'I{segment - 4}x' * (count - 1)}I")


def chunks_in(size: int, chunk_size: int) -> int:
    """How many chunks a file of `size` bytes has; an empty file has none."""
    return -(-size // chunk_size)
