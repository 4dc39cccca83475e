"""A transfer in the background: takes what others leave, in the manner of LEDBAT++ (PROTOCOL 5.6).

Belongs here: a window held by a target of queueing delay. It yields to whoever fills the queue.

Source: RFC 6817 (sections as said) and draft-irtf-iccrg-ledbat-plus-plus 4.1 to 4.5 ("draft"
below). Departures: it is paced (RFC 9002 7.7), and the target shrinks where the buffer in front of
the narrowest link is too shallow to show it.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from toom_protocol.transfer.congestion.control import PACING_GAIN, quantum_of
from toom_protocol.transfer.samples import Sample

TARGET: Final = 0.060  # seconds of queueing delay; draft 4.5
MIN_TARGET: Final = 0.005  # seconds; below it is what schedulers and radios do
LEAST: Final = 2.0  # packets; draft 4.4
GAIN_LIMIT: Final = 16  # draft 4.2
START_EXIT: Final = 0.75  # of the target ends the first slow start; draft 4.1
DECREASE: Final = 1.0  # the draft's constant; 4.3
DECREASE_LIMIT: Final = 0.5  # of the window in a round trip; draft 4.3
LOSS_CUT: Final = 0.5  # RFC 6817 2.4.2
SLOWDOWN_AFTER: Final = 2  # round trips after the first slow start; draft 4.4
SLOWDOWN_ROUNDS: Final = 2  # round trips with the least window; draft 4.4
SLOWDOWN_EVERY: Final = 9  # times the length of the last one: a tenth of the time; draft 4.4
CURRENT_FILTER: Final = 4  # round trips of which the smallest counts; RFC 6817 2.4.2
BASE_HISTORY: Final = 10  # minutes that the smallest round trip is remembered; RFC 6817 2.4.2
MINUTE: Final = 60.0
SHALLOW: Final = 0.5  # of the largest queueing delay seen: the target on a shallow buffer


class Background:
    """Keeps its own queue at a target and makes room when others add to it."""

    def __init__(self, *, initial_rtt: float, seed: int = 0) -> None:  # noqa: ARG002
        """Start afresh; the slowdowns come when their own length says, without a seed."""
        self._window = LEAST
        self._threshold = math.inf
        self._target = TARGET
        self._smoothed = max(initial_rtt, 1e-4)
        self._current: deque[float] = deque(maxlen=CURRENT_FILTER)
        self._bases: deque[float] = deque(maxlen=BASE_HISTORY)
        self._minute = -math.inf
        self._deepest = 0.0  # the largest queueing delay so far
        self._cut_time = -math.inf
        self._slowdown_due = math.inf
        self._slowdown_start: float | None = None  # until the window is what it was
        self._held_until = -math.inf

    @property
    def window(self) -> int:
        return int(self._window)

    @property
    def pacing_rate(self) -> float:
        return PACING_GAIN * self.window / self._smoothed

    @property
    def quantum(self) -> int:
        return quantum_of(self.pacing_rate)

    @property
    def pipe(self) -> float:
        return self._window * self.base / self._smoothed if self._bases else 0.0

    @property
    def base(self) -> float:
        """Seconds, the smallest round trip of the last minutes; draft 4.5."""
        return min(self._bases, default=self._smoothed)

    @property
    def queueing_delay(self) -> float:
        """Seconds that packets wait on the path now."""
        return max(min(self._current) - self.base, 0.0) if self._current else 0.0

    @property
    def gain(self) -> float:
        """Packets a round trip by which the window grows; draft 4.2."""
        return 1 / min(GAIN_LIMIT, math.ceil(2 * TARGET / self.base))

    def on_ack(self, sample: Sample) -> None:
        self._take_rtt(sample)
        if sample.lost or sample.marked:
            self._on_congestion(sample)
        if self._slow_down(sample.now):
            return
        in_use = sample.in_flight + sample.acked + sample.lost
        may_grow = not sample.limited and 2 * in_use >= self._window
        if self._window < self._threshold:
            self._start_slowly(sample, may_grow)
        else:
            self._hold_target(sample, may_grow)

    def on_persistent(self) -> None:
        self._threshold = max(self._window / 2, LEAST)
        self._window = LEAST
        self._bases.clear()
        self._current.clear()
        self._minute = -math.inf

    def _take_rtt(self, sample: Sample) -> None:
        """RFC 6817 2.4.2, with round trips in place of one-way delays (draft 4.5)."""
        self._smoothed = max(sample.smoothed, 1e-4)
        rtt = max(sample.rtt, 1e-4)
        self._current.append(rtt)
        if sample.now - self._minute >= MINUTE:
            self._minute = sample.now
            self._bases.append(rtt)
        self._bases[-1] = min(self._bases[-1], rtt)
        self._deepest = max(self._deepest, self.queueing_delay)

    def _start_slowly(self, sample: Sample, may_grow: bool) -> None:
        """Draft 4.1."""
        if may_grow:
            self._window = min(self._window + self.gain * sample.acked, self._threshold)
        first = math.isinf(self._threshold)
        if first and self.queueing_delay > START_EXIT * self._target:
            self._end_first_start(sample.now)
        elif self._window >= self._threshold and self._slowdown_start is not None:
            # Draft 4.4: the slowdown ends when the window is what it was.
            length = sample.now - self._slowdown_start
            self._slowdown_start = None
            self._slowdown_due = sample.now + SLOWDOWN_EVERY * length

    def _hold_target(self, sample: Sample, may_grow: bool) -> None:
        """Draft 4.2 below the target, 4.3 above it."""
        excess = self.queueing_delay / self._target - 1
        if excess > 0:
            step = self.gain - DECREASE * self._window * excess
            step = max(step, -DECREASE_LIMIT * self._window)
        else:
            step = self.gain if may_grow else 0.0
        self._window = max(self._window + step * sample.acked / self._window, LEAST)

    def _on_congestion(self, sample: Sample) -> None:
        """RFC 6817 2.4.2: half, once a round trip."""
        if self.queueing_delay > SHALLOW * self._deepest:  # a buffer that holds no more than this
            self._target = min(TARGET, max(SHALLOW * self._deepest, MIN_TARGET))
        newest = sample.lost_sent_at if sample.lost else sample.sent_at
        if newest <= self._cut_time:
            return
        self._cut_time = sample.now
        first = math.isinf(self._threshold)
        self._window = max(self._window * LOSS_CUT, LEAST)
        self._threshold = min(self._threshold, self._window)
        if first:
            self._end_first_start(sample.now)

    def _end_first_start(self, now: float) -> None:
        self._threshold = self._window
        self._slowdown_due = now + SLOWDOWN_AFTER * self._smoothed

    def _slow_down(self, now: float) -> bool:
        """Draft 4.4: now and then let the queue drain, to see the path's own delay.

        Returns:
            Whether the window is held at its least.
        """
        if now >= self._slowdown_due:
            self._slowdown_due = math.inf
            self._slowdown_start = now
            self._threshold = max(self._window, 2 * LEAST)
            self._window = LEAST
            self._held_until = now + SLOWDOWN_ROUNDS * self._smoothed
        return now < self._held_until
