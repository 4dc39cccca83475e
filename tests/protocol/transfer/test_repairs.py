"""PROTOCOL 5.14: a block that comes out wrong is found as it arrives, and comes again."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.doubles.link import Faults, Pair, leaf_of_block
from toom_protocol.transfer import events
from toom_protocol.transfer.frames import LEAF_SIZE, Ack, Fin, Leaves, Offer, Repair
from toom_protocol.transfer.packets import BATCH, LARGEST_CHUNK
from toom_protocol.transfer.reasons import Reason
from toom_protocol.transfer.repairs import FARTHEST, MOST_SPOILT, REPEAT, Repairs

from .test_audience import receiving
from .test_presenter import accepted

BLOCK = BATCH * LARGEST_CHUNK  # bytes
LEAF = b"l" * LEAF_SIZE
WRONG = bytes(LEAF_SIZE)


def told(first: int, *leaves: bytes) -> Leaves:
    return Leaves(first, b"".join(leaves))


def test_a_block_is_compared_whichever_comes_first() -> None:
    repairs = Repairs(4)
    assert repairs.take(0, LEAF)
    assert repairs.take(1, WRONG), "nothing is known of it yet"
    assert repairs.hear(told(0, LEAF, LEAF, LEAF)) == [1]
    assert not repairs.take(2, WRONG)
    assert (repairs.known, repairs.proved) == (3, 1)
    assert repairs.take(1, LEAF)
    assert repairs.take(2, LEAF)
    assert (repairs.proved, repairs.is_done) == (3, False)
    assert repairs.hear(told(3, LEAF)) == []
    assert repairs.take(3, LEAF)
    assert repairs.is_done


def test_leaves_that_come_out_of_order_or_again_count_once() -> None:
    repairs = Repairs(3)
    assert repairs.hear(told(1, LEAF)) == []
    assert repairs.known == 0
    assert repairs.hear(told(0, LEAF, WRONG, WRONG)) == [], "the first word counts"
    assert repairs.known == 3
    assert repairs.take(1, LEAF)


def test_leaves_past_the_end_or_far_ahead_are_not_kept() -> None:
    repairs = Repairs(FARTHEST + 10)
    assert repairs.hear(told(FARTHEST, LEAF)) == []
    assert repairs.take(FARTHEST, WRONG)
    few = Repairs(1)
    assert few.hear(told(0, LEAF, LEAF)) == []
    assert few.known == 1


def test_blocks_of_an_earlier_try_are_proved() -> None:
    repairs = Repairs(3)
    repairs.skip(2)
    assert (repairs.known, repairs.proved) == (2, 2)


def test_the_same_is_asked_again_until_the_block_is_whole() -> None:
    repairs = Repairs(1)
    repairs.hear(told(0, LEAF))
    assert not repairs.take(0, WRONG)
    assert repairs.ask(0, 46, now=1.0)
    assert repairs.frames(now=1.0) == [Repair(((0, 1),))]
    assert repairs.frames(now=1.0 + REPEAT / 2) == []
    assert repairs.due == 1.0 + REPEAT
    assert repairs.frames(now=1.0 + REPEAT) == [Repair(((0, 1),))]
    assert repairs.is_old(45, 44, 1)
    assert not repairs.is_old(46, 44, 1)
    assert repairs.take(0, LEAF)
    assert repairs.frames(now=5.0) == []
    assert repairs.due == float("inf")


def test_an_old_packet_is_not_taken_for_a_new_one_nor_acknowledged() -> None:
    engine = receiving(Offer(2 * BLOCK, "a.mp4"))
    engine.receive_run(1, 0, BATCH, now=0.1)
    engine.hashed(0, WRONG, now=0.1)
    engine.receive(100, (told(0, LEAF),), now=0.2)
    assert engine.next_event() == events.Damaged(0)
    assert engine.chunks.contiguous == 0
    assert engine.receive_run(1, 0, BATCH, now=0.3) == []
    assert engine.receive_run(60, 0, 1, now=0.3) == []
    [repair, ack] = [frame for item in engine.poll(now=0.3) for frame in item.frames]
    assert repair == Repair(((0, 1),))
    assert isinstance(ack, Ack)
    assert ack.ranges == ((100, 101), (1, 1 + BATCH))
    assert engine.receive_run(101, 0, BATCH, now=0.4) == [(0, BATCH)]


def test_what_is_asked_is_sent_once_for_each_time_that_it_was_wrong() -> None:
    engine = accepted(2 * BATCH)
    engine.sending.next_chunk = 2 * BATCH
    retransmit = engine.sending.recovery.retransmit
    for number, (block, times) in enumerate([(1, 1), (1, 1), (1, 2), (1, MOST_SPOILT), (2, 1)]):
        engine.receive(1 + number, (Repair(((block, times),)),), now=0.02)
    assert list(retransmit) == [(BATCH, BATCH)] * 2
    assert [engine.next_event() for _ in range(3)] == [events.Disputed(1)] * 2 + [None]


def test_what_was_not_sent_yet_is_not_sent_again() -> None:
    engine = accepted(2 * BATCH)
    engine.receive(1, (Repair(((0, 1),)),), now=0.02)
    assert not engine.sending.recovery.retransmit
    assert engine.next_event() is None


def assert_mended(pair: Pair, spoilt: dict[int, int]) -> None:
    assert pair.presenter_events[-1] == events.Delivered()
    assert pair.audience_events[-1] == events.Received()
    for block in range(-(-len(pair.written) // BATCH)):
        content = set(pair.written[block * BATCH : (block + 1) * BATCH])
        assert content == {1 + spoilt.get(block, 0)}, f"block {block}"
    damaged = [event.block for event in pair.audience_events if isinstance(event, events.Damaged)]
    assert sorted(damaged) == sorted(block for block in spoilt for _ in range(spoilt[block]))


@pytest.mark.parametrize("loss", [0.0, 0.1])
def test_a_damaged_block_is_mended_while_others_come(loss: float) -> None:
    spoilt = {0: 1, 5: 2, 17: 1}
    link = Faults(delay=0.01, loss=loss, rate=4000)
    pair = Pair(18 * BLOCK, 3, link, spoilt=dict(spoilt)).run()
    assert_mended(pair, spoilt)


def test_a_block_that_is_spoilt_again_and_again_ends_the_transfer() -> None:
    pair = Pair(9 * BLOCK, 3, spoilt={4: MOST_SPOILT}).run()
    for told_of in (pair.presenter_events, pair.audience_events):
        assert isinstance(told_of[-1], events.Failed)
        assert told_of[-1].reason is Reason.DIGEST_MISMATCH


def test_a_root_that_differs_from_right_leaves_still_ends_it() -> None:
    engine = receiving(Offer(BLOCK, "a.mp4"))
    engine.receive_run(1, 0, BATCH, now=0.1)
    engine.hashed(0, LEAF, now=0.1)
    engine.receive(100, (told(0, LEAF), Fin(b"r" * 32)), now=0.2)
    assert engine.next_event() == events.Whole()
    engine.digested(b"x" * 32, now=0.2)
    event = engine.next_event()
    assert isinstance(event, events.Failed)
    assert event.reason is Reason.DIGEST_MISMATCH


@settings(max_examples=60, deadline=None)
@given(
    blocks=st.integers(1, 12),
    rest=st.integers(0, BLOCK - 1),
    spoilt=st.dictionaries(st.integers(0, 12), st.integers(1, MOST_SPOILT - 1)),
    seed=st.integers(0, 2**32),
    loss=st.floats(0, 0.3),
    reorder=st.floats(0, 0.5),
    duplicate=st.floats(0, 0.5),
    delay=st.floats(0.0001, 0.2),
    rate=st.one_of(st.none(), st.floats(1000, 50_000)),
)
def test_whatever_is_damaged_is_mended_over_any_link(
    blocks: int,
    rest: int,
    spoilt: dict[int, int],
    seed: int,
    loss: float,
    reorder: float,
    duplicate: float,
    delay: float,
    rate: float | None,
) -> None:
    link = Faults(delay, loss, reorder, late=delay, duplicate=duplicate, rate=rate)
    pair = Pair((blocks - 1) * BLOCK + rest + 1, seed, link, spoilt=dict(spoilt)).run()
    total = -(-len(pair.written) // BATCH)
    assert_mended(pair, {block: times for block, times in spoilt.items() if block < total})


def test_leaves_of_numbers_differ() -> None:
    assert leaf_of_block(0) not in (leaf_of_block(1), WRONG)
