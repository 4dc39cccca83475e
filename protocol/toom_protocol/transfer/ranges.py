"""The packet numbers that have arrived, as a short list of ranges (PROTOCOL 5.4).

Belongs here: adding and listing. Does not: what an acknowledgement makes of them.
"""

from __future__ import annotations

from bisect import bisect_right

from toom_protocol.transfer.frames import MAX_RANGES, Range


class PacketRanges:
    """At most `limit` half-open ranges, apart from each other; of too many the oldest is dropped.

    A dropped range costs nothing but a needless retransmission: each range has been told to the
    presenter in many acknowledgements before it is the oldest of 128.
    """

    def __init__(self, limit: int = MAX_RANGES) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._limit = limit

    @property
    def end(self) -> int:
        """One more than the largest number here; 0 when there is none."""
        return self._ends[-1] if self._ends else 0

    def __contains__(self, number: int) -> bool:
        index = bisect_right(self._starts, number) - 1
        return index >= 0 and number < self._ends[index]

    def add(self, start: int, end: int) -> None:
        """Add the numbers `start <= n < end`, which may touch or overlap what is here."""
        if self._ends and start == self._ends[-1]:  # the usual case: the next packet in order
            self._ends[-1] = end
            return
        first = bisect_right(self._starts, start)
        if first and self._ends[first - 1] >= start:  # touches the range on its left
            first -= 1
            start = self._starts[first]
        last = first
        while last < len(self._starts) and self._starts[last] <= end:
            end = max(end, self._ends[last])
            last += 1
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]
        if len(self._starts) > self._limit:
            del self._starts[0], self._ends[0]

    def newest_first(self) -> tuple[Range, ...]:
        """The ranges as an acknowledgement carries them."""
        return tuple(zip(reversed(self._starts), reversed(self._ends), strict=True))
