"""CUBIC: the controller that most of the Internet's TCP uses (PROTOCOL 5.6).

Belongs here: its window. Does not: slow start's end (slowstart). It takes every loss for
congestion, so it is slow on a path that loses at random; it is here to be compared with, and for
who wants to be no different from others.

Source: RFC 9438 4 (sections below), RFC 9406 (slow start), RFC 9002 7.3.2 (one cut a round trip)
and 7.7 (pacing).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from toom_protocol.transfer.congestion.control import (
    MARK_CUT,
    MIN_WINDOW,
    PACING_GAIN,
    quantum_of,
)
from toom_protocol.transfer.congestion.slowstart import SlowStart
from toom_protocol.transfer.samples import Sample

INITIAL_WINDOW: Final = 10.0  # packets; RFC 6928 2
SLOW_START_PACING: Final = 2.0  # times window / round trip, for a window that doubles in each
BETA: Final = 0.7  # of the window after a loss; RFC 9438 4.6
SCALE: Final = 0.4  # packets a second cubed, C; RFC 9438 5.1
RENO_GROWTH: Final = 3 * (1 - BETA) / (1 + BETA)  # packets a round trip, alpha; RFC 9438 4.3
FAST_GROWTH: Final = 1.5  # of the window in a round trip at most; RFC 9438 4.2
USED: Final = 0.75  # a window of which less is in flight does not grow; RFC 9438 5.8


@dataclass(slots=True)
class Curve:
    """The window and what it grows along; RFC 9438 4.1.2 for the names."""

    window: float = INITIAL_WINDOW
    threshold: float = math.inf  # ssthresh
    largest: float = 0.0  # W_max
    prior: float = 0.0  # cwnd_prior: the window before the last cut
    reno: float = 0.0  # W_est: what Reno would have
    epoch: float | None = None  # when this congestion avoidance began
    climb: float = 0.0  # K: seconds from then until the window is W_max again


class Cubic:
    """Grows its window along a cubic of the time since the last loss."""

    def __init__(self, *, initial_rtt: float, seed: int = 0) -> None:  # noqa: ARG002
        """Start afresh; a window needs no seed, since it probes when it is acknowledged."""
        self._curve = Curve()
        self._before: Curve | None = None  # as it was before the last cut
        self._cut_time = -math.inf
        self._cut_lost = 0  # packets that the last cut was for
        self._slow_start = SlowStart()
        self._smoothed = self._min_rtt = max(initial_rtt, 1e-4)
        self._measured = False
        self._last_ack = 0.0

    @property
    def window(self) -> int:
        return max(int(self._curve.window), MIN_WINDOW)

    @property
    def pacing_rate(self) -> float:
        gain = SLOW_START_PACING if self._in_slow_start else PACING_GAIN
        return gain * self.window / self._smoothed

    @property
    def quantum(self) -> int:
        return quantum_of(self.pacing_rate)

    @property
    def pipe(self) -> float:
        return self._curve.window * self._min_rtt / self._smoothed if self._measured else 0.0

    @property
    def _in_slow_start(self) -> bool:
        return self._curve.window < self._curve.threshold

    def on_ack(self, sample: Sample) -> None:
        self._smoothed = max(sample.smoothed, 1e-4)
        self._min_rtt = min(self._min_rtt, sample.rtt) if self._measured else sample.rtt
        self._measured = True
        if sample.spurious:
            self._on_spurious(sample.spurious)
        elapsed, self._last_ack = sample.now - self._last_ack, sample.now
        if sample.lost:
            self._on_congestion(sample, sample.lost_sent_at, BETA)
        elif sample.marked:
            self._on_congestion(sample, sample.sent_at, MARK_CUT)
        if sample.sent_at <= self._cut_time:
            return  # RFC 9002 7.3.2: what was sent before the cut does not open the window
        in_use = sample.in_flight + sample.acked + sample.lost
        if sample.limited or in_use < USED * self._curve.window:
            if self._curve.epoch is not None:
                self._curve.epoch += elapsed  # RFC 9438 5.8: such time does not count
        elif self._in_slow_start:
            self._start_slowly(sample)
        else:
            self._avoid_congestion(sample)

    def on_persistent(self) -> None:
        """RFC 9438 4.8: a window of the least, and slow start up to what it was cut to."""
        curve = self._curve
        self._cut(BETA)
        curve.window = float(MIN_WINDOW)
        curve.epoch = None
        self._before = None

    def _start_slowly(self, sample: Sample) -> None:
        """RFC 9438 4.10; a path's first slow start is HyStart++."""
        curve, start = self._curve, self._slow_start
        if math.isfinite(curve.threshold):
            curve.window = min(curve.window + sample.acked, curve.threshold)
            return
        start.on_ack(sample)
        curve.window += sample.acked * start.growth
        if start.over:
            curve.threshold = curve.window

    def _avoid_congestion(self, sample: Sample) -> None:
        curve = self._curve
        if curve.epoch is None:
            self._begin_epoch(sample.now)
        assert curve.epoch is not None
        time = sample.now - curve.epoch
        # 4.3, the Reno-friendly region
        growth = 1.0 if curve.reno >= curve.prior else RENO_GROWTH
        curve.reno += growth * sample.acked / curve.window
        if self._cubic(time) < curve.reno:
            curve.window = max(curve.window, curve.reno)
            return
        # 4.4 and 4.5, concave and convex
        target = self._cubic(time + self._smoothed)
        target = min(max(target, curve.window), FAST_GROWTH * curve.window)
        curve.window += (target - curve.window) / curve.window * sample.acked

    def _begin_epoch(self, now: float) -> None:
        """4.2: the curve comes back to `largest` after `climb` seconds."""
        curve = self._curve
        curve.epoch, curve.reno = now, curve.window
        if curve.largest <= curve.window:  # slow start ended without a loss, or passed it: 4.10
            curve.largest, curve.climb = curve.window, 0.0
        else:
            curve.climb = math.cbrt((curve.largest - curve.window) / SCALE)

    def _cubic(self, time: float) -> float:
        """W_cubic, 4.2."""
        return SCALE * (time - self._curve.climb) ** 3 + self._curve.largest

    def _on_congestion(self, sample: Sample, sent_at: float, factor: float) -> None:
        """RFC 9002 7.3.2: one cut for all that was sent before it."""
        if sent_at <= self._cut_time:
            self._cut_lost += sample.lost
            return
        self._before = replace(self._curve)
        self._cut_time = sample.now
        self._cut_lost = sample.lost
        self._cut(factor)

    def _cut(self, factor: float) -> None:
        """4.6, and 4.7: a flow whose window shrinks from cut to cut makes more room."""
        curve = self._curve
        shrinks = curve.window < curve.largest
        curve.largest = curve.window * ((1 + factor) / 2 if shrinks else 1.0)
        curve.prior = curve.window
        curve.window = max(curve.window * factor, MIN_WINDOW)
        curve.threshold = curve.window
        curve.epoch = None

    def _on_spurious(self, count: int) -> None:
        """4.9.2: a cut for packets that were only late is taken back."""
        self._cut_lost -= count
        if self._cut_lost <= 0 and self._before is not None:
            self._curve = replace(self._before, window=max(self._before.window, self._curve.window))
            self._before = None
            self._cut_time = -math.inf
