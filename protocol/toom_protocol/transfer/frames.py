"""What the two ends say to each other besides the file: the frames of control datagrams.

Belongs here: frozen values and their limits (PROTOCOL 5.3). Does not: their bytes (frame_codec.py),
when to say what.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from toom_protocol.transfer.reasons import Reason

VERSION: Final = 3
DIGEST_BLAKE3_TREE: Final = 3  # PROTOCOL 5.7
SUITE_AES_256_GCM: Final = 2  # PROTOCOL 5.2
DIGEST_SIZE: Final = 32
LEAF_SIZE: Final = 32  # bytes
MAX_REPAIRS: Final = 16  # blocks asked for at once: 83 bytes, beside 128 ranges
CHALLENGE_SIZE: Final = 8  # bytes; RFC 9000 19.17
MAX_RANGES: Final = 128  # acknowledged ranges in one frame: 1024 bytes, what a datagram holds

Range = tuple[int, int]
"""Packet numbers `start <= n < end`."""


@dataclass(frozen=True, slots=True)
class Offer:
    """The presenter has a file: everything the audience must know to say yes or no."""

    size: int
    filename: str
    version: int = VERSION
    digest: int = DIGEST_BLAKE3_TREE
    suite: int = SUITE_AES_256_GCM


@dataclass(frozen=True, slots=True)
class Accept:
    """The audience wants the file."""

    echo: int  # packet number of the offer that this answers, for the first round-trip time
    delay: float  # seconds between that offer and this answer
    credit: int  # chunks below this number may be sent
    receive_buffer: int  # bytes the kernel holds for this transfer
    chunk_size: int  # bytes; what the largest hello has shown that the path takes
    blocks: int = 0  # that the audience has of an earlier try, from the first one on
    digest: bytes = b""  # over their leaves; empty when there are none


@dataclass(frozen=True, slots=True)
class Refuse:
    """The audience does not want the file."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Ack:
    """Which packets arrived; the ranges stand newest first."""

    delay: float  # seconds since the newest of them arrived
    credit: int
    receive_buffer: int
    ranges: tuple[Range, ...]
    leaves: int = 0  # that the audience has been told, from the first one on
    marked: int = 0  # data packets that came with a congestion mark so far (PROTOCOL 5.16)


@dataclass(frozen=True, slots=True)
class Fin:
    """The presenter has read the whole file: its digest."""

    digest: bytes


@dataclass(frozen=True, slots=True)
class Skip:
    """The presenter's answer to an ACCEPT with blocks: so many of them are the file's."""

    blocks: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """The audience goes on behind so many blocks: the rest may come."""

    blocks: int


@dataclass(frozen=True, slots=True)
class Done:
    """The audience has verified the file and renamed it."""


@dataclass(frozen=True, slots=True)
class Abort:
    """Either end gives the transfer up."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class End:
    """The last word (Done, Refuse, Abort) has been heard."""


@dataclass(frozen=True, slots=True)
class Ping:
    """I live; please say that you do."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The user here has paused; what lacks it takes that back (PROTOCOL 5.15)."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """Are you there? Asked of an address; the peer repeats the data (RFC 9000 19.17)."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """I am: the data of a challenge (RFC 9000 19.18)."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Leaves:
    """What the presenter has read: the leaves of blocks that follow each other."""

    first: int  # block
    leaves: bytes


@dataclass(frozen=True, slots=True)
class Repair:
    """Blocks that have come out wrong, each with how often: they must come again."""

    blocks: tuple[tuple[int, int], ...]


Frame = (
    Offer
    | Accept
    | Refuse
    | Ack
    | Fin
    | Done
    | Abort
    | End
    | Ping
    | Skip
    | Skipped
    | Challenge
    | Response
    | Leaves
    | Repair
    | Hold
)
