"""How late a packet may come before it counts as lost (PROTOCOL 5.5).

Belongs here: what was declared lost and came after all, and the patience that follows. Does not:
which packets are out, and which of them are declared lost (recovery.py).

Source: RFC 8985 6.2 steps 3 and 4.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from toom_protocol.transfer.frames import Range
from toom_protocol.transfer.timing import RoundTrip

MIN_WINDOW: Final = 0.001  # seconds; kGranularity, RFC 9002 6.1.2
REORDERING_PERSISTS: Final = 16  # loss episodes; RFC 8985 6.2 step 4, RACK.reo_wnd_persist
REMEMBERED_LOSSES: Final = 64  # runs in which a late acknowledgement is looked for
SPURIOUS_MEMORY: Final = 1.0  # seconds


class Reordering:
    """Grows with each round trip in which a loss was none, and is forgotten after a while."""

    def __init__(self) -> None:
        self.seen = False
        """A packet has come after one that was sent later: the number alone shows no loss."""
        self._steps = 1
        self._steps_raised = -math.inf
        self._steps_last = 0  # loss episodes until the steps are forgotten
        self._episode_end = -1  # losses up to this number belong to one episode
        self._declared: deque[Range] = deque(maxlen=REMEMBERED_LOSSES)
        self._declared_time = -math.inf

    def window(self, rtt: RoundTrip) -> float:
        """Seconds that a packet may come late beyond a round trip; RFC 8985 6.2 step 4."""
        quarter = 0.0 if math.isinf(rtt.minimum) else rtt.minimum / 4
        return max(min(self._steps * quarter, rtt.smoothed), MIN_WINDOW)

    def on_loss(self, start: int, end: int, *, newest: int, now: float) -> None:
        """Note packets that are declared lost.

        Args:
            newest: the largest number that has been sent; losses below it are of one episode.
        """
        if start > self._episode_end:
            self._episode_end = newest
            self._steps_last -= 1
            if self._steps_last < 0:
                self._steps = 1
        self._declared.append((start, end))
        self._declared_time = now

    def on_ack(self, ranges: tuple[Range, ...], rtt: RoundTrip, *, now: float) -> int:
        """Widen the window when something declared lost arrives after all; give its packets."""
        if not self._declared or now - self._declared_time > SPURIOUS_MEMORY:
            return 0
        index = len(ranges) - 1
        late, kept = 0, []
        for start, end in sorted(self._declared):
            cursor = start
            while cursor < end:
                while index >= 0 and ranges[index][1] <= cursor:
                    index -= 1
                low, high = ranges[index] if index >= 0 else (end, end)
                upto = min(high if low <= cursor else low, end)
                if low <= cursor:
                    late += upto - cursor
                else:
                    kept.append((cursor, upto))
                cursor = upto
        if late:
            self._declared = deque(kept, maxlen=REMEMBERED_LOSSES)
            self._widen(rtt, now)
        return late

    def _widen(self, rtt: RoundTrip, now: float) -> None:
        self.seen = True
        self._steps_last = REORDERING_PERSISTS
        if now - self._steps_raised >= rtt.smoothed:  # once a round trip
            self._steps_raised = now
            self._steps += 1
