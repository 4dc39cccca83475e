"""How the chunks of a file leave: which one when, as path and audience let them (PROTOCOL 5.6).

Belongs here: what is lost and what is new, the window, the pace, probes. Does not: the phases of a
transfer (presenter), what a path is like (congestion), which packets are lost (recovery).
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from toom_protocol.transfer.congestion import CongestionControl, MakeControl
from toom_protocol.transfer.ecn import Marking
from toom_protocol.transfer.frames import Ack, Ping
from toom_protocol.transfer.pacing import next_send
from toom_protocol.transfer.packets import BATCH, LARGEST_DATAGRAM, DataRun
from toom_protocol.transfer.path_mtu import BlackHole
from toom_protocol.transfer.patience import Control
from toom_protocol.transfer.recovery import PERSISTENT_PROBES, Recovery
from toom_protocol.transfer.speaking import Speaker
from toom_protocol.transfer.timing import INITIAL_RTT

# The kernel charges a datagram with about twice its size of its receive buffer (PROTOCOL 5.6).
BUFFER_PER_PACKET: Final = 2 * LARGEST_DATAGRAM  # bytes


class Sending:
    """Sends the chunks of one file until all have arrived."""

    def __init__(
        self, speaker: Speaker, *, now: float, congestion: MakeControl, seed: int = 0
    ) -> None:
        """Prepare; nothing leaves before `begin`.

        Args:
            congestion: makes the controller, when the first round trip is known.
            seed: gives each transfer its own rhythm of probing.
        """
        self.recovery = Recovery(now=now)
        self.congestion: CongestionControl = congestion(initial_rtt=INITIAL_RTT, seed=seed)
        self.next_chunk = 0
        """The first chunk that was never sent; chunks are first sent in order."""
        self.halving = False
        """Whether chunks are to be sent in two halves: the path takes no full datagrams."""
        self.stands = False
        """Whether either user has paused: nothing leaves, and no timer runs."""
        self.marking = Marking()
        """Whether routers may mark what is sent."""
        self._speaker = speaker
        self._make_congestion, self._seed = congestion, seed
        self._hole = BlackHole()
        self._total = 0
        self._credit = 0
        self._buffer_share = 0
        self._bound: int | None = None  # of what may be out; None: to be worked out anew
        self._next_send = now

    @property
    def arrived(self) -> int:
        """Chunks that the audience has, as far as is known; some fewer while probes are out."""
        waiting = sum(count for _, count in self.recovery.retransmit)
        return max(self.next_chunk - self.recovery.in_flight - waiting, 0)

    def begin(self, total: int, rtt: float, *, now: float) -> None:
        """The audience wants the file, which has `total` chunks; a round trip took so long."""
        self.recovery.rtt.sample(rtt, ack_delay=0.0)
        self.congestion = self._make_congestion(initial_rtt=rtt, seed=self._seed)
        self._total = total
        self._bound = None
        self._next_send = now

    def skip(self, count: int, *, now: float) -> None:
        """The audience has the first `count` chunks; the rest may leave from now on."""
        self.next_chunk = min(count, self._total)
        self._next_send = now

    def resend(self, chunk: int, count: int) -> bool:
        """Send chunks anew; False when not all of them were sent before."""
        count = min(count, self._total - chunk)
        if count <= 0 or chunk + count > self.next_chunk:
            return False
        self.recovery.retransmit.append((chunk, count))
        return True

    def take_limits(self, credit: int, receive_buffer: int) -> None:
        """The audience says how much may be sent, and how much its kernel holds (PROTOCOL 5.4)."""
        self._credit = max(self._credit, min(credit, self._total))
        self._buffer_share = max(receive_buffer // BUFFER_PER_PACKET, 2)
        self._bound = None

    def acknowledge(self, ack: Ack, *, now: float) -> None:
        """Learn from an acknowledgement what has arrived and what has not."""
        if ack.ranges and ack.ranges[0][1] > self._speaker.next_number:
            return  # it acknowledges what was never sent: nothing in it can be believed
        self.take_limits(ack.credit, ack.receive_buffer)
        marked = self.marking.count(ack.marked)
        sample = self.recovery.on_ack(ack.ranges, ack.delay, now=now, marked=marked)
        self.marking.judge(self.recovery.delivered + self.recovery.spurious_total)
        if sample is not None:
            self.congestion.on_ack(sample)
            self._bound = None
        elif ack.ranges and self.recovery.probes >= PERSISTENT_PROBES:
            self.recovery.hear()  # not before: else each probe adds to what is out, without end
        if not self.halving and self._hole.is_there(ack.ranges, delivered=sample is not None):
            self.too_long(now=now)

    def too_long(self, *, now: float) -> None:
        """The path, or the system here, takes no full datagrams any more: halves from now on."""
        if not self.halving:
            self.halving = True
            self.recovery.give_up_in_flight(now=now)
            self.congestion.on_persistent()
            self._bound = None
            self._next_send = now

    def start_afresh(self, rtt: float, *, now: float) -> None:
        """The audience is elsewhere: nothing that is known of the path need be so there.

        What is out counts as lost: its acknowledgement would say something of the old path.

        Args:
            rtt: seconds that the new address took to answer; what to begin with, not a sample.

        Source: RFC 9000 9.4, RFC 9002 6.2.2.
        """
        self.recovery.give_up_in_flight(now=now)
        self.recovery = self.recovery.afresh(now=now)
        self.recovery.rtt.smoothed, self.recovery.rtt.variation = rtt, rtt / 2
        self.congestion = self._make_congestion(initial_rtt=rtt, seed=self._seed)
        self.halving, self._hole = False, BlackHole()
        self.marking = Marking(self.marking.seen)
        self._bound = None
        self._next_send = now

    def stand(self, stands: bool, *, now: float) -> None:
        """Stand still, or go on; after a long stand the controller begins anew (PROTOCOL 5.15).

        Source: RFC 9002 7.8, RFC 5681 4.1.
        """
        if self.stands and not stands:
            if self.recovery.wake(now=now):
                _merge(self.recovery.retransmit)
                rtt = self.recovery.rtt.smoothed
                self.congestion = self._make_congestion(initial_rtt=rtt, seed=self._seed)
                self._bound = None
            self._next_send = now
        self.stands = stands

    def deadline(self) -> float:
        """When `poll` may have something to do; never when it waits for the audience."""
        if self.stands:
            return math.inf
        timer, due = self.recovery.deadline(), self._data_time()
        if timer is None:
            return math.inf if due is None else due
        return timer if due is None or timer < due else due

    def poll(self, *, now: float) -> list[DataRun | Control]:
        """What to send now: probes, and at most one quantum of data."""
        sending: list[DataRun | Control] = []
        if self.stands:
            return sending
        timer = self.recovery.deadline()
        if timer is not None and timer <= now:
            sending += self._on_timer(now)
        due = self._data_time()
        if due is not None and due <= now:
            sending += self._take_batch(now)
        return sending

    def _on_timer(self, now: float) -> list[DataRun | Control]:
        probes: list[DataRun | Control] = []
        for chunk in self.recovery.on_timer(now=now):
            probes.append(self._data(chunk, 1, now, copied=True))
        self.marking.probed(self.recovery.probes)
        if probes and self.recovery.probes >= PERSISTENT_PROBES:
            self.recovery.give_up_in_flight(now=now)
            _merge(self.recovery.retransmit)
            self.congestion.on_persistent()
            self._bound = None
        if probes and not self.halving:
            probes.append(self._speaker.say(Ping(), now=now))
            self._hole.probed(self._speaker.next_number - 1)
        return probes

    def _data_time(self) -> float | None:
        """When data may leave; None when there is none or no room for it."""
        if not self.recovery.retransmit and self.next_chunk >= self._credit:
            at_end = self.next_chunk == self._total
            if not (at_end and self.recovery.can_copy(at=self._next_send)):
                return None
        return self._next_send if self._room() > 0 else None

    def _room(self) -> int:
        # What is out and not on the wire may all lie in the audience's buffer (PROTOCOL 5.6).
        if self._bound is None:
            held = int(self.congestion.pipe) + self._buffer_share
            self._bound = min(self.congestion.window, held)
        return self._bound - self.recovery.in_flight

    def _take_batch(self, now: float) -> list[DataRun]:
        """One quantum: what is lost first, then what was never sent, at the end again."""
        left = count = min(self.congestion.quantum, self._room())
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
        if left == count and self.next_chunk == self._total:  # the path would stay empty
            chunk, length = self.recovery.copy(left, at=self._next_send)
            if length:
                batch.append(self._data(chunk, length, now, copied=True))
                left -= length
        self._next_send = next_send(
            self._next_send,
            now=now,
            count=count - left,
            rate=self.congestion.pacing_rate,
            smoothed=self.recovery.rtt.smoothed,
        )
        return batch

    def _data(self, chunk: int, count: int, now: float, *, copied: bool = False) -> DataRun:
        run = self._speaker.run(chunk, count, now=now)
        limited = not self.recovery.retransmit and self.next_chunk >= self._credit
        number = run.packet_number
        self.recovery.on_sent(number, chunk, count, now=now, limited=limited, copied=copied)
        return run


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
