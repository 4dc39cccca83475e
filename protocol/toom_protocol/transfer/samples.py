"""What an acknowledgement says to a congestion controller (PROTOCOL 5.5, 5.6).

Belongs here: the runs of packets with what was known when they left, and the samples that come of
them. Does not: how samples are taken (recovery.py), what is made of them (congestion).

Source: draft-cheng-iccrg-delivery-rate-estimation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(slots=True)
class SentRun:
    """Packets sent at one time, and what the sender knew then.

    It is split only where an acknowledgement has a gap, so no object per packet exists.
    """

    start: int  # packet numbers start <= n < end
    end: int
    chunk: int
    time: float
    delivered: int  # packets acknowledged until then
    delivered_time: float
    first_sent: float  # when the packet was sent whose acknowledgement was the newest then
    limited: bool  # the sender had less to send than it was allowed to
    single: int  # packets below this number have not been sent a second time, see `copy`
    is_copy: bool = False  # its chunks are out in an older packet, or were

    def piece(self, start: int, end: int) -> SentRun:
        """The part of this run from `start` to `end`."""
        chunk = self.chunk + start - self.start
        return SentRun(
            start, end, chunk, self.time, self.delivered,
            self.delivered_time, self.first_sent, self.limited, self.single, self.is_copy,
        )  # fmt: skip

    def rate(self, delivered: int, now: float) -> float | None:
        """Packets a second delivered since this run left; None where that took no time.

        Args:
            delivered: packets acknowledged now, of which this run's are the newest.
        """
        interval = max(self.time - self.first_sent, now - self.delivered_time)
        if interval <= 0:
            return None
        return (delivered - self.delivered) / interval


@dataclass(frozen=True, slots=True)
class Sample:
    """What one acknowledgement says; the congestion controller's food (PROTOCOL 5.6)."""

    now: float
    acked: int  # packets newly acknowledged
    lost: int  # packets declared lost since the last sample
    rate: float | None  # packets a second, None where the interval is too short to measure
    rtt: float
    sent_at: float  # when the newest of the acknowledged packets was sent
    prior_delivered: int  # packets delivered when it was sent
    delivered: int  # packets delivered now
    in_flight: int  # packets
    limited: bool
    smoothed: float  # seconds, the smoothed round trip
    lost_sent_at: float = -math.inf  # when the newest of the lost packets was sent
    marked: int = 0  # of the acknowledged packets, those that came with a congestion mark (ECN)
    spurious: int = 0  # packets declared lost earlier that have arrived after all
