"""What the two engines of a transfer tell their shells (PROTOCOL 5.3 to 5.7).

Belongs here: frozen values, and what a shell does about each. Does not: when they happen.
"""

from __future__ import annotations

from dataclasses import dataclass

from toom_protocol.transfer.frames import Offer
from toom_protocol.transfer.reasons import Reason


@dataclass(frozen=True, slots=True)
class Resumable:
    """The audience has the first blocks of an earlier try: the presenter's shell calls `resume`."""

    blocks: int
    digest: bytes  # over their leaves


@dataclass(frozen=True, slots=True)
class Delivered:
    """The audience has verified and renamed the file."""


@dataclass(frozen=True, slots=True)
class Disputed:
    """The audience found a block damaged: the presenter's shell looks whether the file changed."""

    block: int


@dataclass(frozen=True, slots=True)
class Offered:
    """The presenter's offer is in order: the audience's shell calls `accept` or `refuse`."""

    offer: Offer


@dataclass(frozen=True, slots=True)
class Resumed:
    """The first blocks of an earlier try are the file's, as many as this: the rest comes now."""

    blocks: int


@dataclass(frozen=True, slots=True)
class Damaged:
    """A block is not what the presenter has read: its chunks are missing again, and come again."""

    block: int


@dataclass(frozen=True, slots=True)
class Whole:
    """All chunks are here: the audience's shell calls `digested`."""


@dataclass(frozen=True, slots=True)
class Verified:
    """The digests agree: the audience's shell makes the file durable and calls `stored`."""


@dataclass(frozen=True, slots=True)
class Received:
    """The file stands under its name, and the presenter is being told."""


@dataclass(frozen=True, slots=True)
class Expired:
    """Nobody came: the expectation is dropped in silence."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The transfer is over without the file."""

    reason: Reason
    offer: Offer | None = None
    """What the audience was offered, if it was; the presenter knows what it has offered."""


PresenterEvent = Resumable | Disputed | Delivered | Failed
AudienceEvent = Offered | Resumed | Damaged | Whole | Verified | Received | Expired | Failed
