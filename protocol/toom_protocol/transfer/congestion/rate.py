"""The default: send at the rate that the path delivers, and keep its queue short (PROTOCOL 5.6).

Belongs here: a model of the path's rate and delay, and what follows for pacing and window. Does
not: how the rate is found at first (startup.py), which losses are congestion (losses.py).

Source: the terms and phases are those of draft-ietf-ccwg-bbr 4 and 5; the figures were found by
experiment on emulated links, and each departure says what it is for.
"""

from __future__ import annotations

import enum
import math
from collections import deque
from typing import Final

from toom_protocol.transfer.congestion.control import MARK_CUT, MIN_WINDOW, Rounds, quantum_of
from toom_protocol.transfer.congestion.losses import RandomLoss
from toom_protocol.transfer.congestion.startup import INITIAL_WINDOW, STARTUP_WINDOW, Startup
from toom_protocol.transfer.samples import Sample

STARTUP_GAIN: Final = 2.77  # draft-ietf-ccwg-bbr 5.3.1.1: 4 ln 2
DRAIN_GAIN: Final = 0.5
DOWN_GAIN: Final = 0.75
SLACK: Final = 4.0  # times the root of the pipe: packets past it, see `_slack`
DRAIN_ROUNDS: Final = 4
RATE_ROUNDS: Final = 6  # the bandwidth is the best rate of so many rounds …
RATE_TIME: Final = 0.1  # … and of at least so many seconds: on a LAN one stall must not halve it
MIN_RTT_AGE: Final = 5.0  # seconds after which the smallest round trip is measured anew
FIRST_PROBE_ROUNDS: Final = 20  # round trips after startup: it may have begun behind a full queue
PROBE_WINDOW: Final = 0.75  # pipes during a probe: shows a queue of ours, costs little without one
DEEP_WINDOW: Final = 0.5  # pipes in the next one, where a probe has found another round trip …
CHANGED: Final = 0.05  # … by such a share of it
STANDING_QUEUE: Final = 1.5  # times the smallest round trip: loss below it is noise, not congestion
CAP_CUT: Final = 0.7
CAP_GROWTH: Final = 1.04  # per round
CAP_GONE: Final = 4.0  # pipes
LAN_RTT: Final = 0.002  # seconds; below it a timer is longer than a round trip: no pacing
LAN_GAIN: Final = 4.0
LAN_BARRED: Final = 5.0  # seconds after congestion loss


class Phase(enum.Enum):
    """What the controller is doing."""

    STARTUP = enum.auto()
    DRAIN = enum.auto()
    UP = enum.auto()
    DOWN = enum.auto()
    CRUISE = enum.auto()
    PROBE_RTT = enum.auto()


_GAINS: Final = {
    Phase.STARTUP: STARTUP_GAIN,
    Phase.DRAIN: DRAIN_GAIN,
    Phase.DOWN: DOWN_GAIN,
    Phase.CRUISE: 1.0,
    Phase.PROBE_RTT: 1.0,
}


class RateBased:
    """Sends at the rate the path delivers, whatever share of the packets it loses at random."""

    def __init__(self, *, initial_rtt: float, seed: int = 0) -> None:
        """Start afresh.

        Args:
            initial_rtt: seconds, the handshake's round trip.
            seed: varies how long two transfers cruise, so that they do not probe together.
        """
        self.phase = Phase.STARTUP
        self._seed = seed
        self._initial_rate = INITIAL_WINDOW / max(initial_rtt / 4, 0.001)
        self._rates: deque[tuple[int, float, float]] = deque()  # (round, time, rate), falling
        self._min_rtt = initial_rtt
        self._min_rtt_time = -math.inf
        self._probe_due = math.inf
        self._probe_window = PROBE_WINDOW
        self._probe_best = math.inf
        self._probe_reached: float | None = None
        self._probe_from = initial_rtt  # the smallest round trip as this phase began
        self._rounds = Rounds()
        self._round_acked = self._round_lost = self._round_marked = 0
        self._phase_round = 0
        self._phase_time = 0.0
        self._startup = Startup()
        self._cap = math.inf
        self._cut_lost = 0  # packets that the last cut of the cap was for
        self._random_loss = RandomLoss()
        self._lan_from = 0.0
        # What follows from the model is asked for many times between two acknowledgements.
        self._kept: tuple[float, int] | None = None

    @property
    def bandwidth(self) -> float:
        """Packets a second that the path delivers; 0 while unknown."""
        return self._rates[0][2] if self._rates else 0.0

    @property
    def random_loss(self) -> float:
        """The share of packets lost for no reason of ours."""
        return self._random_loss.share

    @property
    def pipe(self) -> float:
        return self.bandwidth * self._min_rtt

    @property
    def pacing_rate(self) -> float:
        if self._kept is None:
            self._kept = self._model_rate(), self._model_window()
        return self._kept[0]

    @property
    def window(self) -> int:
        if self._kept is None:
            self._kept = self._model_rate(), self._model_window()
        return self._kept[1]

    def _model_rate(self) -> float:
        if not self.bandwidth:
            return self._initial_rate
        if self._on_lan:
            return LAN_GAIN * self.bandwidth
        gain = 1 + self._slack / self.pipe if self.phase is Phase.UP else _GAINS[self.phase]
        rate = gain * self.bandwidth
        if self.phase is Phase.STARTUP:  # it never slows down, draft-ietf-ccwg-bbr 4.6.3
            return max(rate, self._initial_rate)
        return rate / (1 - self._random_loss.share)

    def _model_window(self) -> int:
        if self.phase is Phase.STARTUP:
            window = self._startup.window
        elif self.phase is Phase.PROBE_RTT:
            window = self._probe_window * self.pipe
        else:
            window = (self.pipe + self._slack) / (1 - self._random_loss.share) + 3 * self.quantum
        if self._on_lan:  # the receiver's buffer, which the presenter knows, is the limit
            window = max(window, 1 << 16)
        return max(int(min(window, self._cap)), MIN_WINDOW)

    @property
    def _slack(self) -> float:
        """Packets past the pipe that probe for more and bridge what is uneven.

        A share of the pipe would leave any division of a link between flows as it is: all would
        gain alike. The root gives the smaller flow relatively more, so their shares meet.
        """
        return min(SLACK * math.sqrt(self.pipe), self.pipe)

    @property
    def quantum(self) -> int:
        return quantum_of(self.bandwidth or self._initial_rate)

    @property
    def _on_lan(self) -> bool:
        return self._min_rtt < LAN_RTT and self._min_rtt_time >= self._lan_from

    def on_ack(self, sample: Sample) -> None:
        self._kept = None
        self._round_acked += sample.acked
        self._round_lost += sample.lost - sample.spurious
        self._round_marked += sample.marked
        ended = self._rounds.take(sample)
        if sample.spurious and self._cut_lost:
            self._cut_lost -= sample.spurious
            if self._cut_lost <= 0:  # those packets were only late
                self._cap, self._cut_lost = math.inf, 0
        self._take_rtt(sample)
        self._take_rate(sample)
        if self.phase is Phase.STARTUP and not self._startup.plateau:
            most = STARTUP_WINDOW * self.pipe + 3 * self.quantum
            self._startup.grow(sample, self._initial_rate, self._min_rtt, most)
        if ended:
            self._end_round(sample)
        self._move_on(sample)

    def on_persistent(self) -> None:
        self._kept = None
        self._rates.clear()
        self._cap = math.inf
        self._startup.begin_again()
        self._initial_rate = MIN_WINDOW / max(self._min_rtt, 0.001)
        self._min_rtt_time = -math.inf  # the next round trip is the first: no LAN until then
        self.phase = Phase.STARTUP

    def _take_rtt(self, sample: Sample) -> None:
        # Only a strictly smaller sample renews the minimum: one that is merely near it may hold
        # the queue of others, and would never be refuted.
        if sample.rtt < self._min_rtt or math.isinf(self._min_rtt_time):
            self._min_rtt, self._min_rtt_time = sample.rtt, sample.now
        if self._probe_reached is not None and sample.sent_at >= self._probe_reached:
            self._probe_best = min(self._probe_best, sample.rtt)

    def _take_rate(self, sample: Sample) -> None:
        if sample.rate is None or (sample.limited and sample.rate < self.bandwidth):
            return
        rates = self._rates
        while rates and rates[-1][2] <= sample.rate:
            rates.pop()
        rates.append((self._rounds.count, sample.now, sample.rate))
        while (
            rates[0][0] < self._rounds.count - RATE_ROUNDS and rates[0][1] < sample.now - RATE_TIME
        ):
            rates.popleft()

    def _end_round(self, sample: Sample) -> None:
        self._judge_loss(sample)
        if self.phase is Phase.STARTUP and not sample.limited:
            self._startup.end_round(self.bandwidth)
        self._cap *= CAP_GROWTH
        if self._cap > CAP_GONE * self.pipe:
            self._cap = math.inf
        self._round_acked = self._round_lost = self._round_marked = 0
        self._rounds.start(sample)

    def _judge_loss(self, sample: Sample) -> None:
        lost = self._round_lost
        sent = max(self._round_acked + lost, 1)
        if self._rounds.shortest < STANDING_QUEUE * self._min_rtt:
            self._random_loss.take(lost, sent)
        if self._random_loss.is_exceeded(lost, sent):
            self._cut(sample, lost, CAP_CUT)
        elif self._round_marked:  # RFC 3168 5: as if a packet had been dropped
            self._cut(sample, 0, MARK_CUT)

    def _cut(self, sample: Sample, lost: int, factor: float) -> None:
        if self._on_lan:
            self._lan_from = sample.now + LAN_BARRED
        if self.phase is Phase.STARTUP:
            self._startup.end()
        elif self.phase is not Phase.DRAIN:  # what startup lost comes in there: no second penalty
            self._cap = max(factor * min(sample.in_flight + lost, self._cap), self.pipe / 2)
            self._cut_lost = lost

    def _move_on(self, sample: Sample) -> None:
        """Change the phase where its time is over."""
        rounds = self._rounds.count - self._phase_round
        drained = sample.in_flight <= self.pipe
        match self.phase:
            case Phase.STARTUP:
                if self._startup.is_over:
                    self._probe_due = sample.now + FIRST_PROBE_ROUNDS * self._min_rtt
                    self._enter(Phase.DRAIN, sample.now)
            case Phase.DRAIN:
                if drained or rounds >= DRAIN_ROUNDS:
                    self._enter(Phase.CRUISE, sample.now)
            case Phase.CRUISE:
                if self._wants_probe(sample.now):
                    self._enter(Phase.PROBE_RTT, sample.now)
                elif rounds >= 2 + self._jitter(3):
                    self._enter(Phase.UP, sample.now)
            case Phase.UP:
                if rounds >= 1 and sample.now - self._phase_time >= self._min_rtt:
                    self._enter(Phase.DOWN, sample.now)
            case Phase.DOWN:
                if drained or rounds >= DRAIN_ROUNDS:
                    self._enter(Phase.CRUISE, sample.now)
            case Phase.PROBE_RTT:
                self._probe(sample)

    def _wants_probe(self, now: float) -> bool:
        if self._on_lan:
            return False
        return now >= self._probe_due or now - self._min_rtt_time > MIN_RTT_AGE

    def _probe(self, sample: Sample) -> None:
        """Keep less than a pipe out for one round trip and see what it measures."""
        if self._probe_reached is None:
            if sample.in_flight <= max(self._probe_window * self.pipe, MIN_WINDOW):
                self._probe_reached = sample.now
        elif math.isfinite(self._probe_best) and (
            sample.now - self._probe_reached >= self._min_rtt
        ):
            self._end_probe(sample.now)

    def _end_probe(self, now: float) -> None:
        old, best = self._probe_from, self._probe_best
        changed = abs(best - old) > CHANGED * old
        self._probe_window = DEEP_WINDOW if changed else PROBE_WINDOW
        self._probe_due = now + FIRST_PROBE_ROUNDS * self._min_rtt if changed else math.inf
        if best <= self._min_rtt or now - self._min_rtt_time > MIN_RTT_AGE:
            self._min_rtt, self._min_rtt_time = best, now
        self._enter(Phase.UP, now)  # to fill again what the probe has emptied

    def _enter(self, phase: Phase, now: float) -> None:
        self.phase = phase
        self._phase_round, self._phase_time = self._rounds.count, now
        self._probe_reached, self._probe_best = None, math.inf
        self._probe_from = self._min_rtt

    def _jitter(self, bound: int) -> int:
        """0 … bound - 1, different from cycle to cycle and from transfer to transfer."""
        mixed = (self._seed * 40503 + self._phase_round) * 2654435761 & 0xFFFFFFFF
        return (mixed ^ mixed >> 15) * 2246822519 % (1 << 32) * bound >> 32
