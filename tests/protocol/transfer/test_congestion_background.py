"""PROTOCOL 5.6: the background controller (RFC 6817, LEDBAT++), fed by hand."""

import math

import pytest

from toom_protocol.transfer.congestion import Background
from toom_protocol.transfer.congestion.background import LEAST, TARGET
from toom_protocol.transfer.samples import Sample

RTT = 0.100


class Window:
    """Acknowledgements of one window each."""

    def __init__(self, *, rtt: float = RTT) -> None:
        self.control = Background(initial_rtt=rtt)
        self.rtt = rtt
        self.now = 0.0
        self.delivered = 0

    def hear(self, count: int = 1, *, delay: float = 0.0, lost: int = 0, marked: int = 0) -> float:
        """Round trips with a queueing delay; the window afterwards."""
        for _ in range(count):
            window, sent_at, prior = self.control.window, self.now, self.delivered
            rtt = self.rtt + delay
            self.now += rtt
            self.delivered += window
            self.control.on_ack(
                Sample(
                    self.now, window, lost, 1.0, rtt, sent_at, prior, self.delivered, window,
                    False, rtt, sent_at if lost else -math.inf, marked,
                )
            )  # fmt: skip
        return self.control.window

    def started(self) -> "Window":
        """Past the first slow start and its slowdown."""
        self.hear(12)
        while self.control._slowdown_start is None:
            self.hear(delay=0.8 * TARGET)
        while self.control._slowdown_start is not None:
            self.hear()
        return self


def test_slow_start_is_slower_on_a_short_path() -> None:
    """LEDBAT++ 4.1 and 4.2: gain = 1 / min(16, ceil(2 target / base))"""
    assert Window().control.window == 2
    assert Window(rtt=0.120).hear(3) == 16  # doubled
    assert Window(rtt=0.100).hear(3) == 6  # by a half, and whole packets are sent
    window = Window(rtt=0.001)
    assert window.hear(16) == 4
    assert window.control.gain == 1 / 16


def test_slow_start_ends_at_three_quarters_of_the_target_and_a_slowdown_follows() -> None:
    """LEDBAT++ 4.1 and 4.4"""
    window = Window()
    top = window.hear(12)
    assert window.hear(4, delay=0.76 * TARGET) > top
    seen = [window.hear(delay=0.8 * TARGET) for _ in range(8)]
    assert min(seen) == LEAST
    assert seen.count(LEAST) in (2, 3)  # held for two round trips


def test_the_next_slowdown_comes_after_nine_times_its_length() -> None:
    """LEDBAT++ 4.4"""
    window = Window().started()
    ended = window.now
    length = 0.0
    while window.hear() > LEAST:
        pass
    began = window.now
    while window.control._slowdown_start is not None:
        window.hear()
        length = window.now - began
    first = began - ended
    ended = window.now
    while window.hear() > LEAST:
        pass
    assert window.now - ended == pytest.approx(9 * length, rel=0.1)
    assert first > 0.5


def test_below_the_target_the_window_grows_by_the_gain() -> None:
    """LEDBAT++ 4.2"""
    window = Window().started()
    window.control._slowdown_due = math.inf
    before = window.control._window
    window.hear(10, delay=0.5 * TARGET)
    assert window.control._window == pytest.approx(before + 10 * window.control.gain, abs=0.5)


def test_above_the_target_it_shrinks_in_proportion_to_the_excess_and_to_its_half_at_most() -> None:
    """LEDBAT++ 4.3"""
    window = Window().started()
    window.control._slowdown_due = math.inf
    window.hear(4, delay=0.99 * TARGET)
    before = window.control._window
    window.hear(3, delay=1.25 * TARGET)  # the smallest of four samples counts
    assert window.control._window >= before
    before = window.control._window
    window.hear(delay=1.25 * TARGET)
    assert window.control._window == pytest.approx(0.75 * before, rel=0.05)
    window.hear(3, delay=5 * TARGET)
    before = window.control._window
    window.hear(delay=5 * TARGET)
    assert window.control._window == pytest.approx(max(before / 2, LEAST), rel=0.05)


def test_a_loss_halves_the_window_once_a_round_trip_and_so_does_a_mark() -> None:
    """RFC 6817 2.4.2"""
    for event in ({"lost": 1}, {"marked": 1}):
        window = Window()
        before = window.hear(14)
        assert window.hear(**event) == pytest.approx(before / 2, rel=0.1)
        window.now -= 2 * RTT
        assert window.hear(**event) > 0.45 * before


def test_a_shallow_buffer_lowers_the_target() -> None:
    """A buffer that overflows below the target would never show it."""
    window = Window()
    window.hear(12)
    window.hear(4, delay=0.030)
    assert window.control._target == TARGET
    window.hear(delay=0.030, lost=5)
    assert window.control._target == pytest.approx(0.015)


def test_a_loss_without_a_queue_leaves_the_target() -> None:
    window = Window()
    window.hear(12)
    window.hear(4, delay=0.040)
    window.hear(4, delay=0.001)
    window.hear(delay=0.001, lost=1)
    assert window.control._target == TARGET


def test_the_smallest_round_trip_is_forgotten_after_ten_minutes() -> None:
    """RFC 6817 2.4.2: BASE_HISTORY"""
    window = Window()
    window.hear(3)
    assert window.control.base == RTT
    while window.now < 680:
        window.hear(delay=0.050)
        window.now += 1
    assert window.control.base == pytest.approx(0.150)


def test_persistent_congestion_begins_anew() -> None:
    window = Window()
    before = window.hear(14)
    window.control.on_persistent()
    assert window.control.window == LEAST
    assert window.control.pipe == 0
    window.hear(40)
    assert window.control.window >= before / 2
