"""The fixed header of every datagram, and the sizes that follow from it (PROTOCOL 5.1).

Belongs here: the 12 bytes and what they mean. Does not: what stands behind them (frames), and
whether they are genuine (sealing).
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass
from typing import Final

from toom_protocol.errors import MalformedPacket

HEADER: Final = struct.Struct("!III")
#   4 bits type, 28 bits connection | 32 bits packet number | 32 bits chunk number
HEADER_SIZE: Final = HEADER.size
KEY_SIZE: Final = 32  # bytes; the server vends one key for each transfer
TAG_SIZE: Final = 16  # bytes behind the payload; every suite has a tag of this size
CONNECTION_BITS: Final = 28
CONNECTION_MASK: Final = (1 << CONNECTION_BITS) - 1
MAX_NUMBER: Final = (1 << 32) - 1  # packet and chunk numbers end here; no number comes twice

# 1200 bytes of UDP payload pass wherever IPv6 does (RFC 8200 5 asks for an MTU of 1280; RFC 9000 14
# chose the same). Container bridges of MTU 1400 and tunnels included, so nothing must be probed.
DATAGRAM_SIZE: Final = 1200
CHUNK_SIZE: Final = DATAGRAM_SIZE - HEADER_SIZE - TAG_SIZE  # 1172 bytes of file
# An offer may name another size: a later version can probe the path first (PROTOCOL 5.3).
MIN_CHUNK_SIZE: Final = 256
MAX_CHUNK_SIZE: Final = 1472 - HEADER_SIZE - TAG_SIZE  # what fits an Ethernet frame with IPv4
LARGEST_DATAGRAM: Final = MAX_CHUNK_SIZE + HEADER_SIZE + TAG_SIZE


class PacketType(enum.IntEnum):
    """What a datagram carries and who speaks: the top four bits (PROTOCOL 5.1)."""

    DATA = 0  # presenter to audience: one chunk of the file
    PRESENTER_CONTROL = 1
    AUDIENCE_CONTROL = 2


@dataclass(frozen=True, slots=True)
class DataRun:
    """`count` data packets with consecutive packet numbers and consecutive chunks."""

    packet_number: int
    chunk: int
    count: int


def connection_of(ticket: int) -> int:
    """The 28 bits of a ticket's number that stand in each datagram (PROTOCOL 5.1)."""
    return ticket & CONNECTION_MASK


def encode_header(kind: PacketType, connection: int, packet_number: int, chunk: int = 0) -> bytes:
    """The 12 bytes of PROTOCOL 5.1; they are also what a later suite takes for its nonce."""
    return HEADER.pack(kind << CONNECTION_BITS | connection, packet_number, chunk)


def decode_header(datagram: bytes) -> tuple[PacketType, int, int, int]:
    """Return type, connection, packet number and chunk number.

    Raises:
        MalformedPacket: shorter than header and tag, or of an unknown type.
    """
    if len(datagram) < HEADER_SIZE + TAG_SIZE:
        raise MalformedPacket(f"{len(datagram)} bytes are less than a header and a tag")
    word, packet_number, chunk = HEADER.unpack_from(datagram)
    try:
        kind = PacketType(word >> CONNECTION_BITS)
    except ValueError as unknown:
        raise MalformedPacket(f"unknown type {word >> CONNECTION_BITS}") from unknown
    return kind, word & CONNECTION_MASK, packet_number, chunk


def chunks_in(size: int, chunk_size: int) -> int:
    """How many chunks a file of `size` bytes has; an empty file has none."""
    return -(-size // chunk_size)
