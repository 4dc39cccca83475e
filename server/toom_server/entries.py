"""What must last, as values that go from the conference to the store and back (PROTOCOL 6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from toom_protocol.messages import Reply

BROADCASTS: Final = 0  # the log of the broadcasts; rooms count from 1


@dataclass(frozen=True, slots=True)
class RoomEntry:
    """A room that was built."""

    room_id: int
    members: tuple[str, ...]  # the builder first


@dataclass(frozen=True, slots=True)
class OriginEntry:
    """For whom something was done, so that a repeated command is known (PROTOCOL 3.6)."""

    run: bytes  # of a client; 16 bytes
    request_id: int
    reply: Reply | None  # None: a run has begun


Entry = RoomEntry | OriginEntry  # what must last and is no message


class LastPost(NamedTuple):
    """Where a log goes on; a tuple, since one is made for each log of a batch."""

    number: int = 0
    at: datetime = datetime.min


@dataclass(frozen=True, slots=True)
class History:
    """What a store remembers when the server starts (SPEC S13)."""

    rooms: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    last: Mapping[int, LastPost] = field(default_factory=dict)
    next_room_id: int = 1
    warnings: tuple[str, ...] = ()
    runs: Mapping[bytes, Sequence[tuple[int, Reply]]] = field(default_factory=dict)
