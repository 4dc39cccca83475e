"""Flows of the real recovery and controllers over one bottleneck, in virtual time.

Belongs here: who sends when, the audience's acknowledgements, what came of it. Does not: the path
(bottleneck), frames and bytes: everything is numbers, in runs, so a virtual minute of 100 Mbit/s
takes a second or two. A run is repeated by its seed.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.doubles.bottleneck import Bottleneck, Conditions, Picks
from toom_protocol.transfer.congestion import CONTROLLERS, DEFAULT, MakeControl
from toom_protocol.transfer.frames import Range
from toom_protocol.transfer.pacing import next_send
from toom_protocol.transfer.ranges import PacketRanges
from toom_protocol.transfer.recovery import PERSISTENT_PROBES, Recovery

ACK_EVERY = 16  # packets; these three as the audience's (PROTOCOL 5.4)
ACK_DELAY = 0.004  # seconds
ACK_INTERVAL = 0.001  # seconds
CHECKPOINT = 0.5  # seconds between two notes of what has arrived


@dataclass(frozen=True, slots=True)
class Plan:
    """What one flow is to do."""

    control: str | MakeControl = DEFAULT
    start: float = 0.0
    chunks: int | None = None  # packets of file; None: it never ends
    ack_every: int = ACK_EVERY
    paced: bool = True  # False: as a TCP without pacing, in bursts clocked by acknowledgements


class Simulation:
    """Some flows on one path."""

    def __init__(self, conditions: Conditions, *plans: Plan, seed: int = 0) -> None:
        self.now = 0.0
        self.rng = random.Random(seed)
        self.path = Bottleneck(conditions, self.rng)
        self.lost_acks = Picks(self.rng, conditions.ack_loss)
        self._events: list[tuple[float, int, Callable[..., None], tuple[object, ...]]] = []
        self._order = itertools.count()
        self.flows = [Flow(self, plan, seed + index) for index, plan in enumerate(plans)]
        self.at(CHECKPOINT, self._note)

    def at(self, time: float, call: Callable[..., None], *arguments: object) -> None:
        """Have something done at a time."""
        heapq.heappush(self._events, (time, next(self._order), call, arguments))

    def run(self, until: float = 1e6) -> Simulation:
        """Let time pass until all flows have ended, or until then."""
        events = self._events
        while events and events[0][0] <= until and not self.over:
            self.now, _, call, arguments = heapq.heappop(events)
            call(*arguments)
        if not self.over:
            self.now = until
        return self

    @property
    def over(self) -> bool:
        return all(flow.ended is not None for flow in self.flows)

    def share(self, flow: int, since: float, until: float) -> float:
        """The part of all that arrived between two times that was this flow's."""
        parts = [one.arrived_by(until) - one.arrived_by(since) for one in self.flows]
        return parts[flow] / sum(parts)

    def utilisation(self, since: float = 0.0, until: float | None = None) -> float:
        """What arrived for the first time, as a part of what the path lets through."""
        conditions = self.path.conditions
        until = self.now if until is None else until
        whole = conditions.rate * (1 - conditions.loss) * (until - since)
        return sum(one.arrived_by(until) - one.arrived_by(since) for one in self.flows) / whole

    def _note(self) -> None:
        for flow in self.flows:
            flow.progress.append(flow.arrived)
        self.at(self.now + CHECKPOINT, self._note)


class Flow:
    """One presenter and its audience, without frames."""

    def __init__(self, world: Simulation, plan: Plan, seed: int) -> None:
        self.plan = plan
        self.arrived = 0
        """Chunks that have arrived for the first time."""
        self.progress: list[int] = [0]
        self.sent = 0
        self.ended: float | None = None
        self.on_step: Callable[[Flow], None] | None = None
        self._world = world
        self._seed = seed
        self._total = math.inf if plan.chunks is None else plan.chunks
        self._next_chunk = 0
        self._next_send = plan.start
        self._wake = math.inf
        self._here = bytearray(plan.chunks or 1 << 16)
        self._ranges = PacketRanges()
        self._unacknowledged = self._marked = 0
        self._ack_due = math.inf
        self._acked_time = -math.inf
        self._newest_arrival = 0.0
        self._newest_ack = 0
        self._acks = 0
        world.at(plan.start, self._begin)

    def arrived_by(self, time: float) -> int:
        """Chunks that had arrived by a time that has been noted (CHECKPOINT), or now."""
        index = round(time / CHECKPOINT)
        return self.progress[index] if index < len(self.progress) else self.arrived

    def _begin(self) -> None:
        path, now = self._world.path, self._world.now
        # The offer and its answer have met the queue that is there.
        rtt = path.conditions.rtt + path.backlog(now) / path.conditions.rate
        make = self.plan.control
        make = CONTROLLERS[make] if isinstance(make, str) else make
        self.control = make(initial_rtt=rtt, seed=self._seed)
        self.recovery = Recovery(now=now)
        self.recovery.rtt.sample(rtt, ack_delay=0.0)
        self._send()

    # The presenter.

    def _room(self) -> int:
        at_end = self._next_chunk >= self._total and not self.recovery.retransmit
        if at_end and not self.recovery.can_copy(at=self._next_send):
            return 0
        return self.control.window - self.recovery.in_flight

    def _send(self) -> None:
        now, recovery = self._world.now, self.recovery
        timer = recovery.deadline()
        if timer is not None and timer <= now:
            self._on_timer(now)
        while self._next_send <= now and self._room() > 0:
            self._take_batch(now)
        if self.on_step is not None:
            self.on_step(self)
        timer = recovery.deadline()
        due = self._next_send if self._room() > 0 else math.inf
        due = min(due, math.inf if timer is None else timer)
        if due < self._wake or self._wake <= now:
            self._wake = due
            if due < math.inf:
                self._world.at(due, self._woken, due)

    def _woken(self, due: float) -> None:
        if due == self._wake and self.ended is None:
            self._send()

    def _on_timer(self, now: float) -> None:
        recovery = self.recovery
        probes = recovery.on_timer(now=now)
        for chunk in probes:
            self._transmit(chunk, 1, now, copied=True)
        if probes and recovery.probes >= PERSISTENT_PROBES:
            recovery.give_up_in_flight(now=now)
            self.control.on_persistent()

    def _take_batch(self, now: float) -> None:
        left = count = min(self.control.quantum, self._room())
        retransmit = self.recovery.retransmit
        while left and retransmit:
            chunk, length = retransmit.popleft()
            if length > left:
                retransmit.appendleft((chunk + left, length - left))
                length = left
            self._transmit(chunk, length, now)
            left -= length
        fresh = int(min(left, self._total - self._next_chunk))
        if fresh > 0:
            self._next_chunk += fresh
            self._transmit(self._next_chunk - fresh, fresh, now)
            left -= fresh
        if left == count and self._next_chunk == self._total:
            chunk, length = self.recovery.copy(left, at=self._next_send)
            self._transmit(chunk, length, now, copied=True)
            left -= length
        if self.plan.paced:
            self._next_send = next_send(
                self._next_send,
                now=now,
                count=count - left,
                rate=self.control.pacing_rate,
                smoothed=self.recovery.rtt.smoothed,
            )

    def _transmit(self, chunk: int, count: int, now: float, *, copied: bool = False) -> None:
        number, world = self.sent, self._world
        self.sent += count
        limited = not self.recovery.retransmit and self._next_chunk >= self._total
        self.recovery.on_sent(number, chunk, count, now=now, limited=limited, copied=copied)
        for piece in world.path.carry(now, count):
            start, end = piece.start, piece.end
            arguments = (number + start, chunk + start, end - start, piece.marked)
            world.at(piece.time, self._arrive, *arguments)

    def _hear(self, order: int, ranges: tuple[Range, ...], delay: float, marked: int) -> None:
        if order < self._newest_ack or self.ended is not None:
            return
        self._newest_ack = order
        sample = self.recovery.on_ack(ranges, delay, now=self._world.now, marked=marked)
        if sample is not None:
            self.control.on_ack(sample)
        self._send()

    # The audience.

    def _arrive(self, number: int, chunk: int, count: int, marked: int) -> None:
        now = self._world.now
        while chunk + count > len(self._here):
            self._here += bytes(len(self._here))
        new = self._here.count(0, chunk, chunk + count)
        if new:
            self._here[chunk : chunk + count] = b"\1" * count
            self.arrived += new
            if self.arrived == self._total:
                self.ended = now
        expected = self._ranges.end
        if number >= expected:
            self._newest_arrival = now
        self._ranges.add(number, number + count)
        self._marked += marked
        self._unacknowledged += count
        if number != expected:
            due = max(now, self._acked_time + ACK_INTERVAL)
        else:
            due = now if self._unacknowledged >= self.plan.ack_every else now + ACK_DELAY
        if due <= now:
            self._acknowledge()
        elif due < self._ack_due:
            self._ack_due = due
            self._world.at(due, self._ack_time, due)

    def _ack_time(self, due: float) -> None:
        if due == self._ack_due:
            self._acknowledge()

    def _acknowledge(self) -> None:
        world = self._world
        self._ack_due, self._acked_time, self._unacknowledged = math.inf, world.now, 0
        self._acks += 1
        if world.lost_acks.spans(1):
            return
        delay = world.now - self._newest_arrival
        ranges = self._ranges.newest_first()
        arrival = world.now + world.path.conditions.rtt / 2
        world.at(arrival, self._hear, self._acks, ranges, delay, self._marked)
