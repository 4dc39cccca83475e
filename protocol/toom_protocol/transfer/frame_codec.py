"""The bytes of frames in control datagrams (PROTOCOL 5.3).

Belongs here: both directions, and what makes a frame malformed. Does not: frames as values
(frames.py), the seal around them (sealing.py).
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterable
from typing import Final

from toom_protocol.errors import MalformedPacket
from toom_protocol.transfer.frames import (
    CHALLENGE_SIZE,
    DIGEST_SIZE,
    LEAF_SIZE,
    MAX_RANGES,
    MAX_REPAIRS,
    Abort,
    Accept,
    Ack,
    Challenge,
    Done,
    End,
    Fin,
    Frame,
    Hold,
    Leaves,
    Offer,
    Ping,
    Refuse,
    Repair,
    Response,
    Skip,
    Skipped,
)
from toom_protocol.transfer.reasons import Reason

MAX_OFFERED_NAME: Final = 1000  # bytes decoded at all; what is a bare name is judged elsewhere
MICROSECOND: Final = 1e-6


class Kind(enum.IntEnum):
    """The first byte of a frame (PROTOCOL 5.3)."""

    OFFER = 1
    ACCEPT = 2
    REFUSE = 3
    ACK = 4
    FIN = 5
    DONE = 6
    ABORT = 7
    END = 8
    PING = 9
    SKIP = 10
    SKIPPED = 11
    CHALLENGE = 12
    RESPONSE = 13
    LEAVES = 14
    REPAIR = 15
    HOLD = 16


_FRAME: Final = struct.Struct("!BH")  # kind, size of the body
_OFFER: Final = struct.Struct("!BBBQ")  # version, digest, suite, size; then the name
_ACCEPT: Final = struct.Struct("!IIIIHI")
# echo, delay in µs, credit, receive buffer, chunk size, blocks; then their digest
_BLOCKS: Final = struct.Struct("!I")
_ACK: Final = struct.Struct("!IIIIIB")
# delay in µs, credit, receive buffer, leaves, marked packets, number of ranges
_RANGE: Final = struct.Struct("!II")
_REPAIR: Final = struct.Struct("!IB")  # block, how often it was wrong
_MAX_U32: Final = 0xFFFFFFFF


def encode_frames(frames: Iterable[Frame]) -> bytes:
    """The payload of a control datagram."""
    parts = []
    for frame in frames:
        kind, body = _encode_body(frame)
        parts += [_FRAME.pack(kind, len(body)), body]
    return b"".join(parts)


def decode_frames(payload: bytes) -> tuple[Frame, ...]:
    """Read a control datagram's payload; frames of unknown kinds are skipped.

    Raises:
        MalformedPacket: cut short, or a value outside its limits.
    """
    frames: list[Frame] = []
    offset = 0
    try:
        while offset < len(payload):
            kind, size = _FRAME.unpack_from(payload, offset)
            offset += _FRAME.size
            body = payload[offset : offset + size]
            if len(body) != size:
                raise MalformedPacket("a frame is cut short")
            offset += size
            frame = _decode_body(kind, body)
            if frame is not None:
                frames.append(frame)
    except (struct.error, UnicodeDecodeError) as fault:
        raise MalformedPacket(str(fault)) from fault
    return tuple(frames)


def _encode_body(frame: Frame) -> tuple[Kind, bytes]:
    match frame:
        case Offer(size, filename, version, digest, suite):
            head = _OFFER.pack(version, digest, suite, size)
            return Kind.OFFER, head + filename.encode("utf-8", "surrogatepass")
        case Accept(echo, delay, credit, buffer, chunk_size, blocks, digest):
            times = echo, _microseconds(delay)
            return Kind.ACCEPT, _ACCEPT.pack(*times, credit, buffer, chunk_size, blocks) + digest
        case Refuse(reason):
            return Kind.REFUSE, bytes((reason,))
        case Ack(delay, credit, receive_buffer, ranges, leaves, marked):
            counts = credit, receive_buffer, leaves, marked
            head = _ACK.pack(_microseconds(delay), *counts, len(ranges))
            return Kind.ACK, head + b"".join(_RANGE.pack(*pair) for pair in ranges)
        case Fin(digest):
            return Kind.FIN, digest
        case Done():
            return Kind.DONE, b""
        case Abort(reason):
            return Kind.ABORT, bytes((reason,))
        case End():
            return Kind.END, b""
        case Ping():
            return Kind.PING, b""
        case Skip(blocks):
            return Kind.SKIP, _BLOCKS.pack(blocks)
        case Skipped(blocks):
            return Kind.SKIPPED, _BLOCKS.pack(blocks)
        case Challenge(data):
            return Kind.CHALLENGE, data
        case Response(data):
            return Kind.RESPONSE, data
        case Leaves(first, leaves):
            return Kind.LEAVES, _BLOCKS.pack(first) + leaves
        case Repair(blocks):
            return Kind.REPAIR, b"".join(_REPAIR.pack(*each) for each in blocks)
        case Hold():
            return Kind.HOLD, b""


def _decode_body(kind: int, body: bytes) -> Frame | None:
    match kind:
        case Kind.OFFER:
            return _decode_offer(body)
        case Kind.ACCEPT:
            return _decode_accept(body)
        case Kind.REFUSE:
            return Refuse(_decode_reason(body))
        case Kind.ACK:
            return _decode_ack(body)
        case Kind.FIN:
            if len(body) != DIGEST_SIZE:
                raise MalformedPacket(f"a digest of {len(body)} bytes")
            return Fin(body)
        case Kind.DONE:
            return Done()
        case Kind.ABORT:
            return Abort(_decode_reason(body))
        case Kind.END:
            return End()
        case Kind.PING:
            return Ping()
        case Kind.SKIP:
            return Skip(*_BLOCKS.unpack(body))
        case Kind.SKIPPED:
            return Skipped(*_BLOCKS.unpack(body))
        case Kind.CHALLENGE:
            return Challenge(_decode_data(body))
        case Kind.RESPONSE:
            return Response(_decode_data(body))
        case Kind.LEAVES:
            return _decode_leaves(body)
        case Kind.REPAIR:
            return _decode_repair(body)
        case Kind.HOLD:
            return Hold()
        case _:
            return None


def _decode_offer(body: bytes) -> Offer:
    version, digest, suite, size = _OFFER.unpack_from(body)
    name = body[_OFFER.size :]
    if len(name) > MAX_OFFERED_NAME:
        raise MalformedPacket(f"a name of {len(name)} bytes")
    return Offer(size, name.decode("utf-8"), version, digest, suite)


def _decode_accept(body: bytes) -> Accept:
    echo, delay, credit, buffer, chunk_size, blocks = _ACCEPT.unpack_from(body)
    digest = body[_ACCEPT.size :]
    if len(digest) != (DIGEST_SIZE if blocks else 0):
        raise MalformedPacket(f"a digest of {len(digest)} bytes over {blocks} blocks")
    return Accept(echo, delay * MICROSECOND, credit, buffer, chunk_size, blocks, digest)


def _decode_ack(body: bytes) -> Ack:
    delay, credit, receive_buffer, leaves, marked, count = _ACK.unpack_from(body)
    if not 0 <= count <= MAX_RANGES or len(body) != _ACK.size + count * _RANGE.size:
        raise MalformedPacket(f"an acknowledgement of {count} ranges in {len(body)} bytes")
    ranges = tuple(_RANGE.iter_unpack(body[_ACK.size :]))
    above = _MAX_U32 + 1
    for start, end in ranges:
        if not start < end < above:  # newest first, apart from each other, none empty
            raise MalformedPacket("acknowledged ranges are out of order")
        above = start
    return Ack(delay * MICROSECOND, credit, receive_buffer, ranges, leaves, marked)


def _decode_leaves(body: bytes) -> Leaves:
    (first,) = _BLOCKS.unpack_from(body)
    leaves = body[_BLOCKS.size :]
    if not leaves or len(leaves) % LEAF_SIZE:
        raise MalformedPacket(f"leaves of {len(leaves)} bytes")
    return Leaves(first, leaves)


def _decode_repair(body: bytes) -> Repair:
    blocks = tuple(_REPAIR.iter_unpack(body))
    if not 0 < len(blocks) <= MAX_REPAIRS:
        raise MalformedPacket(f"{len(blocks)} blocks to repair")
    return Repair(blocks)


def _decode_reason(body: bytes) -> Reason:
    if not body:
        raise MalformedPacket("no reason")
    return Reason(body[0])


def _decode_data(body: bytes) -> bytes:
    if len(body) != CHALLENGE_SIZE:
        raise MalformedPacket(f"a challenge of {len(body)} bytes")
    return body


def _microseconds(seconds: float) -> int:
    return min(max(int(seconds / MICROSECOND), 0), _MAX_U32)
