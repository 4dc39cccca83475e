"""A seeded link in virtual time, and a pair of real engines on it.

The link delays, loses, reorders, duplicates, damages, and has a rate with a drop-tail queue in
front. A failure is repeated by its seed. Nothing here knows what a datagram means.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from toom_protocol.errors import MalformedPacket
from toom_protocol.transfer import events
from toom_protocol.transfer.audience import Audience
from toom_protocol.transfer.congestion import RateBased
from toom_protocol.transfer.frames import LEAF_SIZE, Offer
from toom_protocol.transfer.packets import (
    BATCH,
    LARGEST_CHUNK,
    DataRun,
    PacketType,
    chunks_in,
    decode_header,
)
from toom_protocol.transfer.patience import Control
from toom_protocol.transfer.presenter import Presenter
from toom_protocol.transfer.sealing import ControlSeal, DataOpener, DataSealer
from toom_protocol.transfer.tree import Blocks


@dataclass(frozen=True, slots=True)
class Faults:
    """What a link does to packets; probabilities are per packet, times in seconds."""

    delay: float = 0.005  # one way
    loss: float = 0.0
    reorder: float = 0.0  # … arrive `late` seconds later
    late: float = 0.003
    duplicate: float = 0.0
    corrupt: float = 0.0
    burst: float = 0.0  # … begin a time in which nothing passes
    burst_time: float = 0.05
    rate: float | None = None  # packets a second; None: unlimited
    queue: int = 400  # packets that may wait for the rate


class Link:
    """One direction."""

    def __init__(self, faults: Faults, rng: random.Random) -> None:
        self.faults = faults
        self.sent = self.lost = self.overflowed = 0
        self.cut = False  # nothing passes any more
        self.queue_time = 0.0  # summed over packets: for the mean queue
        self._rng = rng
        self._free = 0.0  # when the rate lets the next packet leave
        self._burst_until = 0.0

    def arrivals(self, now: float) -> list[float]:
        """When a packet that is sent now arrives: not at all, once or twice."""
        faults, chance = self.faults, self._rng.random
        self.sent += 1
        if self.cut:
            return []
        leaves = now
        if faults.rate is not None:
            waiting = max(self._free - now, 0.0)
            if waiting * faults.rate > faults.queue:
                self.overflowed += 1
                return []
            self.queue_time += waiting
            leaves = self._free = max(self._free, now) + 1 / faults.rate
        if faults.loss and chance() < faults.loss:  # behind the queue: it has used up the rate
            self.lost += 1
            return []
        if leaves < self._burst_until or (faults.burst and chance() < faults.burst):
            if leaves >= self._burst_until:
                self._burst_until = leaves + faults.burst_time
            self.lost += 1
            return []
        time = leaves + faults.delay
        if faults.reorder and chance() < faults.reorder:
            time += faults.late
        if faults.duplicate and chance() < faults.duplicate:
            return [time, time + faults.late / 3]
        return [time]

    def damage(self, datagram: bytes) -> bytes:
        """Now and then, flip a bit."""
        if not self.faults.corrupt or self._rng.random() >= self.faults.corrupt:
            return datagram
        position = self._rng.randrange(len(datagram))
        flipped = bytearray(datagram)
        flipped[position] ^= 1 << self._rng.randrange(8)
        return bytes(flipped)


class Network:
    """Two links and what is under way on them, on one virtual clock."""

    def __init__(self, seed: int, forward: Faults, back: Faults) -> None:
        rng = random.Random(seed)
        self.now = 0.0
        self.forward = Link(forward, rng)
        self.back = Link(back, rng)
        self._under_way: list[tuple[float, int, Callable[[Any], None], Any]] = []
        self._order = itertools.count()

    def carry(self, link: Link, item: Any, deliver: Callable[[Any], None]) -> None:
        for time in link.arrivals(self.now):
            heapq.heappush(self._under_way, (time, next(self._order), deliver, item))

    def clear(self) -> None:
        """Forget what is under way."""
        self._under_way.clear()

    def put(self, item: Any, deliver: Callable[[Any], None], *, after: float) -> None:
        """Bring something in that no link has carried."""
        heapq.heappush(self._under_way, (self.now + after, next(self._order), deliver, item))

    def next_arrival(self) -> float | None:
        return self._under_way[0][0] if self._under_way else None

    def deliver_due(self) -> None:
        while self._under_way and self._under_way[0][0] <= self.now:
            _, _, deliver, item = heapq.heappop(self._under_way)
            deliver(item)


def leaf_of_block(block: int) -> bytes:
    """What a presenter of numbers says of a block."""
    return (block + 1).to_bytes(LEAF_SIZE, "big")


@dataclass
class Pair:
    """A real presenter and a real audience that exchange numbers, not bytes.

    The content of a chunk is its own number, so "byte-identical" is: every chunk is written
    exactly once, or once more for each time that its block was spoilt, and the digest over them in
    order agrees.
    """

    size: int
    seed: int
    forward: Faults = field(default_factory=Faults)
    back: Faults | None = None
    filename: str = "lecture1.mp4"
    receive_buffer: int = 8 << 20
    digest: bytes = b"d" * 32
    digest_found: bytes | None = None
    shell_answers: bool = True  # False: the audience's disk takes for ever
    on_step: Callable[[Any], None] | None = None
    spoilt: dict[int, int] = field(default_factory=dict)
    """Blocks that come out wrong at the audience, and how often yet."""

    def __post_init__(self) -> None:
        back = self.back if self.back is not None else self.forward
        self.network = Network(self.seed, self.forward, back)
        self.control = RateBased(initial_rtt=1.0)  # until the first answer
        self.presenter = Presenter(
            Offer(self.size, self.filename), now=0.0, congestion=self._make_control
        )
        self.audience = Audience(now=0.0)
        self.audience.receive_buffer = self.receive_buffer
        self.written = bytearray(chunks_in(self.size, LARGEST_CHUNK))
        self.presenter_events: list[Any] = []
        self.audience_events: list[Any] = []
        self.ended_at: dict[str, float] = {}
        self.presenter_lives = self.audience_lives = True
        self._hashed = 0  # blocks
        self._digested = False
        self._blocks = Blocks(len(self.written))

    def _make_control(self, *, initial_rtt: float, seed: int = 0) -> RateBased:
        self.control = RateBased(initial_rtt=initial_rtt, seed=seed)
        return self.control

    @property
    def now(self) -> float:
        return self.network.now

    def run(self, until: float = 1e9) -> Self:
        """Let time pass until both ends are done with each other, or until then."""
        while not self._over() and self.now < until:
            if self.on_step is not None:
                self.on_step(self)
            self._serve_presenter()
            self._serve_audience()
            times = [until]
            if self.presenter_lives and not self.presenter.over(now=self.now):
                times.append(self.presenter.deadline())
            if self.audience_lives and not self.audience.over(now=self.now):
                times.append(self.audience.deadline())
            arrival = self.network.next_arrival()
            if arrival is not None:
                times.append(arrival)
            self.network.now = max(self.now, min(times))
            self.network.deliver_due()
        return self

    def _over(self) -> bool:
        now = self.now
        return (not self.presenter_lives or self.presenter.over(now=now)) and (
            not self.audience_lives or self.audience.over(now=now)
        )

    def _serve_presenter(self) -> None:
        now, network = self.now, self.network
        while self.presenter_lives and not self.presenter.over(now=now):
            self._hash()
            if not self._digested and self.presenter.sending.next_chunk == len(self.written):
                self._digested = True
                self.presenter.digested(self.digest, now=now)
            if self.presenter.deadline() > now:
                break
            for item in self.presenter.poll(now=now):
                if isinstance(item, DataRun):
                    self.carry_data(item)
                else:
                    self.carry_control(item, network.forward, self._control_reaches_audience)
        while (event := self.presenter.next_event()) is not None:
            self.presenter_events.append(event)
            self.ended_at["presenter"] = now

    def _hash(self) -> None:
        """Do what the presenter's shell does when it has read a block."""
        end, total = self.presenter.sending.next_chunk, len(self.written)
        while min((self._hashed + 1) * BATCH, total) <= end and self._hashed * BATCH < total:
            self.presenter.hashed(leaf_of_block(self._hashed), now=self.now)
            self._hashed += 1

    def _serve_audience(self) -> None:
        now, network = self.now, self.network
        self._act()
        while self.audience_lives and not self.audience.over(now=now):
            if self.audience.deadline() > now:
                break
            for item in self.audience.poll(now=now):
                self.carry_control(item, network.back, self._control_reaches_presenter)
            self._act()

    def _act(self) -> None:
        """Do what the audience's shell does about events."""
        while (event := self.audience.next_event()) is not None:
            self.audience_events.append(event)
            if not self.shell_answers:
                continue
            match event:
                case events.Offered():
                    self.audience.accept(LARGEST_CHUNK, now=self.now)
                case events.Whole():
                    found = self.digest if self.digest_found is None else self.digest_found
                    self.audience.digested(found, now=self.now)
                case events.Verified():
                    self.audience.stored(now=self.now)
                case events.Damaged():
                    pass
                case _:
                    self.ended_at["audience"] = self.now

    def carry_data(self, run: DataRun) -> None:
        for index in range(run.count):
            packet = (run.packet_number + index, run.chunk + index)
            self.network.carry(self.network.forward, packet, self._data_arrives)

    def carry_control(self, item: Control, link: Link, deliver: Callable[[Control], None]) -> None:
        self.network.carry(link, item, deliver)

    def _data_arrives(self, packet: tuple[int, int]) -> None:
        number, chunk = packet
        self.take(number, chunk)

    def take(self, number: int, chunk: int, *, marked: bool = False) -> bool:
        """Give the audience one data packet; whether its chunk is to be written."""
        if not self.audience_lives:
            return False
        pieces = self.audience.receive_run(number, chunk, 1, now=self.now, marked=marked)
        self.note(pieces)
        return bool(pieces)

    def note(self, pieces: list[tuple[int, int]]) -> None:
        """Do what the audience's shell does with chunks that are new."""
        for start, count in pieces:
            for piece in range(start, start + count):
                self.written[piece] += 1
            for block in self._blocks.add(start, count):
                self.audience.hashed(block, self._leaf_found(block), now=self.now)

    def _leaf_found(self, block: int) -> bytes:
        if not self.spoilt.get(block):
            return leaf_of_block(block)
        self.spoilt[block] -= 1
        return bytes(LEAF_SIZE)

    def _control_reaches_audience(self, item: Control) -> None:
        if not self.audience_lives:
            return
        match item.frames:
            case (Offer() as offer,):
                self.audience.greet(item.packet_number, offer, now=self.now)
            case frames:
                self.audience.receive(item.packet_number, frames, now=self.now)

    def _control_reaches_presenter(self, item: Control) -> None:
        if self.presenter_lives:
            self.presenter.receive(item.packet_number, item.frames, now=self.now)


class BytePair(Pair):
    """The same with the codec between: sealed datagrams, damaged by the link, and a real file."""

    def __init__(self, content: bytes, seed: int, forward: Faults, key: bytes = b"k" * 32) -> None:
        self.content = content
        self.arrived = bytearray(len(content))
        self.damaged = 0
        numbers = {"connection": 9, "chunk_size": LARGEST_CHUNK}
        self.sealer = DataSealer(key, **numbers)
        self.opener = DataOpener(key, size=len(content), **numbers)
        self.presenter_seal = ControlSeal(key, connection=9, speaker=PacketType.PRESENTER_CONTROL)
        self.audience_seal = ControlSeal(
            key[::-1], connection=9, speaker=PacketType.AUDIENCE_CONTROL
        )
        super().__init__(len(content), seed, forward, digest=hashlib.sha256(content).digest())

    @property
    def dropped(self) -> int:
        """Datagrams that were not genuine."""
        return self.damaged + self.opener.dropped

    def carry_data(self, run: DataRun) -> None:
        start, end = run.chunk * LARGEST_CHUNK, (run.chunk + run.count) * LARGEST_CHUNK
        content = self.content[start:end]
        self.sealer.content[: len(content)] = content
        wire = self.sealer.seal(run.packet_number, run.chunk, len(content))
        step = self.sealer.datagram_size
        for at in range(0, len(wire), step):
            self._carry(self.network.forward, bytes(wire[at : at + step]), self._datagram_arrives)

    def carry_control(self, item: Control, link: Link, deliver: Callable[[Control], None]) -> None:
        forward = link is self.network.forward
        seal = self.presenter_seal if forward else self.audience_seal

        def open_and_deliver(datagram: bytes) -> None:
            try:
                kind, _, number, _ = decode_header(datagram)
                frames = seal.unseal(datagram)
            except MalformedPacket:
                self.damaged += 1
            else:
                deliver(Control(kind, number, frames))

        self._carry(link, seal.seal(item.packet_number, item.frames), open_and_deliver)

    def _carry(self, link: Link, datagram: bytes, deliver: Callable[[bytes], None]) -> None:
        self.network.carry(link, link.damage(datagram), deliver)

    def _datagram_arrives(self, datagram: bytes) -> None:
        buffer = memoryview(bytearray(datagram))
        for run in self.opener.unseal(buffer, 0, len(buffer), len(buffer)):
            if self.take(run.packet_number, run.chunk):
                at = run.chunk * LARGEST_CHUNK
                self.arrived[at : at + run.end] = self.opener.content[: run.end]
