"""Slow start that ends before it loses packets: HyStart++ (PROTOCOL 5.6).

Source: RFC 9406 4.2 (algorithm) and 4.3 (constants). With pacing its limit L is infinite.
"""

from __future__ import annotations

import math
from typing import Final

from toom_protocol.transfer.congestion.control import Rounds
from toom_protocol.transfer.samples import Sample

MIN_RTT_THRESHOLD: Final = 0.004  # seconds
MAX_RTT_THRESHOLD: Final = 0.016  # seconds
RTT_DIVISOR: Final = 8
RTT_SAMPLES: Final = 8  # acknowledgements in a round before its shortest one means something
GROWTH_DIVISOR: Final = 4  # in conservative slow start
CONSERVATIVE_ROUNDS: Final = 5


class SlowStart:
    """Tells by the delay of two rounds when a queue begins to build."""

    def __init__(self) -> None:
        self.over = False
        """Whether the caller should go on with congestion avoidance."""
        self._rounds = Rounds()
        self._last_shortest = math.inf
        self._baseline = math.inf
        self._conservative: int | None = None  # rounds so far in conservative slow start

    @property
    def growth(self) -> float:
        """Packets by which the window grows for each one acknowledged."""
        return 1.0 if self._conservative is None else 1 / GROWTH_DIVISOR

    def on_ack(self, sample: Sample) -> None:
        """Look at the delay."""
        rounds = self._rounds
        ended = rounds.take(sample)
        if rounds.samples >= RTT_SAMPLES:
            self._judge(rounds.shortest)
        if not ended:
            return
        self._last_shortest = rounds.shortest
        rounds.start(sample)
        if self._conservative is not None:
            self._conservative += 1
            self.over = self._conservative >= CONSERVATIVE_ROUNDS

    def _judge(self, shortest: float) -> None:
        last = self._last_shortest
        if self._conservative is not None:
            if shortest < self._baseline:  # it was no queue
                self._conservative = None
        elif math.isfinite(last):
            threshold = max(MIN_RTT_THRESHOLD, min(last / RTT_DIVISOR, MAX_RTT_THRESHOLD))
            if shortest >= last + threshold:
                self._baseline = shortest
                self._conservative = 0
