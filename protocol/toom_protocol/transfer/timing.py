"""How long a round trip takes (RFC 9002 5, RFC 6298 2; PROTOCOL 5.5).

Belongs here: smoothing samples and the timeout that follows. Does not: which packets give samples.
"""

from __future__ import annotations

import math
from typing import Final

INITIAL_RTT: Final = 0.1  # seconds; RFC 9002 6.2.2 says 0.333: the offers' repetition needs no more
MIN_VARIATION: Final = 0.002  # seconds in place of kGranularity: a Python loop is that late
MAX_ACK_DELAY: Final = (
    0.025  # seconds; acks aim at 4 ms, a busy audience needs more (RFC 9000 18.2)
)
MAX_TIMEOUT: Final = 2.0  # seconds; within the 15 s of silence that end a transfer, many probes fit


class RoundTrip:
    """Smoothed round-trip time, its variation, its minimum and its latest sample, in seconds."""

    def __init__(self) -> None:
        self.smoothed = INITIAL_RTT
        self.variation = INITIAL_RTT / 2
        self.minimum = math.inf
        self.latest = INITIAL_RTT
        self._sampled = False

    def sample(self, rtt: float, *, ack_delay: float) -> None:
        """Take a sample that was measured from the sending to the acknowledgement.

        Source: RFC 9002 5.3; the variation first, from the *old* smoothed value. More delay than
        the probe timeout has room for is not believed.
        """
        rtt = max(rtt, 1e-6)
        self.latest = rtt
        self.minimum = min(self.minimum, rtt)
        ack_delay = min(ack_delay, MAX_ACK_DELAY)
        if rtt - ack_delay >= self.minimum:
            rtt -= ack_delay
        if not self._sampled:
            self._sampled = True
            self.smoothed, self.variation = rtt, rtt / 2
            return
        self.variation = 3 / 4 * self.variation + 1 / 4 * abs(self.smoothed - rtt)
        self.smoothed = 7 / 8 * self.smoothed + 1 / 8 * rtt

    def forget_minimum(self) -> None:
        """The path may be another one: the next sample is the minimum.

        Source: RFC 9002 5.2, after persistent congestion.
        """
        self.minimum = math.inf

    def probe_timeout(self, backoff: int) -> float:
        """Seconds after the last sending when a probe is due, doubled `backoff` times.

        Source: RFC 9002 6.2.1. The limit is one of doubling: a path that is slower than it is
        waited for.
        """
        timeout = self.smoothed + max(4 * self.variation, MIN_VARIATION) + MAX_ACK_DELAY
        if not backoff:
            return timeout
        return max(min(timeout * 2.0 ** min(backoff, 10), MAX_TIMEOUT), timeout)
