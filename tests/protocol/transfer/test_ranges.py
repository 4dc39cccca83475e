"""PROTOCOL 5.4: the packets that have arrived."""

from hypothesis import given
from hypothesis import strategies as st

from toom_protocol.transfer.ranges import PacketRanges

RUNS = st.lists(st.tuples(st.integers(0, 120), st.integers(1, 9)), max_size=60)


@given(RUNS)
def test_ranges_hold_exactly_what_was_added(runs: list[tuple[int, int]]) -> None:
    ranges, model = PacketRanges(limit=1000), set()
    for start, count in runs:
        ranges.add(start, start + count)
        model |= set(range(start, start + count))
    listed = ranges.newest_first()
    assert {number for start, end in listed for number in range(start, end)} == model
    assert all(later[0] > earlier[1] for later, earlier in zip(listed, listed[1:], strict=False))
    assert ranges.end == max(model, default=-1) + 1
    assert {number for number in range(140) if number in ranges} == model


@given(RUNS)
def test_of_too_many_the_newest_are_kept(runs: list[tuple[int, int]]) -> None:
    few, all_of_them = PacketRanges(limit=3), PacketRanges(limit=1000)
    for start, count in runs:
        few.add(start, start + count)
        all_of_them.add(start, start + count)
    assert len(few.newest_first()) <= 3
    known = {n for start, end in all_of_them.newest_first() for n in range(start, end)}
    assert {n for start, end in few.newest_first() for n in range(start, end)} <= known


def test_the_newest_range_stands_first() -> None:
    ranges = PacketRanges(limit=2)
    for start in (0, 10, 20):
        ranges.add(start, start + 2)
    assert ranges.newest_first() == ((20, 22), (10, 12))
