"""A batch as bytes for the journal, and back (PROTOCOL 6.2). Pure.

Each entry is a head (kind, log or room, number, length) and a body: a message's body is its line of
the text log with the newline, a room's is a JSON array of its members.
"""

import json
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from toom_protocol.lines import format_post
from toom_server.entries import Entry, PostEntry

HEAD: Final = struct.Struct("<BQQI")  # kind; log or room; number; bytes of the body
LINE: Final = 1  # kinds
ROOM: Final = 2


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


Item = Line | Room


def items_of(entries: Iterable[Entry]) -> list[Item]:
    """Give what is written of each entry."""
    return [
        Line(entry.log, entry.post.number, (format_post(entry.post) + "\n").encode())
        if isinstance(entry, PostEntry)
        else Room(entry.room_id, entry.members)
        for entry in entries
    ]


def encode(items: Iterable[Item]) -> bytes:
    """Give the bytes of a batch."""
    parts = []
    for item in items:
        if isinstance(item, Line):
            parts += [HEAD.pack(LINE, item.log, item.number, len(item.text)), item.text]
        else:
            body = json.dumps(item.members, ensure_ascii=False).encode()
            parts += [HEAD.pack(ROOM, item.room_id, 0, len(body)), body]
    return b"".join(parts)


def decode(data: bytes) -> Iterator[Item]:
    """Yield what a batch holds.

    Raises:
        BadRecord: it was not made by `encode`.
    """
    offset = 0
    while offset < len(data):
        try:
            kind, key, number, length = HEAD.unpack_from(data, offset)
        except struct.error as exc:
            raise BadRecord("a head is torn") from exc
        offset += HEAD.size
        body = data[offset : offset + length]
        offset += length
        if len(body) < length:
            raise BadRecord("a body is torn")
        if kind == LINE:
            yield Line(key, number, body)
        elif kind == ROOM:
            yield Room(key, _members(body))
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
