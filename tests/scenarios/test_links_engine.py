"""What an emulated link does to packets: the engine alone, in virtual time.

The C of it is compiled as a library, since it is the very code that real packets meet.
"""

import ctypes
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from toom_scenarios.compiler import COMPILERS, compile_c
from toom_scenarios.links.counters import FATES
from toom_scenarios.links.description import MTU, NANOSECONDS, Bursts, Link, Way
from toom_scenarios.links.emulator import SOURCES

pytestmark = pytest.mark.skipif(not any(map(shutil.which, COMPILERS)), reason="no C compiler")

DELIVERED, QUEUE_FULL, LOST, IN_BURST = range(4)
Packet = tuple[int, int]  # nanoseconds since the one before, bytes
Left = tuple[int, int]  # fate, when it leaves


class Settings(ctypes.Structure):
    """struct way_settings"""

    _fields_ = (
        *(("rate", ctypes.c_uint64), ("delay", ctypes.c_int64), ("queue", ctypes.c_uint64)),
        *((name, ctypes.c_double) for name in ("loss", "enter", "leave", "burst_loss")),
        ("seed", ctypes.c_uint64),
    )


class State(ctypes.Structure):
    """struct way"""

    _fields_ = (
        *(("settings", Settings), ("random", ctypes.c_uint64), ("in_burst", ctypes.c_int)),
        *(("free_at", ctypes.c_int64), ("packets", 4 * ctypes.c_uint64)),
        *(("bytes", 4 * ctypes.c_uint64), ("first", ctypes.c_int64), ("last", ctypes.c_int64)),
        *((name, ctypes.c_double) for name in ("queue_area", "queue_left", "queue_most")),
    )


class Engine:
    """One way, as the emulator has it."""

    def __init__(self, library: Any, way: Way, seed: int = 1) -> None:
        numbers = [
            float(word) if "." in word or "e" in word else int(word) for word in way.words(seed)
        ]
        self._library = library
        self.state = State()
        library.way_begin(ctypes.byref(self.state), ctypes.byref(Settings(*numbers)))

    def again(self) -> None:
        self._library.way_again(ctypes.byref(self.state))

    def take(self, now: int, size: int) -> Left:
        leaves = ctypes.c_int64(-1)
        arguments = (ctypes.c_int64(now), ctypes.c_uint32(size), ctypes.byref(leaves))
        return self._library.way_take(ctypes.byref(self.state), *arguments), leaves.value

    def carry(self, packets: list[Packet]) -> list[Left]:
        now, left = 0, []
        for gap, size in packets:
            now += gap
            left.append(self.take(now, size))
        return left


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Any:
    built = tmp_path_factory.mktemp("engine") / "engine.so"
    engine = [source for source in SOURCES if source.name == "engine.c"]
    compile_c("the engine", engine, built, "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror")
    return ctypes.CDLL(str(built))


WAYS = st.builds(
    Way,
    rate=st.sampled_from([0, 64_000, 7_777_777, 100_000_000, 1_000_000_000]),
    delay=st.floats(0, 0.3),
    queue=st.integers(MTU, 20_000),
    loss=st.floats(0, 0.5),
    bursts=st.none() | st.builds(Bursts, st.floats(0, 0.5), st.floats(0.01, 1), st.floats(0, 1)),
)
GAPS = st.just(0) | st.integers(0, 3_000_000)
PACKETS = st.lists(st.tuples(GAPS, st.integers(20, MTU)), max_size=100)


@given(way=WAYS, packets=PACKETS, seed=st.integers(0, 2**40))
def test_every_packet_has_one_fate_and_is_counted_once(
    library: Any, way: Way, packets: list[Packet], seed: int
) -> None:
    engine = Engine(library, way, seed)
    left = engine.carry(packets)
    for fate in range(len(FATES)):
        sizes = [size for (_, size), (found, _) in zip(packets, left, strict=True) if found == fate]
        assert engine.state.packets[fate] == len(sizes)
        assert engine.state.bytes[fate] == sum(sizes)


@given(way=WAYS, packets=PACKETS)
def test_packets_leave_in_order_after_their_delay_and_no_faster_than_the_rate(
    library: Any, way: Way, packets: list[Packet]
) -> None:
    now, last = 0, 0
    engine = Engine(library, replace(way, loss=0.0, bursts=None))
    delay = round(way.delay * NANOSECONDS)
    for gap, size in packets:
        now += gap
        fate, leaves = engine.take(now, size)
        if fate == DELIVERED:
            work = size * 8 * NANOSECONDS / way.rate if way.rate else 0.0
            assert leaves >= max(now + delay, last) + work
            assert leaves <= max(now + delay, last) + work + 1  # it never idles
            last = leaves


@given(way=WAYS, packets=PACKETS)
def test_the_queue_is_never_longer_than_it_may_be_and_drops_only_then(
    library: Any, way: Way, packets: list[Packet]
) -> None:
    assume(way.rate)
    engine, now, sent_at = Engine(library, way), 0, 0.0
    for gap, size in packets:
        now += gap
        waiting = max(0.0, sent_at - now) * way.rate / 8 / NANOSECONDS
        fate, _ = engine.take(now, size)
        assert (fate == QUEUE_FULL) == (waiting + size > way.queue) or abs(
            waiting + size - way.queue
        ) < 1
        if fate != QUEUE_FULL:  # what the wire loses has been sent all the same
            sent_at = engine.state.free_at
        assert engine.state.queue_most <= way.queue + 1  # what is half sent is no whole byte


def test_the_mean_queue(library: Any) -> None:
    """8 Mbit/s is a byte in a microsecond: 1000 bytes are gone after a millisecond."""
    engine = Engine(library, Way(8_000_000, 0.0, 10_000))
    engine.take(0, 1000)
    engine.take(500_000, 1000)  # 500 are left, and 1500 then: 750 µs on average so far
    assert engine.state.queue_area == pytest.approx(750 * 500_000)
    engine.take(4_000_000, 1000)  # a triangle of 1500 bytes and 1.5 ms, and nothing after it
    assert engine.state.queue_area == pytest.approx(750 * 500_000 + 1500 * 1_500_000 / 2)
    assert engine.state.queue_most == pytest.approx(1500)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("loss", [0.001, 0.01, 0.05])
def test_the_share_that_is_lost(library: Any, loss: float, seed: int) -> None:
    """Within four standard deviations of the binomial distribution."""
    count = 20_000
    engine = Engine(library, Way(loss=loss), seed)
    engine.carry([(1, 100)] * count)
    assert abs(engine.state.packets[LOST] - count * loss) < 4 * (count * loss * (1 - loss)) ** 0.5
    assert engine.state.packets[IN_BURST] == 0


def test_losses_in_bursts_are_as_many_and_as_long_as_described(library: Any) -> None:
    way = Way(bursts=Bursts.of(0.01, 4))
    assert way.lost == pytest.approx(0.01)
    count = 200_000
    left = Engine(library, way, 7).carry([(1, 100)] * count)
    lost = [fate == IN_BURST for fate, _ in left]
    began = sum(1 for before, now in zip([False, *lost], lost, strict=False) if now and not before)
    assert sum(lost) / count == pytest.approx(0.01, rel=0.15)
    assert sum(lost) / began == pytest.approx(4, rel=0.1)


@given(way=WAYS, seed=st.integers(0, 2**40), gaps=st.lists(st.integers(0, 10**6), max_size=60))
def test_the_same_seed_loses_the_same_packets_however_they_come(
    library: Any, way: Way, seed: int, gaps: list[int]
) -> None:
    free = replace(way, rate=0)
    first = Engine(library, free, seed)
    once = [fate for fate, _ in first.carry([(gap, MTU) for gap in gaps])]
    assert [fate for fate, _ in Engine(library, free, seed).carry([(0, 40)] * len(gaps))] == once
    first.again()
    assert [fate for fate, _ in first.carry([(1, 40)] * len(gaps))] == once
    assert list(first.state.packets) == [once.count(fate) for fate in range(len(FATES))]


def test_other_seeds_and_the_other_way_lose_other_packets(library: Any) -> None:
    link = Link.of(100_000_000, 0.05, loss=0.3)
    assert link.words()[7] != link.words()[15]
    found = {
        tuple(fate for fate, _ in Engine(library, Way(loss=0.3), seed).carry([(1, 9)] * 99))
        for seed in range(20)
    }
    assert len(found) == 20


# --- the description


def test_a_link_by_its_rate_and_its_round_trip() -> None:
    link = Link.of(100_000_000, 0.05, loss=0.01)
    assert link.there == link.back == Way(100_000_000, 0.025, 625_000, 0.01)
    assert link.rtt == 0.05
    assert Link.of(1000, 0.0).there.queue == MTU


@pytest.mark.parametrize(
    "wrong", [{"rate": 1, "queue": 1}, {"rate": -1, "queue": MTU}, {"delay": -1.0}, {"loss": 1.0}]
)
def test_what_no_way_does(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="byte|packets"):
        Way(**wrong)


def test_sources_are_beside_the_package() -> None:
    assert all(Path(source).is_file() for source in SOURCES)
