"""A batch as bytes for the journal, and back (PROTOCOL 6.2). Pure.

Each item is a head (kind, log or room, number, length) and a body. What is said in a log is one
item: its body is the lines of the text log with their newlines, numbered on from the head's number.
A room's body is a JSON array of its members; that of an origin is the run of a client, and the
frame of the reply.
"""

import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

HEAD: Final = struct.Struct("<BQQI")  # kind; log or room; first number; bytes of the body
ROOM: Final = 2  # kinds
LINES: Final = 3
ORIGIN: Final = 4
RUN_SIZE: Final = 16  # bytes


class BadRecord(ValueError):
    """These bytes are no batch."""


@dataclass(frozen=True, slots=True)
class Line:
    """A message, as it stands in its log."""

    log: int
    number: int
    text: bytes  # the whole line, with its newline


@dataclass(frozen=True, slots=True)
class Room:
    """A room that was built."""

    room_id: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """Who has caused something in this record, and what they were answered."""

    run: bytes
    frame: bytes  # of the codec; empty: a run has begun


Item = Line | Room | Origin


def encode(
    rooms: Mapping[int, tuple[str, ...]],
    lines: Mapping[int, tuple[int, bytes]],
    origins: Iterable[Origin] = (),
) -> bytes:
    """Give the bytes of a batch.

    Args:
        rooms: members by room, in order of their making.
        lines: by log, the number of the first one and all of them, with their newlines.
        origins: who has caused some of it, in order.
    """
    parts = []
    for room_id, members in rooms.items():
        body = json.dumps(members, ensure_ascii=False).encode()
        parts += [HEAD.pack(ROOM, room_id, 0, len(body)), body]
    for log, (first, body) in lines.items():
        parts += [HEAD.pack(LINES, log, first, len(body)), body]
    for origin in origins:
        length = RUN_SIZE + len(origin.frame)
        parts += [HEAD.pack(ORIGIN, 0, 0, length), origin.run, origin.frame]
    return b"".join(parts)


def decode(data: bytes) -> Iterator[Item]:
    """Yield what a batch holds.

    Raises:
        BadRecord: it was not made by `encode`.
    """
    offset = 0
    while offset < len(data):
        try:
            kind, key, first, length = HEAD.unpack_from(data, offset)
        except struct.error as exc:
            raise BadRecord("a head is torn") from exc
        offset += HEAD.size
        body = data[offset : offset + length]
        offset += length
        if len(body) < length:
            raise BadRecord("a body is torn")
        if kind == LINES:
            for number, text in enumerate(body[:-1].split(b"\n"), start=first):
                yield Line(key, number, text + b"\n")
        elif kind == ROOM:
            yield Room(key, _members(body))
        elif kind == ORIGIN:
            yield Origin(body[:RUN_SIZE], body[RUN_SIZE:])
        else:
            raise BadRecord(f"there is no kind {kind}")


def _members(body: bytes) -> tuple[str, ...]:
    try:
        members = json.loads(body)
    except ValueError as exc:
        raise BadRecord("a room is no JSON") from exc
    if not (isinstance(members, list) and all(isinstance(name, str) for name in members)):
        raise BadRecord("a room is no list of names")
    return tuple(members)
