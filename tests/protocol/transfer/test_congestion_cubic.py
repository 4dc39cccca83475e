"""PROTOCOL 5.6: CUBIC (RFC 9438) and its slow start (RFC 9406), fed by hand."""

import math

import pytest

from toom_protocol.transfer.congestion import Cubic
from toom_protocol.transfer.congestion.control import MIN_WINDOW
from toom_protocol.transfer.congestion.cubic import BETA, SCALE
from toom_protocol.transfer.samples import Sample

RTT = 0.100


class Window:
    """Round trips of one acknowledgement each, in which the whole window arrives."""

    def __init__(self) -> None:
        self.control = Cubic(initial_rtt=RTT)
        self.now = 0.0
        self.delivered = 0

    def hear(
        self,
        *,
        acked: int | None = None,
        lost: int = 0,
        lost_sent_at: float | None = None,
        rtt: float = RTT,
        elapsed: float | None = None,
        in_flight: int | None = None,
        **more: int,
    ) -> int:
        """One acknowledgement; the window afterwards."""
        window = self.control.window
        sent_at, prior = self.now, self.delivered
        self.now += rtt if elapsed is None else elapsed
        acked = window if acked is None else acked
        self.delivered += acked
        lost_sent_at = sent_at if lost_sent_at is None and lost else lost_sent_at
        self.control.on_ack(
            Sample(
                self.now, acked, lost, 1.0, rtt, sent_at, prior, self.delivered,
                window if in_flight is None else in_flight, False, rtt,
                -math.inf if lost_sent_at is None else lost_sent_at, **more,
            )
        )  # fmt: skip
        return self.control.window

    def at(self, packets: int) -> "Window":
        """In slow start with such a window."""
        while self.control.window < packets:
            self.hear(acked=min(self.control.window, packets - self.control.window))
        return self


def test_slow_start_doubles_and_is_paced_twice_as_fast_as_the_window() -> None:
    """RFC 5681 3.1"""
    window = Window()
    assert window.control.window == 10
    assert [window.hear() for _ in range(3)] == [20, 40, 80]
    assert window.control.pacing_rate == pytest.approx(2 * 80 / RTT)


def test_a_loss_cuts_the_window_once_a_round_trip() -> None:
    """RFC 9438 4.6, RFC 9002 7.3.2"""
    window = Window().at(100)
    assert window.hear(lost=3) == 70
    cut = window.now
    assert window.hear(lost=5, lost_sent_at=cut) == 70  # sent before the cut was made
    assert window.hear(lost=1, lost_sent_at=cut + 0.001) == 49
    assert window.control.pacing_rate == pytest.approx(1.25 * 49 / RTT)


def test_the_window_comes_back_along_a_cubic() -> None:
    """RFC 9438 4.2: W_max again after K seconds, flat there, steep beyond"""
    window = Window().at(1000)
    window.hear(lost=1)
    window.hear(acked=0)
    climb = math.cbrt(1000 * (1 - BETA) / SCALE)
    course = {}
    start = window.now
    while window.now < start + 2 * climb:
        course[window.now - start] = window.hear()
    reached = min(time for time, packets in course.items() if packets >= 999)
    assert reached == pytest.approx(climb - math.cbrt(1 / SCALE), abs=2 * RTT)

    def near(time: float) -> int:
        return course[min(course, key=lambda other: abs(other - time))]

    assert near(0.5 * climb) == pytest.approx(1000 - SCALE * (0.5 * climb) ** 3, abs=15)
    assert near(1.5 * climb) == pytest.approx(1000 + SCALE * (0.5 * climb) ** 3, abs=15)


def test_a_small_window_grows_as_reno_does() -> None:
    """RFC 9438 4.3"""
    window = Window().at(20)
    window.hear(lost=1)
    before = window.hear(acked=0)
    for _ in range(20):
        window.hear()
    # 0.53 packets a round trip up to the window before the cut, then a whole one
    assert window.control.window == pytest.approx(before + 6 + (20 - 11), abs=2)


def test_a_shrinking_window_makes_room() -> None:
    """RFC 9438 4.7: fast convergence"""
    window = Window().at(1000)
    window.hear(lost=1)
    window.hear(acked=0)
    window.hear(acked=0, lost=1)  # at 700, below W_max
    start = window.now
    while window.hear() < 0.85 * 700:
        pass
    climb = math.cbrt((0.85 - BETA) * 700 / SCALE)
    assert window.now - start == pytest.approx(climb, abs=0.8)


def test_a_window_that_is_not_used_does_not_grow() -> None:
    """RFC 9438 5.8"""
    window = Window().at(100)
    assert window.hear(acked=20, in_flight=20) == 100
    window.hear(lost=1)
    before = window.hear(acked=0)
    for _ in range(100):
        window.hear(acked=10, in_flight=10)
    assert window.hear() <= before + 2  # nor does the cubic's time pass


def test_losses_that_were_only_late_are_taken_back() -> None:
    """RFC 9438 4.9.2"""
    window = Window().at(100)
    window.hear(lost=3)
    window.hear(lost=2, lost_sent_at=0.0)
    assert window.hear(spurious=4) < 100
    assert window.hear(acked=0, spurious=1) == 100


def test_a_mark_cuts_less_than_a_loss_and_once_a_round_trip() -> None:
    """RFC 8511 3.1"""
    window = Window().at(100)
    assert window.hear(marked=7) == 85
    window.now -= RTT
    assert window.hear(marked=7) == 85


def test_persistent_congestion_begins_anew_and_doubles_up_to_the_cut() -> None:
    """RFC 9438 4.8"""
    window = Window().at(100)
    window.control.on_persistent()
    assert window.control.window == MIN_WINDOW
    seen = [window.hear() for _ in range(6)]
    assert seen[:4] == [8, 16, 32, 64]
    assert 70 <= seen[5] < 75


def test_a_growing_delay_ends_slow_start_before_a_loss() -> None:
    """RFC 9406 4.2: first it grows by a quarter for five rounds, then it is over"""
    window = Window()

    def round_trip(rtt: float) -> int:
        sent_at, prior, before = window.now, window.delivered, window.control.window
        for part in range(8):
            window.now = sent_at + rtt + part / 1000
            acked = before // 8
            window.delivered += acked
            window.control.on_ack(
                Sample(
                    window.now, acked, 0, 1.0, rtt, sent_at, prior if part == 7 else -1,
                    window.delivered, window.control.window, False, rtt,
                )
            )  # fmt: skip
        return window.control.window

    for _ in range(5):
        round_trip(RTT)
    assert window.control.window > 150
    round_trip(1.2 * RTT)  # seen at the eighth acknowledgement, the last of this round
    before = window.control.window
    assert round_trip(1.2 * RTT) == pytest.approx(1.25 * before, rel=0.05)
    round_trip(RTT)  # it was no queue
    before = window.control.window
    assert round_trip(RTT) == pytest.approx(2 * before, rel=0.05)
    for _ in range(7):
        round_trip(1.2 * RTT)
    before = window.control.window
    assert round_trip(1.2 * RTT) < 1.02 * before


def test_the_pipe_is_what_the_path_holds_without_a_queue() -> None:
    window = Window().at(100)
    window.hear(rtt=2 * RTT)
    assert window.control.pipe == pytest.approx(window.control.window / 2, abs=1)
