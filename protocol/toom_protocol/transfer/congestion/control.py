"""What every congestion controller says and hears (PROTOCOL 5.6)."""

from __future__ import annotations

import math
from typing import Final, Protocol

from toom_protocol.transfer.samples import Sample

MIN_WINDOW: Final = 4  # packets; RFC 9002 7.2 says 2, and 4 keep acknowledgements coming
MAX_QUANTUM: Final = 45  # packets sent at one time; what one segmentation-offload call would take
MIN_QUANTUM: Final = 2
QUANTUM_TIME: Final = 0.001  # seconds of the pacing rate: what a timer can resolve
PACING_GAIN: Final = 1.25  # times window / round trip; RFC 9002 7.7: so the window can be filled
MARK_CUT: Final = 0.85  # of the window at a congestion mark; RFC 8511 3.1


class CongestionControl(Protocol):
    """Says how fast packets may leave and how many may be out; hears what became of them."""

    @property
    def pacing_rate(self) -> float:
        """Packets a second."""

    @property
    def window(self) -> int:
        """The most packets in flight."""

    @property
    def quantum(self) -> int:
        """The most packets to send at one time."""

    @property
    def pipe(self) -> float:
        """Packets that the path itself holds (bandwidth times delay); 0 while unknown."""

    def on_ack(self, sample: Sample) -> None:
        """Hear of an acknowledgement: what arrived, came marked, is lost, was not lost at all."""

    def on_persistent(self) -> None:
        """Hear that nothing has come back for three probes: the model is void."""


class MakeControl(Protocol):
    """Makes a controller for one transfer."""

    def __call__(self, *, initial_rtt: float, seed: int = 0) -> CongestionControl:
        """Begin.

        Args:
            initial_rtt: seconds, the round trip of the handshake.
            seed: gives each transfer its own rhythm, where the controller has one.
        """


def quantum_of(rate: float) -> int:
    """Packets to send at one time at `rate` packets a second (RFC 9002 7.7, bursts)."""
    return min(max(int(rate * QUANTUM_TIME), MIN_QUANTUM), MAX_QUANTUM)


class Rounds:
    """Counts round trips: one ends when what was sent after the last had ended is acknowledged."""

    def __init__(self) -> None:
        self.count = 0
        self.shortest = math.inf
        """The smallest round-trip time of the present round, in seconds."""
        self.samples = 0
        """Acknowledgements in the present round."""
        self._end = 0

    def take(self, sample: Sample) -> bool:
        """Count an acknowledgement; whether a round ends with it.

        The caller looks at the round that ends first and calls `start` then.
        """
        self.shortest = min(self.shortest, sample.rtt)
        self.samples += 1
        return sample.prior_delivered >= self._end

    def start(self, sample: Sample) -> None:
        """Begin the next round."""
        self.count += 1
        self.shortest, self.samples = math.inf, 0
        self._end = sample.delivered
