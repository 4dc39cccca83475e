"""The sending end of one transfer as an engine (PROTOCOL 5.3 to 5.7).

Belongs here: every decision of the presenter. Does not: the file's bytes, tags, sockets, clocks.
The shell feeds `receive`, sends what `poll` returns, calls `digested` when it has read the last
chunk, and comes back at `deadline`.
"""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass
from typing import Final

from toom_protocol.transfer.congestion import (
    CONTROLLERS,
    DEFAULT,
    CongestionControl,
    MakeControl,
)
from toom_protocol.transfer.frames import (
    Abort,
    Accept,
    Ack,
    Done,
    End,
    Fin,
    Frame,
    Offer,
    Ping,
    Refuse,
    Skip,
    Skipped,
)
from toom_protocol.transfer.pacing import next_send
from toom_protocol.transfer.packets import (
    BATCH,
    CHUNK_SIZES,
    LARGEST_DATAGRAM,
    MAX_NUMBER,
    DataRun,
    PacketType,
    chunks_in,
)
from toom_protocol.transfer.path_mtu import BlackHole
from toom_protocol.transfer.paths import NOWHERE, Address, Paths
from toom_protocol.transfer.patience import (
    KEEP_ALIVE,
    LINGER,
    LINGER_AFTER_END,
    LINGER_TO_THE_DEAD,
    SILENCE,
    Control,
    Farewell,
    LastWord,
    Repeat,
)
from toom_protocol.transfer.reasons import Reason
from toom_protocol.transfer.recovery import PERSISTENT_PROBES, Recovery
from toom_protocol.transfer.timing import INITIAL_RTT

# The kernel charges a datagram with about twice its size of its receive buffer (PROTOCOL 5.6).
BUFFER_PER_PACKET: Final = 2 * LARGEST_DATAGRAM  # bytes


class Phase(enum.Enum):
    """Where the presenter stands."""

    OFFERING = enum.auto()
    RESUMING = enum.auto()
    SENDING = enum.auto()
    ENDED = enum.auto()


@dataclass(frozen=True, slots=True)
class Resumable:
    """The audience has the first blocks of an earlier try: the shell calls `resume`."""

    blocks: int
    digest: bytes  # over their leaves


@dataclass(frozen=True, slots=True)
class Delivered:
    """The audience has verified and renamed the file."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The transfer is over without the file."""

    reason: Reason


Event = Resumable | Delivered | Failed


class Presenter:
    """Offers one file, sends its chunks until all have arrived, and learns how it ended."""

    def __init__(
        self,
        offer: Offer,
        *,
        now: float,
        congestion: MakeControl = CONTROLLERS[DEFAULT],
        paths: Paths | None = None,
        seed: int = 0,
        first_packet_number: int = 0,
    ) -> None:
        """Begin to offer.

        Args:
            now: seconds, the clock of all later calls.
            congestion: makes the controller, when the first round trip is known.
            paths: where the audience is; None: it has no address, and never moves.
            seed: gives each transfer its own rhythm of probing.
            first_packet_number: where the numbers of this direction begin.
        """
        self.phase = Phase.OFFERING
        self.paths = paths or Paths(draw=bytes)
        self.recovery = Recovery(now=now)
        self.next_chunk = 0
        """The first chunk that was never sent; chunks are first sent in order."""
        self.chunk_size = 0
        """Bytes of the file in a chunk; 0 until the audience has accepted."""
        self.halving = False
        """Whether chunks are to be sent in two halves: the path takes no full datagrams."""
        self._hole = BlackHole()
        self._offer = offer
        self._total = 0
        self._make_congestion, self._seed = congestion, seed
        self._congestion = congestion(initial_rtt=INITIAL_RTT, seed=seed)
        self._events: deque[Event] = deque()
        self._packet_number = first_packet_number
        self._newest_control = -1
        self._credit = 0
        self._buffer_share = 0
        self._heard = now
        self._spoke = now
        self._next_send = now
        self._offers: dict[int, float] = {}
        self._offer_repeat = Repeat(now=now)
        self._skip: Skip | None = None
        self._skip_repeat: Repeat | None = None
        self._fin: Fin | None = None
        self._fin_repeat: Repeat | None = None
        self._fin_said = False
        self._farewell: Farewell | None = None

    @property
    def congestion(self) -> CongestionControl:
        """The controller, for who watches."""
        return self._congestion

    @property
    def arrived(self) -> int:
        """Chunks that the audience has, as far as is known; some fewer while probes are out."""
        waiting = sum(count for _, count in self.recovery.retransmit)
        return max(self.next_chunk - self.recovery.in_flight - waiting, 0)

    def next_event(self) -> Event | None:
        """What has happened, oldest first; None when there is nothing more to tell."""
        return self._events.popleft() if self._events else None

    def receive(
        self,
        packet_number: int,
        frames: tuple[Frame, ...],
        *,
        now: float,
        source: Address = NOWHERE,
    ) -> None:
        """Take a control datagram of the audience; one that is late or came before is ignored."""
        if packet_number <= self._newest_control:
            return
        self._newest_control = packet_number
        self._heard = now
        took = self.paths.hear(frames, source, newest=True, now=now)
        if took is not None and self.phase is Phase.SENDING:
            self._start_afresh(took, now)
        if self._farewell is not None:
            self._farewell.hear(frames, now=now)
            return
        for frame in frames:
            match frame:
                case Accept(chunk_size=size) if self.phase is Phase.OFFERING:
                    if size in CHUNK_SIZES:
                        self._begin(frame, now)
                case Skipped(blocks) if self.phase is Phase.RESUMING:
                    if self._skip == Skip(blocks):
                        self.next_chunk = min(blocks * BATCH, self._total)
                        self.phase, self._next_send = Phase.SENDING, now
                case Ack() if self.phase is Phase.SENDING:
                    self._on_ack(frame, now)
                case Refuse(reason) | Abort(reason):
                    self._end(Failed(reason), End(), LINGER_AFTER_END, now)
                case Done() if self._fin_said and self.phase is Phase.SENDING:
                    self._end(Delivered(), End(), LINGER_AFTER_END, now)
                case _:
                    pass  # a ping has been heard; the rest is not for a presenter

    def resume(self, blocks: int, *, now: float) -> None:
        """The shell has compared: the audience needs none of the first `blocks` blocks."""
        if self.phase is Phase.RESUMING:
            self._skip = Skip(blocks)
            self._skip_repeat = Repeat(now=now)

    def digested(self, digest: bytes, *, now: float) -> None:
        """The shell has read the last chunk: the digest of the file, for FIN."""
        self._fin = Fin(digest)
        self._fin_repeat = Repeat(now=now)

    def too_long(self, *, now: float) -> None:
        """The path, or the system here, takes no full datagrams any more: halves from now on."""
        if self.phase is Phase.SENDING and not self.halving:
            self.halving = True
            self.recovery.give_up_in_flight(now=now)
            self._congestion.on_persistent()
            self._next_send = now

    def abort(self, reason: Reason, *, now: float) -> None:
        """Give up; the audience is told, and `Failed` follows."""
        if self.phase is not Phase.ENDED:
            dead = reason in (Reason.PEER_GONE, Reason.NO_ANSWER)
            linger = LINGER_TO_THE_DEAD if dead else LINGER
            self._end(Failed(reason), Abort(reason), linger, now)

    def over(self, *, now: float) -> bool:
        """Whether the engine may be forgotten."""
        return self._farewell is not None and self._farewell.over(now=now)

    @property
    def settled(self) -> bool:
        """Whether the transfer has ended and the audience need not hear more of it."""
        return self._farewell is not None and self._farewell.settled

    def deadline(self) -> float:
        """When `poll` must be called again."""
        if self.paths.waiting:
            return 0.0
        if self._farewell is not None:
            return self._farewell.deadline()
        if self.phase is Phase.OFFERING:
            return min(self._offer_repeat.due, self._heard + SILENCE)
        times = [self._heard + SILENCE, self._spoke + KEEP_ALIVE]
        if self.phase is Phase.RESUMING:
            return min(*times, self._skip_repeat.due) if self._skip_repeat else min(times)
        for time in (self.recovery.deadline(), self._data_time()):
            if time is not None:
                times.append(time)
        if self._fin_repeat is not None:
            times.append(self._fin_repeat.due)
        return min(times)

    def poll(self, *, now: float) -> list[DataRun | Control]:
        """What to send now: at most one quantum, so that transfers can take turns."""
        sending: list[DataRun | Control] = []
        for word in self.paths.words():
            sending.append(self._control((word.frame,), self._spoke, word.address))
        return sending + self._poll(now)

    def _poll(self, now: float) -> list[DataRun | Control]:
        if self._farewell is None and now >= self._heard + SILENCE:
            offering = self.phase is Phase.OFFERING
            self.abort(Reason.NO_ANSWER if offering else Reason.PEER_GONE, now=now)
        if self._farewell is not None:
            word = self._farewell.word_at(now=now)
            return [] if word is None else [self._control((word,), now)]
        if self.phase is Phase.OFFERING:
            return self._poll_offer(now)
        if self.phase is Phase.RESUMING:
            return self._poll_skip(now)
        if self._packet_number > MAX_NUMBER - 1024:  # a number never comes twice (PROTOCOL 5.1)
            self.abort(Reason.TOO_LARGE, now=now)
            return []
        return self._poll_data(now)

    def _poll_offer(self, now: float) -> list[DataRun | Control]:
        if self._offer_repeat.due > now:
            return []
        self._offers[self._packet_number] = now
        self._offer_repeat.said(now=now)
        return [self._control((self._offer,), now)]

    def _poll_skip(self, now: float) -> list[DataRun | Control]:
        if self._skip and self._skip_repeat and self._skip_repeat.due <= now:
            self._skip_repeat.said(now=now)
            return [self._control((self._skip,), now)]
        return [self._control((Ping(),), now)] if now >= self._spoke + KEEP_ALIVE else []

    def _poll_data(self, now: float) -> list[DataRun | Control]:
        sending: list[DataRun | Control] = []
        timer = self.recovery.deadline()
        if timer is not None and timer <= now:
            sending += self._on_timer(now)
        due = self._data_time()
        if due is not None and due <= now:
            sending += self._take_batch(now)
        if self._fin is not None and self._fin_repeat is not None and self._fin_repeat.due <= now:
            self._fin_repeat.said(now=now)
            self._fin_said = True
            sending.append(self._control((self._fin,), now))
        if not sending and now >= self._spoke + KEEP_ALIVE:
            sending.append(self._control((Ping(),), now))
        return sending

    def _begin(self, accept: Accept, now: float) -> None:
        sent = self._offers.get(accept.echo)
        rtt = INITIAL_RTT if sent is None else max(now - sent - accept.delay, 1e-4)
        self.recovery.rtt.sample(rtt, ack_delay=0.0)
        self._congestion = self._make_congestion(initial_rtt=rtt, seed=self._seed)
        self.chunk_size = accept.chunk_size
        self._total = chunks_in(self._offer.size, self.chunk_size)
        self._take_limits(accept.credit, accept.receive_buffer)
        self._next_send = now
        self.phase = Phase.SENDING
        if accept.blocks:
            self.phase = Phase.RESUMING
            self._events.append(Resumable(accept.blocks, accept.digest))

    def _on_ack(self, ack: Ack, now: float) -> None:
        if ack.ranges and ack.ranges[0][1] > self._packet_number:
            return  # it acknowledges what was never sent: nothing in it can be believed
        self._take_limits(ack.credit, ack.receive_buffer)
        sample = self.recovery.on_ack(ack.ranges, ack.delay, now=now)
        if sample is not None:
            self._congestion.on_ack(sample)
        elif ack.ranges and self.recovery.probes >= PERSISTENT_PROBES:
            self.recovery.hear()  # not before: else each probe adds to what is out, without end
        if not self.halving and self._hole.is_there(ack.ranges, delivered=sample is not None):
            self.too_long(now=now)

    def _start_afresh(self, rtt: float, now: float) -> None:
        """The audience is elsewhere: nothing that is known of the path need be so there.

        What is out counts as lost: its acknowledgement would say something of the old path.

        Args:
            rtt: seconds that the new address took to answer; what to begin with, not a sample.

        Source: RFC 9000 9.4, RFC 9002 6.2.2.
        """
        self.recovery.give_up_in_flight(now=now)
        self.recovery = self.recovery.afresh(now=now)
        self.recovery.rtt.smoothed, self.recovery.rtt.variation = rtt, rtt / 2
        self._congestion = self._make_congestion(initial_rtt=rtt, seed=self._seed)
        self.halving, self._hole = False, BlackHole()
        self._next_send = now

    def _take_limits(self, credit: int, receive_buffer: int) -> None:
        self._credit = max(self._credit, min(credit, self._total))
        self._buffer_share = max(receive_buffer // BUFFER_PER_PACKET, 2)

    def _on_timer(self, now: float) -> list[DataRun | Control]:
        probes: list[DataRun | Control] = []
        for chunk in self.recovery.on_timer(now=now):
            probes.append(self._data(chunk, 1, now))
        if probes and self.recovery.probes >= PERSISTENT_PROBES:
            self.recovery.give_up_in_flight(now=now)
            _merge(self.recovery.retransmit)
            self._congestion.on_persistent()
        if probes and not self.halving:
            probes.append(self._control((Ping(),), now))
            self._hole.probed(self._packet_number - 1)
        return probes

    def _data_time(self) -> float | None:
        """When data may leave; None when there is none or no room for it."""
        if not self.recovery.retransmit and self.next_chunk >= self._credit:
            return None
        return self._next_send if self._room() > 0 else None

    def _room(self) -> int:
        # What is out and not on the wire may all lie in the audience's buffer (PROTOCOL 5.6).
        bound = min(self._congestion.window, int(self._congestion.pipe) + self._buffer_share)
        return bound - self.recovery.in_flight

    def _take_batch(self, now: float) -> list[DataRun]:
        """One quantum: what is lost first, then what was never sent."""
        left = count = min(self._congestion.quantum, self._room())
        batch = []
        retransmit = self.recovery.retransmit
        while left and retransmit:
            chunk, length = retransmit.popleft()
            if length > left:
                retransmit.appendleft((chunk + left, length - left))
                length = left
            batch.append(self._data(chunk, length, now))
            left -= length
        # What is new ends where a block does: most blocks leave, and come, as one batch.
        fresh = min(left, self._credit - self.next_chunk, BATCH - self.next_chunk % BATCH)
        if fresh > 0:
            self.next_chunk += fresh
            batch.append(self._data(self.next_chunk - fresh, fresh, now))
            left -= fresh
        self._next_send = next_send(
            self._next_send,
            now=now,
            count=count - left,
            rate=self._congestion.pacing_rate,
            smoothed=self.recovery.rtt.smoothed,
        )
        return batch

    def _data(self, chunk: int, count: int, now: float) -> DataRun:
        run = DataRun(self._packet_number, chunk, count)
        self._packet_number += count
        self._spoke = now
        limited = not self.recovery.retransmit and self.next_chunk >= self._credit
        self.recovery.on_sent(run.packet_number, chunk, count, now=now, limited=limited)
        return run

    def _control(
        self, frames: tuple[Frame, ...], now: float, address: Address | None = None
    ) -> Control:
        self._packet_number += 1
        self._spoke = now
        return Control(PacketType.PRESENTER_CONTROL, self._packet_number - 1, frames, address)

    def _end(self, event: Event, word: LastWord, linger: float, now: float) -> None:
        if self.phase is not Phase.ENDED:
            self.phase = Phase.ENDED
            self._events.append(event)
            self._farewell = Farewell(word, now=now, linger=linger)


def _merge(pieces: deque[tuple[int, int]]) -> None:
    """Have each chunk once: what was sent as a probe was out twice, and is lost as often."""
    merged: list[tuple[int, int]] = []
    for chunk, count in sorted(pieces):
        start, length = merged[-1] if merged else (0, -1)
        if chunk <= start + length:
            merged[-1] = start, max(length, chunk + count - start)
        else:
            merged.append((chunk, count))
    pieces.clear()
    pieces.extend(merged)
