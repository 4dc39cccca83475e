"""A seeded path with one bottleneck, in virtual time, for packets in runs.

Belongs here: what a path does to a run of packets: police, queue, drop, mark, serve, lose, delay,
reorder, duplicate. All packets have one size, so a queue of N packets is one of N × size bytes.
A run costs a constant time, however long it is; only what happens to single packets splits it.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a path is like; probabilities are per packet, times in seconds, rates in packets/s."""

    rate: float
    rtt: float  # there and back, without a queue
    queue: float  # packets that may wait; more are dropped at the tail
    loss: float = 0.0  # behind the queue
    burst: float | None = None  # mean length of a run of losses (Gilbert-Elliott); None: singly
    reorder: float = 0.0  # … arrive `late` seconds later
    late: float = 0.0
    duplicate: float = 0.0  # … arrive once more at once
    jitter: float = 0.0  # each run's further delay, even between 0 and this; order is kept
    ack_loss: float = 0.0  # of the acknowledgements
    police: tuple[float, float] | None = None  # a token bucket in front: rate, packets it holds
    mark: float | None = None  # packets in the queue from which on all are marked (ECN)
    changes: tuple[tuple[float, float], ...] = ()  # (time, rate from then on), ascending

    @property
    def pipe(self) -> float:
        """Packets on the way when the link is just filled."""
        return self.rate * self.rtt


@dataclass(frozen=True, slots=True)
class Arrival:
    """Packets `start … end - 1` of a run, which arrive together, at the time of the last."""

    time: float
    start: int
    end: int
    marked: int


class Picks:
    """Picks a share of the packets, in runs of a mean length, at no cost for those not picked.

    Source: the model of Gilbert and Elliott, in which every packet of the bad state is lost. With
    the mean length left out each packet is picked by itself.
    """

    def __init__(self, rng: random.Random, share: float, length: float | None = None) -> None:
        self._rng = rng
        length = 1 / (1 - share) if length is None else length
        self._ends = 1 / length
        self._begins = share / (1 - share) * self._ends
        self._picking = False
        self._left = self._geometric(self._begins)

    def spans(self, count: int) -> list[tuple[int, int]]:
        """The picked ones of the next `count`, as ranges."""
        spans, position = [], 0
        while position < count:
            step = int(min(self._left, count - position))
            if self._picking:
                spans.append((position, position + step))
            position += step
            self._left -= step
            if not self._left:
                self._picking = not self._picking
                self._left = self._geometric(self._ends if self._picking else self._begins)
        return spans

    def _geometric(self, probability: float) -> float:
        """Packets until it happens, at least 1."""
        if probability < 1e-12:  # less than once in any run
            return math.inf
        if probability >= 1:
            return 1.0
        return 1.0 + int(math.log(1 - self._rng.random()) / math.log1p(-probability))


class Service:
    """How many packets the link can have sent by when, with a rate that changes."""

    def __init__(self, rate: float, changes: tuple[tuple[float, float], ...]) -> None:
        self._steps = [(0.0, 0.0, rate)]  # (time, packets by then, rate from then on)
        for time, changed in changes:
            self._steps.append((time, self.by(time), changed))

    def by(self, time: float) -> float:
        start, packets, rate = next(s for s in reversed(self._steps) if s[0] <= time)
        return packets + (time - start) * rate

    def when(self, packets: float) -> float:
        start, before, rate = next(s for s in reversed(self._steps) if s[1] <= packets)
        return start + (packets - before) / rate


class Bottleneck:
    """What all flows share."""

    def __init__(self, conditions: Conditions, rng: random.Random) -> None:
        self.conditions = conditions
        self.sent = self.lost = self.overflowed = self.policed = self.marked = 0
        self.queue_seen = 0.0  # packets that each packet found before it, summed
        self._rng = rng
        self._service = Service(conditions.rate, conditions.changes)
        self._free = 0.0  # the packet that the link sends next, counted as the service counts
        self._losses = Picks(rng, conditions.loss, conditions.burst)
        self._reordered = Picks(rng, conditions.reorder)
        self._duplicated = Picks(rng, conditions.duplicate)
        self._newest_arrival = 0.0
        self._tokens = conditions.police[1] if conditions.police else 0.0
        self._tokens_time = 0.0

    @property
    def mean_queue(self) -> float:
        """Packets."""
        return self.queue_seen / max(self.sent - self.overflowed - self.policed, 1)

    def backlog(self, now: float) -> float:
        """Packets in the queue."""
        return max(self._free - self._service.by(now), 0.0)

    def carry(self, now: float, count: int) -> list[Arrival]:
        """Send `count` packets in a row; what arrives of them, and when."""
        self.sent += count
        passed = self._police(now, count)
        backlog = self.backlog(now)
        taken = min(passed, max(int(self.conditions.queue - backlog), 0))
        self.overflowed += passed - taken
        if not taken:
            return []
        self.queue_seen += taken * (backlog + (taken - 1) / 2)
        start = max(self._free, self._service.by(now))
        self._free = start + taken
        mark = math.inf if self.conditions.mark is None else self.conditions.mark - backlog
        return [
            self._arrival(start, mark, low, high, late)
            for low, high, late in self._fate(taken)
        ]  # fmt: skip

    def _police(self, now: float, count: int) -> int:
        if self.conditions.police is None:
            return count
        rate, bucket = self.conditions.police
        self._tokens = min(bucket, self._tokens + (now - self._tokens_time) * rate)
        self._tokens_time = now
        passed = min(count, int(self._tokens))
        self._tokens -= passed
        self.policed += count - passed
        return passed

    def _fate(self, count: int) -> list[tuple[int, int, float]]:
        """The pieces of a run that arrive: start, end, how late."""
        pieces, position = [], 0
        for low, high in self._losses.spans(count):
            self.lost += high - low
            if low > position:
                pieces.append((position, low, 0.0))
            position = high
        if position < count:
            pieces.append((position, count, 0.0))
        conditions = self.conditions
        if conditions.reorder:
            pieces = [part for piece in pieces for part in self._delay(piece)]
        if conditions.duplicate:
            again = [
                (low + start, low + end, late)
                for low, high, late in pieces
                for start, end in self._duplicated.spans(high - low)
            ]
            pieces += again
        return pieces

    def _delay(self, piece: tuple[int, int, float]) -> list[tuple[int, int, float]]:
        start, end, _ = piece
        parts, position = [], start
        for low, high in self._reordered.spans(end - start):
            if start + low > position:
                parts.append((position, start + low, 0.0))
            parts.append((start + low, start + high, self.conditions.late))
            position = start + high
        if position < end:
            parts.append((position, end, 0.0))
        return parts

    def _arrival(self, start: float, mark: float, low: int, high: int, late: float) -> Arrival:
        conditions = self.conditions
        time = self._service.when(start + high) + conditions.rtt / 2
        if conditions.jitter:
            time = max(time + self._rng.random() * conditions.jitter, self._newest_arrival)
            self._newest_arrival = time
        marked = 0 if mark >= high else int(high - max(low, math.ceil(mark)))
        self.marked += marked
        return Arrival(time + late, low, high, marked)
