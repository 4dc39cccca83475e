"""How far the transfers of one client have come, for who shows it (SPEC S12, PROTOCOL 5.11).

Belongs here: rates and the time that is left. Does not: what has come (engines), how it is shown.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import Final

MEASURED_EVERY: Final = 0.25  # seconds; a bar that moves four times a second looks alive
RATE_MEMORY: Final = 2.0  # seconds after which a rate's past counts for a third


class Direction(enum.Enum):
    """Which way a file goes, seen from this client."""

    SENDING = "sending"
    RECEIVING = "receiving"


class State(enum.Enum):
    """Where a transfer stands, for who looks at it; a failed one has its reason beside it."""

    WAITING = "waiting"
    MOVING = "under way"
    PAUSED = "paused"
    HELD = "paused by the other side"
    CHECKING = "being checked"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Count:
    """What a transfer has to tell at one moment."""

    direction: Direction
    peer: str
    filename: str  # as the presenter calls it; safe to print
    done: int  # bytes: at the presenter acknowledged ones, else those without a hole before them
    size: int  # bytes
    retransmitted: int  # packets that this end has sent again; 0 for a file on its way in
    state: State = State.MOVING


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one transfer has come."""

    direction: Direction
    peer: str
    filename: str
    done: int  # bytes
    size: int  # bytes
    rate: float  # bytes a second, smoothed
    seconds_left: float | None  # None while nothing moves
    retransmitted: int  # packets


class Meter:
    """Makes a rate of the counts of one transfer."""

    def __init__(self) -> None:
        self._time: float | None = None
        self._done = 0
        self._rate = 0.0
        self._moves = False

    def take(self, count: Count, *, now: float) -> Progress:
        """Take a count; `done` never goes back, although a packet may turn out to be lost."""
        done = min(max(count.done, self._done), count.size)
        if self._time is None:  # an earlier try may have left something: that is no speed
            self._time = now
        elif now > self._time:
            elapsed = now - self._time
            latest = (done - self._done) / elapsed
            weight = 1 - math.exp(-elapsed / RATE_MEMORY) if self._moves else 1.0
            self._rate += weight * (latest - self._rate)
            self._moves = self._moves or latest > 0
            self._time = now
        self._done = done
        left = (count.size - done) / self._rate if self._rate >= 1 else None
        return Progress(
            count.direction,
            count.peer,
            count.filename,
            done,
            count.size,
            self._rate,
            left,
            count.retransmitted,
        )
