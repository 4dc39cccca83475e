"""PROTOCOL 5.4: which chunks are here, in flat memory."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from toom_protocol.transfer.chunks import ChunkMap


@given(
    st.integers(0, 90),
    st.integers(1, 20),
    st.lists(st.tuples(st.integers(0, 95), st.integers(1, 12)), max_size=120),
)
def test_each_chunk_is_new_once(total: int, window: int, runs: list[tuple[int, int]]) -> None:
    chunks, model = ChunkMap(total, window=window), set[int]()
    for chunk, count in runs:
        taken = {n for n in range(chunk, chunk + count) if n < chunks.credit} - model
        pieces = chunks.add(chunk, count)
        assert {n for start, size in pieces for n in range(start, start + size)} == taken
        assert sum(size for _, size in pieces) == len(taken)
        model |= taken
        hole = next(n for n in range(total + 1) if n not in model or n == total)
        assert chunks.contiguous == hole
        assert chunks.credit == min(total, hole + window)
        assert chunks.whole == (len(model) == total)


@given(
    st.integers(1, 90),
    st.integers(1, 20),
    st.lists(st.tuples(st.booleans(), st.integers(0, 95), st.integers(1, 12)), max_size=120),
)
def test_what_is_forgotten_is_new_again_and_credit_stays(
    total: int, window: int, steps: list[tuple[bool, int, int]]
) -> None:
    """PROTOCOL 5.14: «A block that differs is missing again»."""
    chunks, model, credit = ChunkMap(total, window=window), set[int](), 0
    for is_damaged, chunk, count in steps:
        some = set(range(chunk, min(chunk + count, total)))
        if is_damaged and some <= model and some:
            chunks.forget(chunk, count)
            model -= some
        elif not is_damaged:
            taken = {n for n in some if n < chunks.credit} - model
            pieces = chunks.add(chunk, count)
            assert {n for start, size in pieces for n in range(start, start + size)} == taken
            model |= taken
        hole = next(n for n in range(total + 1) if n not in model or n == total)
        credit = max(credit, min(total, hole + window))
        assert (chunks.contiguous, chunks.credit) == (hole, credit)


def test_credit_is_never_taken_back() -> None:
    chunks = ChunkMap(100, window=10)
    chunks.add(0, 10)
    chunks.forget(0, 5)
    chunks.add(0, 2)
    assert (chunks.contiguous, chunks.credit) == (2, 20)


def test_a_block_that_is_forgotten_late_costs_memory_only_until_it_is_here() -> None:
    chunks = ChunkMap(100_000, window=64)
    for chunk in range(0, 50_000, 40):
        chunks.add(chunk, 40)
    chunks.forget(0, 45)
    assert chunks.contiguous == 0
    assert chunks.add(0, 45) == [(0, 45)]
    assert chunks.contiguous == 50_000
    assert len(chunks._here) == 2 * 64


def test_memory_stays_flat_over_a_long_file() -> None:
    chunks = ChunkMap(1_000_000, window=64)
    for chunk in range(0, 1_000_000, 40):
        assert chunks.add(chunk, 40) == [(chunk, 40)]
    assert chunks.whole
    assert chunks.add(5, 1) == []


def test_a_run_may_reach_back_before_the_bitmap() -> None:
    chunks = ChunkMap(100, window=8)
    assert chunks.add(0, 8) == [(0, 8)]  # the bitmap slides on to chunk 8
    assert chunks.add(5, 6) == [(8, 3)]
    assert chunks.contiguous == 11


def test_a_file_of_nothing_is_whole() -> None:
    assert ChunkMap(0).whole


def test_a_map_of_nothing_takes_no_memory() -> None:
    tracemalloc.start()
    maps = [ChunkMap(0) for _ in range(100)]
    assert tracemalloc.get_traced_memory()[0] < 100_000
    tracemalloc.stop()
    assert all(chunks.whole for chunks in maps)
