"""PROTOCOL 5.13: a path that begins to lose whatever is long, in virtual time."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.doubles.link import Faults, Pair
from tests.protocol.transfer.test_pair import Sleeper
from toom_protocol.transfer import events
from toom_protocol.transfer.packets import DataRun
from toom_protocol.transfer.path_mtu import SIGNS, BlackHole

MEGABYTE = 1_000_000


def test_three_pings_that_arrive_while_nothing_long_does_are_a_black_hole() -> None:
    hole = BlackHole()
    for sign in range(1, SIGNS + 1):
        hole.probed(10 * sign)
        assert not hole.is_there((), delivered=False)
        assert not hole.is_there(((10 * sign - 2, 10 * sign),), delivered=False)
        is_there = hole.is_there(((10 * sign, 10 * sign + 1), (0, 3)), delivered=False)
        assert is_there is (sign == SIGNS)


def test_a_ping_counts_once() -> None:
    hole = BlackHole()
    hole.probed(10)
    assert not any(hole.is_there(((10, 11),), delivered=False) for _ in range(10))


def test_something_long_that_arrives_clears_the_path() -> None:
    hole = BlackHole()
    for number in range(10):
        hole.probed(number)
        assert not hole.is_there(((number, number + 1),), delivered=False)
        if number % 2:
            assert not hole.is_there(((0, number + 2),), delivered=True)


@dataclass
class HoledPair(Pair):
    """From `hole` on nothing long passes, until `mended`."""

    hole: float = 0.0
    mended: float = 1e9

    def carry_data(self, run: DataRun) -> None:
        if self.presenter.sending.halving or not self.hole <= self.now < self.mended:
            super().carry_data(run)


def arrived(pair: Pair) -> bool:
    whole = pair.presenter_events == [events.Delivered()] and set(pair.written) <= {1}
    return whole and pair.audience_events[-1] == events.Received()


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.0001, 0.01, 0.1])
@pytest.mark.parametrize("loss", [0.0, 0.05])
@pytest.mark.parametrize("hole", [0.0, 0.3])
def test_a_path_that_loses_what_is_long_is_survived(hole: float, loss: float, delay: float) -> None:
    faults = Faults(delay=delay, loss=loss, rate=3000)
    pair = HoledPair(3 * MEGABYTE, 1, faults, hole=hole).run()
    assert arrived(pair)
    assert pair.presenter.sending.halving
    pair = HoledPair(3 * MEGABYTE, 1, faults, hole=hole)
    pair.run(until=hole + 8)
    assert pair.presenter.sending.halving, "it is noticed long before the silence of 15 s"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("loss", [0.0, 0.1, 0.2])
def test_loss_and_outages_are_no_black_hole(loss: float, seed: int) -> None:
    def cut(pair: Pair) -> None:
        off = 0.3 <= pair.now < 0.3 + seed / 2
        pair.network.forward.cut = pair.network.back.cut = off

    faults = Faults(delay=0.01, rate=3000, loss=loss, reorder=0.05)
    pair = Pair(2 * MEGABYTE, seed, faults, on_step=cut).run()
    assert arrived(pair)
    assert not pair.presenter.sending.halving


@pytest.mark.parametrize("seconds", [0.4, 2.0])
def test_an_audience_that_stood_still_is_no_black_hole(seconds: float) -> None:
    link = Faults(delay=0.0001, rate=70_000, queue=3000)
    pair = Sleeper(12 * MEGABYTE, 1, link, Faults(delay=0.0001))
    pair.run(until=0.02)
    pair.sleep(seconds)
    assert arrived(pair.run())
    assert not pair.presenter.sending.halving


def test_the_system_may_say_it_at_once() -> None:
    pair = Pair(3 * MEGABYTE, 1, Faults(delay=0.01, rate=3000))
    pair.presenter.too_long(now=0.0)
    assert not pair.presenter.sending.halving, "a hello has another way"
    pair.run(until=0.3)
    pair.presenter.too_long(now=pair.now)
    assert pair.presenter.sending.halving
    assert arrived(pair.run())


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    size=st.integers(1, 2 * MEGABYTE),
    seed=st.integers(0, 2**32),
    loss=st.floats(0, 0.2),
    delay=st.floats(0.0001, 0.2),
    hole=st.floats(0, 1),
    lasts=st.floats(0, 5),
)
def test_any_black_hole_is_survived(
    size: int, seed: int, loss: float, delay: float, hole: float, lasts: float
) -> None:
    faults = Faults(delay=delay, loss=loss, rate=3000, reorder=0.02, duplicate=0.02)
    assert arrived(HoledPair(size, seed, faults, hole=hole, mended=hole + lasts).run())
