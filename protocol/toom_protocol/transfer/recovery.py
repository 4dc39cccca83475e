"""Which data packets are out, which of them arrived, and which are lost (PROTOCOL 5.5).

Belongs here: loss detection by packets and by time, probe timeouts. Does not: what a run knows and
a sample says (samples.py), how late a packet may come (reordering.py), how much may be sent
(congestion), what a chunk holds.

Source: RFC 8985 6 (time), RFC 9002 6.1 (packets), 6.2 (probes), 7.6 (persistent congestion).
RFC 8985 6.1 orders packets by time and then by number; here numbers ascend with time, and a run
has one time for all of its packets, so everywhere "sent before" is "has a smaller number".
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Final

from toom_protocol.transfer.copies import Copies
from toom_protocol.transfer.frames import Range
from toom_protocol.transfer.reordering import Reordering
from toom_protocol.transfer.samples import Sample, SentRun
from toom_protocol.transfer.timing import RoundTrip

PACKET_THRESHOLD: Final = 3  # packets; RFC 9002 6.1.1
SHORTEST_RTT: Final = 1e-6  # seconds; a clock that stood still between two looks has seen none
PERSISTENT_PROBES: Final = 3  # unanswered in a row: seven timeouts; RFC 9002 7.6.1 says three

Observer = Callable[["Recovery", SentRun, float], None]


class Recovery:
    """The sender's book of data packets."""

    def __init__(self, *, now: float, observe: Observer | None = None) -> None:
        """Begin with nothing out.

        Args:
            observe: told of each run that is taken for lost, with this book and the time.
        """
        self.rtt = RoundTrip()
        self.in_flight = 0
        self.delivered = 0
        self.lost_total = 0
        self.spurious_total = 0
        self.probes = 0  # probe timeouts since the last acknowledgement of something new
        self.retransmit: deque[tuple[int, int]] = deque()
        """Chunks to send again, as (chunk, count), oldest loss first."""
        self._runs: deque[SentRun] = deque()
        self._largest_sent = -1
        self._largest_acked = -1
        self._delivered_time = now
        self._first_sent = now
        self._last_sent = now
        self._loss_time: float | None = None
        self._lost_unreported = self._spurious_unreported = 0
        self._lost_sent_at = -math.inf
        self._marked = 0
        self._reordering = Reordering()
        self._copies = Copies()
        self._observe = observe

    def afresh(self, *, now: float) -> Recovery:
        """An empty book of the same kind, for another path; all that is out is to be sent again."""
        for run in self._runs:
            self.retransmit += self._copies.missing(run)
        book = Recovery(now=now, observe=self._observe)
        book.retransmit = self.retransmit
        return book

    def on_sent(
        self,
        packet_number: int,
        chunk: int,
        count: int,
        *,
        now: float,
        limited: bool,
        copied: bool = False,
    ) -> None:
        """Note a run that leaves now.

        Args:
            copied: these chunks are out a second time, and not to be sent a third.
        """
        if not self.in_flight:
            self._first_sent = self._delivered_time = now
        end = packet_number + count
        single = packet_number if copied else end
        self._runs.append(
            SentRun(
                packet_number, end, chunk, now, self.delivered,
                self._delivered_time, self._first_sent, limited, single, copied,
            )
        )  # fmt: skip
        self.in_flight += count
        self._largest_sent = end - 1
        self._last_sent = now

    def can_copy(self, *, at: float) -> bool:
        """Whether `copy` has something."""
        return self._newest_single(at) is not None

    def copy(self, most: int, *, at: float) -> tuple[int, int]:
        """At most so many chunks that are out, to be sent again: chunk and count.

        At the end one loss costs a round trip and a half. A copy is there sooner where its chunk
        left less than half a round trip ago: newest first, each once, not where nothing is lost.

        Args:
            at: seconds, when they are to leave.

        Source: RFC 8985 7 sends one such packet, after a timeout.
        """
        run = self._newest_single(at)
        if run is None:
            return 0, 0
        end = min(run.end, run.single)
        run.single = max(run.start, end - most)
        return run.chunk + run.single - run.start, end - run.single

    def _newest_single(self, at: float) -> SentRun | None:
        if not self.lost_total:
            return None
        since = at - self.rtt.smoothed / 2
        for run in reversed(self._runs):
            if run.time < since:
                break
            if run.single > run.start:
                return run
        return None

    def on_ack(
        self, ranges: tuple[Range, ...], delay: float, *, now: float, marked: int = 0
    ) -> Sample | None:
        """Take an acknowledgement; None when it says nothing new about data packets.

        Args:
            marked: data packets that came with a congestion mark since the transfer began, as
                the audience counts them (RFC 9000 19.3.2); a smaller count than before is old.
        """
        if not ranges:
            return None
        late = self._reordering.on_ack(ranges, self.rtt, now=now)
        self.spurious_total += late
        self._spurious_unreported += late
        acked, newest, largest = self._remove(ranges)
        if newest is None:
            return None
        self.probes = 0
        self.in_flight -= acked
        self.delivered += acked
        rtt = max(now - newest.time, SHORTEST_RTT)
        if largest > self._largest_acked:
            self._largest_acked = largest
            self.rtt.sample(rtt, ack_delay=delay)
        rate = newest.rate(self.delivered, now)
        self._delivered_time = now
        self._first_sent = newest.time
        self.detect_losses(now=now)
        lost, self._lost_unreported = self._lost_unreported, 0
        spurious, self._spurious_unreported = self._spurious_unreported, 0
        newly_marked = min(max(marked - self._marked, 0), acked)
        self._marked = max(self._marked, marked)
        return Sample(
            now, acked, lost, rate, rtt, newest.time, newest.delivered, self.delivered,
            self.in_flight, newest.limited, self.rtt.smoothed, self._lost_sent_at, newly_marked,
            spurious,
        )  # fmt: skip

    def hear(self) -> None:
        """The peer lives, and may have stood still so long that all it has was given up here."""
        self.probes = 0

    def detect_losses(self, *, now: float) -> None:
        """Declare lost what the newest acknowledgement has overtaken for too long."""
        self._loss_time = None
        patience = max(self.rtt.smoothed, self.rtt.latest) + self._reordering.window(self.rtt)
        kept = []
        while self._runs and self._runs[0].start < self._largest_acked:
            run = self._runs.popleft()
            if run.time + patience <= now:
                self._declare(run, now)
                continue
            overtaken = self._largest_acked - PACKET_THRESHOLD + 1
            if not self._reordering.seen and run.start < overtaken:
                self._declare(run.piece(run.start, min(run.end, overtaken)), now)
                if run.end <= overtaken:
                    continue
                run = run.piece(overtaken, run.end)
            kept.append(run)
            if self._loss_time is None:
                self._loss_time = run.time + patience
        self._runs.extendleft(reversed(kept))

    @property
    def reordering_window(self) -> float:
        """Seconds that a packet may come late beyond a round trip."""
        return self._reordering.window(self.rtt)

    def deadline(self) -> float | None:
        """When `on_timer` must be called; no probe while a loss is due (RFC 9002 6.2.1)."""
        if not self.in_flight:
            return None
        if self._loss_time is not None:
            return self._loss_time
        return self._last_sent + self.rtt.probe_timeout(self.probes)

    def on_timer(self, *, now: float) -> list[int]:
        """Handle a deadline that has passed.

        Returns:
            The chunks to send as probes, past any window; none when only losses were found.
        """
        if self._loss_time is not None and self._loss_time <= now:
            self.detect_losses(now=now)
            return []
        due = self.deadline()
        if self._loss_time is not None or due is None or now < due:
            return []
        self.probes += 1
        self._last_sent = now
        oldest, newest = self._runs[0], self._runs[-1]
        ends = [newest.chunk + newest.end - newest.start - 1, oldest.chunk]
        return ends[: min(2, self.in_flight)]

    def give_up_in_flight(self, *, now: float) -> None:
        """Persistent congestion: everything that is out is lost (RFC 9002 7.6).

        But for what has left at this very moment, the probes, which stand for their chunks now: a
        path that lets no more than them through would never be left.

        In the period nothing was acknowledged at all, so no witness is needed as in RFC 9002. The
        next sample says nothing of it: the controller begins afresh, and would take it for its own.
        """
        self._copies.stand_in(self._runs, since=now)
        while self._runs and self._runs[0].time < now:
            self._declare(self._runs.popleft(), now)
        self._delivered_time = self._first_sent = now
        for probe in self._runs:  # their rate is not to be taken over the silence before them
            probe.delivered_time = probe.first_sent = now
        self._loss_time = None
        self._lost_unreported = self._spurious_unreported = 0
        self._lost_sent_at = -math.inf
        self.rtt.forget_minimum()

    def wake(self, *, now: float) -> bool:
        """Go on after a pause in which no timer ran.

        What has not been acknowledged for a probe timeout will not be: it is given up, so that
        the silence counts neither as congestion nor in a rate of delivery.

        Returns:
            Whether the pause was that long: what is known of the path is old (RFC 5681 4.1).
        """
        is_long = now >= self._last_sent + self.rtt.probe_timeout(0)
        if is_long:
            self.give_up_in_flight(now=now)
            self.probes = 0
        return is_long

    def _remove(self, ranges: tuple[Range, ...]) -> tuple[int, SentRun | None, int]:
        """Take the acknowledged packets out; return their number, the newest run and number."""
        acked, newest, largest = 0, None, -1
        index = len(ranges) - 1  # the oldest range; runs and ranges ascend side by side
        survivors: list[SentRun] = []
        runs, stop, known = self._runs, ranges[0][1], self._largest_acked
        while runs and runs[0].start < stop:
            run = runs.popleft()
            cursor, end = run.start, run.end
            while cursor < end:
                while index >= 0 and ranges[index][1] <= cursor:
                    index -= 1
                low, high = ranges[index] if index >= 0 else (end, end)
                if low > cursor:
                    upto = min(low, end)
                    survivors.append(run.piece(cursor, upto))
                else:
                    upto = min(high, end)
                    acked += upto - cursor
                    newest, largest = run, upto - 1
                    if run.is_copy:
                        oldest = survivors[0].start if survivors else cursor
                        self._copies.note(run.piece(cursor, upto), oldest=oldest)
                    if upto <= known:  # overtaken earlier and yet here: RFC 8985 6.2 step 3
                        self._reordering.seen = True
                cursor = upto
        runs.extendleft(reversed(survivors))
        return acked, newest, largest

    def _declare(self, run: SentRun, now: float) -> None:
        count = run.end - run.start
        self.in_flight -= count
        self.lost_total += count
        self._lost_unreported += count
        self._lost_sent_at = max(self._lost_sent_at, run.time)
        self._reordering.on_loss(run.start, run.end, newest=self._largest_sent, now=now)
        self.retransmit += self._copies.missing(run)
        if self._observe is not None:
            self._observe(self, run, now)
