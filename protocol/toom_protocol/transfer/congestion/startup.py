"""How the rate of an unknown path is found in a few round trips (PROTOCOL 5.6).

Belongs here: the window while nothing is known, and when that is over. Does not: what the path's
rate is (rate.py), the slow start of TCP (slowstart.py).

Source: draft-ietf-ccwg-bbr 5.3.1 (when the rate grows no more); the window is our own.
"""

from __future__ import annotations

from typing import Final

from toom_protocol.transfer.congestion.control import MIN_WINDOW
from toom_protocol.transfer.samples import Sample

INITIAL_WINDOW: Final = 64  # packets; RFC 6928 says 10, spread over a quarter of a round trip here
BLIND_WINDOW: Final = 384  # packets; up to it startup's window grows fourfold a round, then doubles
BLIND_GAIN: Final = 4
TRAIN_SLOWER: Final = 0.5  # of its pace at the start; so slowly arrives what met the bottleneck
STARTUP_WINDOW: Final = 2.0  # pipes in startup; a larger one loses that much more at its end
GROWTH: Final = 1.25  # a round in which the rate grows less is a plateau
PLATEAU_ROUNDS: Final = 3


class Startup:
    """Widens a window round by round until the rate grows no more."""

    def __init__(self) -> None:
        self.window = float(INITIAL_WINDOW)
        self.plateau = 0
        """Rounds in a row in which the rate has hardly grown."""
        self._full_rate = 0.0
        self._blind = float(BLIND_WINDOW)
        self._train: tuple[float, int] | None = None  # the first acknowledgement: time, delivered

    @property
    def is_over(self) -> bool:
        return self.plateau >= PLATEAU_ROUNDS

    def end(self) -> None:
        """Seek no more: a round has shown congestion."""
        self.plateau = PLATEAU_ROUNDS

    def begin_again(self) -> None:
        """What was found is void, and the path may be a bad one."""
        self.window = float(MIN_WINDOW)
        self._full_rate, self.plateau = 0.0, 0

    def end_round(self, bandwidth: float) -> None:
        """Look whether the rate still grows."""
        if bandwidth >= self._full_rate * GROWTH:
            self._full_rate, self.plateau = bandwidth, 0
        else:
            self.plateau += 1

    def grow(self, sample: Sample, pace: float, min_rtt: float, most: float) -> None:
        """Widen the window: fast while nothing is known, then to two pipes at most.

        The first packets leave as a train. One that arrives more slowly has met the bottleneck:
        what the path holds is known a round trip before the first sample of its rate.

        Args:
            pace: packets a second, that of the first train.
            min_rtt: seconds, the smallest round trip.
            most: packets, two pipes as they are known by now.
        """
        if not sample.prior_delivered:  # of the first flight
            if self._train is None:
                self._train = sample.now, sample.delivered
            elif sample.now > self._train[0]:
                rate = (sample.delivered - self._train[1]) / (sample.now - self._train[0])
                self._blind = BLIND_WINDOW
                if rate < TRAIN_SLOWER * pace:
                    self._blind = STARTUP_WINDOW * rate * min_rtt
        window, acked, blind = self.window, sample.acked, self._blind
        grown = max(window + acked, min(window + (BLIND_GAIN - 1) * acked, blind))
        self.window = max(window, min(grown, max(blind, most)))
