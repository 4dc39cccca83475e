"""What a link is to do to packets. Values; what they come to is in engine.c.

A way takes each packet through a queue of `queue` bytes with drop-tail, sends it at `rate`, and
loses it on the wire or delivers it `delay` later. Sizes are those of IP packets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Self

MTU: Final = 1500  # bytes of the largest packet
NANOSECONDS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Bursts:
    """Losses that come together (Gilbert and Elliott).

    Attributes:
        enter: chance, for each packet, that a burst begins with it.
        leave: chance, for each packet of a burst, that it is none any more.
        loss: share of the packets that are lost within a burst.
    """

    enter: float
    leave: float
    loss: float = 1.0

    @classmethod
    def of(cls, loss: float, length: float) -> Self:
        """Bursts in which everything is lost.

        Args:
            loss: share of all packets.
            length: packets of a burst, on average; at least 1.
        """
        leave = 1 / length
        return cls(loss * leave / (1 - loss), leave)


@dataclass(frozen=True, slots=True)
class Way:
    """One way of a link.

    Attributes:
        rate: bits a second; 0: no limit, and no queue then.
        delay: seconds.
        queue: bytes, at least one packet where there is a rate.
        loss: share of packets that are lost, each for itself.
    """

    rate: int = 0
    delay: float = 0.0
    queue: int = 0
    loss: float = 0.0
    bursts: Bursts | None = None

    def __post_init__(self) -> None:
        if self.rate and self.queue < MTU:
            raise ValueError(f"a queue of {self.queue} bytes takes no packet of {MTU}")
        if self.rate < 0 or self.delay < 0 or not 0 <= self.loss < 1:
            raise ValueError(f"no way does this to packets: {self}")

    @property
    def lost(self) -> float:
        """Share of the packets that are lost on the wire, in the long run."""
        if self.bursts is None:
            return self.loss
        in_burst = self.bursts.enter / (self.bursts.enter + self.bursts.leave)
        return in_burst * self.bursts.loss + (1 - in_burst) * self.loss

    def words(self, seed: int) -> list[str]:
        """As emulator.c reads it (struct way_settings)."""
        bursts = self.bursts or Bursts(0.0, 1.0)
        numbers = (
            *(self.rate, round(self.delay * NANOSECONDS), self.queue, self.loss),
            *(bursts.enter, bursts.leave, bursts.loss, seed),
        )
        return [str(number) for number in numbers]


@dataclass(frozen=True, slots=True)
class Link:
    """Both ways of a link, and the seed of its chances."""

    there: Way = field(default_factory=Way)
    back: Way = field(default_factory=Way)
    seed: int = 0

    @classmethod
    def of(
        cls,
        rate: int,
        rtt: float,
        *,
        loss: float = 0.0,
        bursts: Bursts | None = None,
        queue: float = 1.0,
        seed: int = 0,
    ) -> Self:
        """The same both ways.

        Args:
            rate: bits a second.
            rtt: seconds there and back, without a queue.
            loss: share of packets, on each way.
            queue: as a multiple of rate times rtt.
        """
        size = max(MTU, round(queue * rate / 8 * rtt))
        way = Way(rate, rtt / 2, size, loss, bursts)
        return cls(way, way, seed)

    @property
    def rtt(self) -> float:
        """Seconds there and back, without a queue and for a small packet."""
        return self.there.delay + self.back.delay

    def words(self) -> list[str]:
        """As emulator.c reads it; the two ways have chances of their own."""
        return [*self.there.words(2 * self.seed), *self.back.words(2 * self.seed + 1)]
