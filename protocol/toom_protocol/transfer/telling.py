"""How the presenter tells the leaves of its file as it makes them (PROTOCOL 5.14).

Belongs here: which leaves are told when, and again. Does not: hashing (tree), what the audience
makes of them (repairs).
"""

from __future__ import annotations

import math
from typing import Final

from toom_protocol.transfer.frames import LEAF_SIZE, Leaves
from toom_protocol.transfer.timing import RoundTrip

PER_DATAGRAM: Final = 16  # leaves: 547 bytes, less than the half of a chunk has (PROTOCOL 5.13)
TELL_DELAY: Final = 0.05  # seconds that a leaf waits for others to fill a datagram
MOST_UNKNOWN: Final = 32 * PER_DATAGRAM  # leaves that are told and not acknowledged: 33 MB of file


class Telling:
    """Tells leaves in order, and the first one that the audience does not know once more."""

    def __init__(self) -> None:
        self._known = 0  # leaves from the first one on that the audience has
        self._leaves = bytearray()  # from that one on, as far as they are made
        self._made = 0  # so many are made
        self._next = 0  # the first that was never told
        self._due = math.inf  # when that is told
        self._again = math.inf  # when the first that is not known is told again
        self._repeats = 0  # of it in a row

    def add(self, leaves: bytes, *, now: float, is_last: bool) -> None:
        """Take leaves that follow those before them.

        Args:
            is_last: no more will come to fill a datagram with.
        """
        self._leaves += leaves
        self._made += len(leaves) // LEAF_SIZE
        if is_last or self._made - self._next >= PER_DATAGRAM:
            self._due = min(self._due, now)
        elif leaves:
            self._due = min(self._due, now + TELL_DELAY)

    def acknowledge(self, known: int, *, now: float, rtt: RoundTrip) -> None:
        """The audience has so many leaves from the first one on; older words change nothing."""
        if self._repeats:  # who has been away is told soon what it has missed
            self._repeats = 0
            self._again = min(self._again, now + rtt.probe_timeout(0))
        if not self._known < known <= self._made:
            return
        del self._leaves[: (known - self._known) * LEAF_SIZE]
        self._known, self._next = known, max(known, self._next)
        self._again = now + rtt.probe_timeout(0) if known < self._next else math.inf

    def deadline(self) -> float:
        """When `frame` has one to say."""
        may = self._made > self._next and self._next - self._known < MOST_UNKNOWN
        return min(self._due if may else math.inf, self._again)

    def frame(self, *, now: float, rtt: RoundTrip) -> Leaves | None:
        """What to tell now: a datagram at most, so that transfers can take turns."""
        if self.deadline() > now:
            return None
        if self._again <= now:
            self._repeats += 1
            self._again = now + rtt.probe_timeout(self._repeats)
            return self._from(self._known, self._next)
        told = self._from(self._next, self._made)
        self._next += len(told.leaves) // LEAF_SIZE
        if self._next == self._made:
            self._due = math.inf
        self._again = min(self._again, now + rtt.probe_timeout(0))
        return told

    def _from(self, block: int, end: int) -> Leaves:
        count = min(end - block, PER_DATAGRAM)
        start = (block - self._known) * LEAF_SIZE
        return Leaves(block, bytes(self._leaves[start : start + count * LEAF_SIZE]))
