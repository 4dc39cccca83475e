"""Which packets of the presenter have arrived, and when it is told so (PROTOCOL 5.4).

Belongs here: the numbers that came, when an acknowledgement is due. Does not: chunks (chunks), what
else an answer says (audience).
"""

from __future__ import annotations

import math
from typing import Final

from toom_protocol.transfer.frames import Ack
from toom_protocol.transfer.ranges import PacketRanges
from toom_protocol.transfer.speaking import Speaker

ACK_EVERY: Final = 16  # packets
ACK_DELAY: Final = 0.004  # seconds
ACK_INTERVAL: Final = 0.001  # seconds between two, so that jitter does not cause one per packet


class Receipts:
    """Notes what arrives, and makes acknowledgements of it."""

    def __init__(self, speaker: Speaker, *, now: float) -> None:
        self.due = math.inf
        """When something is to be said to the presenter."""
        self._ranges = PacketRanges()
        self.marked = 0
        """Data packets that came with a congestion mark; each counts once (PROTOCOL 5.16)."""
        self._unacknowledged = 0  # data packets
        self._newest_arrival = now
        self._speaker = speaker

    @property
    def end(self) -> int:
        """One more than the largest number that has come; 0 when none has."""
        return self._ranges.end

    def take_control(self, packet_number: int, *, now: float) -> None:
        """A control datagram has come: it is answered at once."""
        self._note(packet_number, 1, now)
        self.ask(now)

    def take_run(self, packet_number: int, count: int, *, now: float) -> None:
        """Data packets have come: on a gap they are answered at once, else once in a while."""
        is_next = packet_number == (self._ranges.end or packet_number)
        self._note(packet_number, count, now)
        self._unacknowledged += count
        if not is_next:
            self.ask(now)
        elif self._unacknowledged >= ACK_EVERY:
            self.due = min(self.due, now)
        else:
            self.due = min(self.due, now + ACK_DELAY)

    def ask(self, now: float) -> None:
        """An answer is due, as soon as there may be another one."""
        self.due = min(self.due, max(now, self._speaker.spoke + ACK_INTERVAL))

    def acknowledge(self, credit: int, receive_buffer: int, leaves: int, *, now: float) -> Ack:
        """Make the acknowledgement that leaves now."""
        self._unacknowledged = 0
        delay = now - self._newest_arrival
        ranges = self._ranges.newest_first()
        return Ack(delay, credit, receive_buffer, ranges, leaves, self.marked)

    def _note(self, packet_number: int, count: int, now: float) -> None:
        if packet_number >= self._ranges.end:
            self._newest_arrival = now
        self._ranges.add(packet_number, packet_number + count)
