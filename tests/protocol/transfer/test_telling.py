"""PROTOCOL 5.14: which leaves the presenter tells when, and again."""

import math

from toom_protocol.transfer.frames import LEAF_SIZE, Leaves
from toom_protocol.transfer.packets import HEADER_SIZE, TAG_SIZE
from toom_protocol.transfer.telling import MOST_UNKNOWN, PER_DATAGRAM, TELL_DELAY, Telling
from toom_protocol.transfer.timing import RoundTrip

RTT = RoundTrip()
PATIENCE = RTT.probe_timeout(0)


def leaves(first: int, count: int) -> bytes:
    return b"".join(block.to_bytes(LEAF_SIZE, "big") for block in range(first, first + count))


def made(count: int, *, is_last: bool = False) -> Telling:
    telling = Telling()
    telling.add(leaves(0, count), now=0.0, is_last=is_last)
    return telling


def told(telling: Telling, now: float) -> list[Leaves]:
    frames = []
    while (frame := telling.frame(now=now, rtt=RTT)) is not None:
        frames.append(frame)
    return frames


def test_a_few_leaves_wait_for_others() -> None:
    telling = made(2)
    assert told(telling, 0.0) == []
    assert telling.deadline() == TELL_DELAY
    telling.add(leaves(2, 1), now=0.02, is_last=False)
    assert told(telling, TELL_DELAY) == [Leaves(0, leaves(0, 3))]


def test_a_full_datagram_and_the_last_leaves_do_not_wait() -> None:
    assert told(made(PER_DATAGRAM), 0.0) == [Leaves(0, leaves(0, PER_DATAGRAM))]
    assert told(made(2, is_last=True), 0.0) == [Leaves(0, leaves(0, 2))]


def test_no_datagram_is_longer_than_half_a_chunk() -> None:
    """PROTOCOL 5.13: «no datagram has more than 740 bytes», and 614 with short chunks."""
    assert HEADER_SIZE + 3 + 4 + PER_DATAGRAM * LEAF_SIZE + TAG_SIZE <= 614


def test_what_is_not_acknowledged_is_told_again_from_the_first_one_on() -> None:
    telling = made(2 * PER_DATAGRAM)
    assert len(told(telling, 0.0)) == 2
    telling.acknowledge(3, now=0.1, rtt=RTT)
    assert telling.deadline() == 0.1 + PATIENCE
    assert told(telling, 0.1 + PATIENCE) == [Leaves(3, leaves(3, PER_DATAGRAM))]
    assert telling.deadline() == 0.1 + PATIENCE + RTT.probe_timeout(1)
    telling.acknowledge(2 * PER_DATAGRAM, now=1.0, rtt=RTT)
    assert telling.deadline() == math.inf


def test_who_has_been_away_is_told_soon() -> None:
    telling = made(PER_DATAGRAM)
    now = 0.0
    for _ in range(5):
        told(telling, now)
        now = telling.deadline()
    telling.acknowledge(0, now=now - 1.0, rtt=RTT)
    assert telling.deadline() == now - 1.0 + PATIENCE


def test_so_many_may_be_under_way() -> None:
    telling = made(MOST_UNKNOWN + PER_DATAGRAM)
    assert len(told(telling, 0.0)) == MOST_UNKNOWN // PER_DATAGRAM
    telling.acknowledge(1, now=0.01, rtt=RTT)
    assert told(telling, 0.01) == [Leaves(MOST_UNKNOWN, leaves(MOST_UNKNOWN, PER_DATAGRAM))]


def test_old_words_and_impossible_ones_change_nothing() -> None:
    telling = made(PER_DATAGRAM)
    told(telling, 0.0)
    telling.acknowledge(4, now=0.1, rtt=RTT)
    for known in (0, 4, PER_DATAGRAM + 1, 1 << 32):
        telling.acknowledge(known, now=0.2, rtt=RTT)
    assert told(telling, 5.0) == [Leaves(4, leaves(4, PER_DATAGRAM - 4))]
