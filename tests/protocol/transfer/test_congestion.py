"""PROTOCOL 5.6: what the default controller makes of acknowledgements, fed by hand.

How it fares on links is in test_congestion_flows.
"""

import math

import pytest

from toom_protocol.transfer.congestion import CONTROLLERS, DEFAULT, CongestionControl, RateBased
from toom_protocol.transfer.congestion.control import MAX_QUANTUM, MIN_QUANTUM, MIN_WINDOW
from toom_protocol.transfer.congestion.rate import DEEP_WINDOW, PROBE_WINDOW, SLACK, Phase
from toom_protocol.transfer.congestion.startup import BLIND_WINDOW, INITIAL_WINDOW
from toom_protocol.transfer.samples import Sample

RTT = 0.050


class Path:
    """Acknowledgements as a path of constant rate would give them, one round trip each."""

    def __init__(self, *, rtt: float = RTT, rate: float = 8000.0) -> None:
        self.control = RateBased(initial_rtt=rtt)
        self.now = 0.0
        self.delivered = 0
        self.rtt, self.rate = rtt, rate

    def rounds(
        self,
        count: int,
        *,
        loss: float = 0.0,
        rtt: float | None = None,
        in_flight: int | None = None,
        limited: bool = False,
        marked: int = 0,
        spurious: int = 0,
    ) -> RateBased:
        """Let `count` round trips pass, each with one acknowledgement of a pipe's packets."""
        for _ in range(count):
            rtt_now = self.rtt if rtt is None else rtt
            prior, pipe = self.delivered, int(self.rate * self.rtt)
            sent_at, self.now = self.now, self.now + rtt_now
            self.delivered += pipe
            sample = Sample(
                now=self.now,
                acked=pipe,
                lost=int(pipe * loss / (1 - loss)),
                rate=self.rate,
                rtt=rtt_now,
                sent_at=sent_at,
                prior_delivered=prior,
                delivered=self.delivered,
                in_flight=pipe // 2 if in_flight is None else in_flight,
                limited=limited,
                smoothed=rtt_now,
                marked=marked,
                spurious=spurious,
            )
            self.control.on_ack(sample)
        return self.control

    def cruising(self) -> RateBased:
        self.rounds(6)
        for _ in range(20):
            if self.rounds(1).phase is Phase.CRUISE:
                return self.control
        raise AssertionError("never cruised")


def test_the_start_is_a_window_in_a_quarter_of_a_round_trip() -> None:
    control = RateBased(initial_rtt=RTT)
    assert control.window == INITIAL_WINDOW
    assert control.pacing_rate == pytest.approx(INITIAL_WINDOW / (RTT / 4))
    assert control.pipe == 0
    assert control.random_loss == 0


def test_startup_ends_when_the_rate_no_longer_grows() -> None:
    path = Path()
    path.rate = 1000
    for _ in range(4):
        assert path.rounds(1).phase is Phase.STARTUP
        path.rate *= 1.5
    assert path.rounds(5, in_flight=10_000).phase is Phase.DRAIN
    assert path.control.pacing_rate == pytest.approx(0.5 * path.control.bandwidth)
    assert path.rounds(5, in_flight=10_000).phase is not Phase.DRAIN  # at most four rounds


def test_a_sender_without_enough_to_send_does_not_end_startup() -> None:
    path = Path()
    assert path.rounds(10, limited=True).phase is Phase.STARTUP
    path.rate = 100
    bandwidth = path.control.bandwidth
    path.rounds(1, limited=True)
    assert path.control.bandwidth == bandwidth


def test_cruising_follows_the_model() -> None:
    path = Path()
    control = path.cruising()
    assert control.pipe == pytest.approx(400)
    assert control.pacing_rate == pytest.approx(8000)
    assert control.window == int(400 + SLACK * 20 + 3 * control.quantum)
    assert control.quantum == 8


def test_the_cycle_probes_up_and_drains() -> None:
    path, seen = Path(), []
    path.cruising()
    for _ in range(40):
        seen.append(path.rounds(1).phase)
    assert {Phase.UP, Phase.DOWN, Phase.CRUISE} <= set(seen)
    after_up = [b for a, b in zip(seen, seen[1:], strict=False) if a is Phase.UP is not b]
    assert set(after_up) == {Phase.DOWN}


def test_a_drained_queue_is_awaited_after_a_probe() -> None:
    path = Path()
    path.cruising()
    while path.rounds(1, in_flight=10_000).phase is not Phase.DOWN:
        pass
    assert path.rounds(2, in_flight=10_000).phase is Phase.DOWN
    assert path.rounds(1, in_flight=100).phase is Phase.CRUISE


def test_random_loss_is_paid_for_by_the_pace_and_no_window_is_cut() -> None:
    path = Path()
    path.cruising()
    control = path.rounds(60, loss=0.05)
    assert control.random_loss == pytest.approx(0.05, abs=0.01)
    while control.phase is not Phase.CRUISE:
        path.rounds(1, loss=0.05)
    assert control.pacing_rate == pytest.approx(8000 / (1 - control.random_loss))
    assert control.window >= control.pipe + SLACK * math.sqrt(control.pipe)


def test_loss_with_a_standing_queue_is_congestion() -> None:
    path = Path()
    control = path.cruising()
    before = control.window
    path.rounds(1, loss=0.3, rtt=2 * RTT, in_flight=300)
    assert control.window < before
    assert control.window >= control.pipe / 2
    assert control.random_loss == 0
    path.rounds(60)
    assert control.window >= int(1.2 * control.pipe)  # forgotten in time


def test_congestion_ends_startup() -> None:
    path = Path()
    path.rounds(1)
    assert path.rounds(1, loss=0.4, rtt=2 * RTT, in_flight=10_000).phase is Phase.DRAIN
    path.rounds(1, loss=0.4, rtt=2 * RTT, in_flight=10_000)
    assert path.control.window >= 1.2 * path.control.pipe  # what startup lost costs no window


def test_the_smallest_round_trip_is_measured_anew() -> None:
    """It may have been taken behind somebody's queue, or the path has become longer."""
    path = Path()
    path.cruising()
    seen = set()
    for _ in range(400):
        control = path.rounds(1, rtt=0.06, in_flight=100)
        seen.add(control.phase)
        if control.phase is Phase.PROBE_RTT:
            assert control.window <= PROBE_WINDOW * control.pipe
    assert Phase.PROBE_RTT in seen
    assert control.pipe / control.bandwidth == pytest.approx(0.06)


def test_a_probe_waits_until_little_is_out() -> None:
    path = Path()
    path.cruising()
    while path.rounds(1, in_flight=1).phase is not Phase.PROBE_RTT:
        pass
    for _ in range(5):
        assert path.rounds(1, in_flight=10_000).phase is Phase.PROBE_RTT
    path.rounds(1, in_flight=1)
    path.rounds(1, in_flight=1)
    assert path.control.phase is Phase.UP  # to fill again what the probe has emptied


def test_on_a_lan_nothing_is_paced_until_it_is_congested() -> None:
    path = Path(rtt=0.0005, rate=100_000)
    control = path.cruising()
    assert control.pacing_rate == pytest.approx(4 * 100_000)
    assert control.window > 10_000
    assert control.quantum == MAX_QUANTUM
    path.rounds(20, loss=0.4, rtt=0.0015, in_flight=200)
    assert control.window < 10_000
    assert control.pacing_rate < 4 * 100_000


def test_nothing_coming_back_voids_the_model() -> None:
    path = Path()
    control = path.cruising()
    control.on_persistent()
    assert control.phase is Phase.STARTUP
    assert control.window == MIN_WINDOW
    assert control.bandwidth == 0
    assert control.quantum == MIN_QUANTUM


def test_a_lan_from_which_nothing_comes_back_is_begun_anew_with_a_window_of_4() -> None:
    """PROTOCOL 5.5: it starts afresh, until a round trip says again that it is a LAN"""
    path = Path(rtt=0.0005, rate=100_000)
    control = path.cruising()
    control.on_persistent()
    assert control.window == MIN_WINDOW
    path.rounds(1, rtt=0.4)  # the probe was answered late: that was no LAN
    assert control.window < 10_000
    path.rounds(1)
    assert control.window > 10_000


def test_a_sample_without_a_rate_teaches_only_the_delay() -> None:
    control = RateBased(initial_rtt=RTT)
    control.on_ack(Sample(1.0, 1, 0, None, 0.04, 0.96, 0, 1, 0, False, 0.04))
    assert control.bandwidth == 0
    assert control.window > INITIAL_WINDOW


def test_startup_quadruples_while_little_is_out_and_doubles_afterwards() -> None:
    path = Path()
    path.rate = INITIAL_WINDOW / RTT
    assert path.rounds(1).window == 4 * INITIAL_WINDOW
    path.rate = 2 * INITIAL_WINDOW / RTT
    assert path.rounds(1).window == BLIND_WINDOW
    path.rate = BLIND_WINDOW / RTT
    assert path.rounds(1).window == 2 * BLIND_WINDOW
    path.rate = 3 * BLIND_WINDOW / RTT  # faster than it was sent: the model is the limit
    assert path.rounds(1).window == 2 * BLIND_WINDOW + 3 * BLIND_WINDOW
    assert path.rounds(1).window == int(2 * path.control.pipe + 3 * path.control.quantum)


@pytest.mark.parametrize(("lasts", "window"), [(0.003, 160), (0.016, 112)])
def test_a_first_train_that_arrives_slowly_has_met_the_bottleneck(
    lasts: float, window: int
) -> None:
    """The window holds where two pipes, of a rate of 16 packets in that time, would be passed."""
    control = RateBased(initial_rtt=RTT)
    for now, delivered in ((RTT, 16), (RTT + lasts, 32)):
        rate = delivered / now
        control.on_ack(Sample(now, 16, 0, rate, RTT, 0.0, 0, delivered, 32, False, RTT))
    assert control.window == window


def test_startup_never_slows_down_below_its_first_pace() -> None:
    path = Path()
    first = path.control.pacing_rate
    path.rate = 100
    assert path.rounds(1).pacing_rate == first


def test_the_smaller_flow_probes_for_relatively_more() -> None:
    """PROTOCOL 5.6: so that the shares of two flows meet"""

    def gain(rate: float) -> float:
        path = Path(rate=rate)
        path.cruising()
        while path.rounds(1).phase is not Phase.UP:
            pass
        return path.control.pacing_rate / rate

    assert gain(8000) == pytest.approx(1 + SLACK / 20)
    assert gain(2000) == pytest.approx(1 + SLACK / 10)


def test_a_probe_that_finds_another_round_trip_is_followed_by_a_deeper_one() -> None:
    path = Path()
    path.cruising()
    windows = set()
    for _ in range(300):
        control = path.rounds(1, rtt=0.060, in_flight=1)
        if control.phase is Phase.PROBE_RTT:
            windows.add(control.window / control.pipe)
    assert min(windows) == pytest.approx(DEEP_WINDOW, abs=0.01)
    assert max(windows) == pytest.approx(PROBE_WINDOW, abs=0.01)


def test_a_young_smallest_round_trip_is_not_raised_by_a_probe_behind_others() -> None:
    path = Path()
    control = path.cruising()
    while control.phase is not Phase.PROBE_RTT:
        path.rounds(1, rtt=0.070, in_flight=1)
    assert path.now < 5
    while control.phase is Phase.PROBE_RTT:
        path.rounds(1, rtt=0.070, in_flight=1)
    assert control.pipe / control.bandwidth == pytest.approx(RTT)


def test_a_congestion_mark_cuts_the_window_without_a_loss() -> None:
    """RFC 3168 5, RFC 8511 3.1"""
    path = Path()
    control = path.cruising()
    before = control.window
    path.rounds(1, marked=3, in_flight=400)
    assert control.window == int(0.85 * 400 * 1.04)
    assert control.window < before
    assert control.random_loss == 0


def test_a_mark_ends_startup() -> None:
    path = Path()
    path.rounds(1)
    assert path.rounds(1, marked=1, in_flight=10_000).phase is Phase.DRAIN


def test_what_was_only_late_is_neither_noise_nor_congestion() -> None:
    path = Path()
    control = path.cruising()
    before = control.window
    path.rounds(1, loss=0.3, in_flight=300)
    assert control.window < before
    assert control.random_loss > 0
    path.rounds(1, spurious=171, in_flight=300)
    assert control.window == before
    assert control.random_loss == 0


def test_a_controller_is_chosen_by_name() -> None:
    assert list(CONTROLLERS) == ["rate", "cubic", "background"]
    assert CONTROLLERS[DEFAULT] is RateBased
    for make in CONTROLLERS.values():
        control: CongestionControl = make(initial_rtt=RTT, seed=3)
        assert control.pipe == 0
        assert control.window >= 2
        assert control.pacing_rate > 0
        assert MIN_QUANTUM <= control.quantum <= MAX_QUANTUM
