"""Which losses are a path's own, and which are congestion (PROTOCOL 5.6).

Belongs here: the share of packets that is lost at random, and how much more than that is too much.
Does not: what follows from it (rate.py).
"""

from __future__ import annotations

import math
from typing import Final

MAX_RANDOM_LOSS: Final = 0.12  # a share; more is never put down to noise
LOSS_MEMORY: Final = 0.9  # weight of the past per round in the mean of random loss
CONGESTION_LOSS: Final = 0.05  # a share above random loss, with 2 sigma
CONGESTION_PACKETS: Final = 6


class RandomLoss:
    """The share of packets that is lost for no reason of ours, a mean over rounds."""

    def __init__(self) -> None:
        self.share = 0.0
        self._lost = self._sent = 0.0

    def take(self, lost: int, sent: int) -> None:
        """Count a round in which no queue stood."""
        self._lost = max(LOSS_MEMORY * self._lost + lost, 0.0)
        self._sent = LOSS_MEMORY * self._sent + sent
        self.share = min(self._lost / self._sent, MAX_RANDOM_LOSS)

    def is_exceeded(self, lost: int, sent: int) -> bool:
        """Whether a round has lost more than chance explains."""
        sigma = math.sqrt(self.share * (1 - self.share) / sent)
        excess = lost / sent - self.share
        return lost >= CONGESTION_PACKETS and excess > CONGESTION_LOSS + 2 * sigma
