"""PROTOCOL 5.5: chunks that are out twice, as probes, are sent again when both are lost."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.transfer.recovering import as_ranges, sending
from toom_protocol.transfer.recovery import Recovery


def probed() -> Recovery:
    """Chunks 1000 to 1003 are out as packets 0 to 3, and copies of the ends as 10 and 11."""
    recovery = sending((0.0, 0, 4))
    for number, chunk in enumerate(recovery.on_timer(now=1.0), start=10):
        recovery.on_sent(number, chunk, 1, now=1.0, limited=False, copied=True)
    return recovery


def test_of_two_packets_with_a_chunk_one_is_enough() -> None:
    """PROTOCOL 5.5: what a probe has brought is not sent again, nor is a probe that is lost."""
    recovery = probed()
    recovery.on_ack(((10, 11),), 0.0, now=1.1)  # of 1003
    recovery.detect_losses(now=2.0)
    assert list(recovery.retransmit) == [(1000, 3)]
    recovery.on_sent(20, 1000, 3, now=2.0, limited=False)
    recovery.on_ack(((20, 23), (10, 11)), 0.0, now=2.1)
    recovery.detect_losses(now=9.0)
    assert list(recovery.retransmit) == [(1000, 3)]
    assert recovery.in_flight == 0


def test_a_chunk_that_is_sent_anew_later_is_not_taken_for_its_copy() -> None:
    """PROTOCOL 5.14: a block may come out wrong after all of its chunks were acknowledged."""
    recovery = probed()
    recovery.on_sent(20, 1003, 1, now=1.05, limited=False)
    recovery.on_ack(((10, 11),), 0.0, now=1.1)
    recovery.give_up_in_flight(now=5.0)
    assert list(recovery.retransmit) == [(1000, 3), (1003, 1)]


def test_probes_stand_for_their_chunks_when_the_rest_is_given_up() -> None:
    recovery = probed()
    recovery.give_up_in_flight(now=1.0)
    assert list(recovery.retransmit) == [(1001, 2)]
    recovery.give_up_in_flight(now=5.0)
    assert list(recovery.retransmit) == [(1001, 2), (1003, 1), (1000, 1)]


def test_nothing_is_forgotten_on_another_path() -> None:
    recovery = probed()
    recovery.give_up_in_flight(now=1.0)
    assert list(recovery.afresh(now=1.0).retransmit) == [(1001, 2), (1003, 1), (1000, 1)]


@pytest.mark.slow
@given(st.integers(0, 2**32))
def test_with_probes_too_no_chunk_is_forgotten_and_none_is_out_twice(seed: int) -> None:
    rng = random.Random(seed)
    recovery, number, now = Recovery(now=0.0), 0, 0.0
    chunk_of: dict[int, int] = {}
    delivered: set[int] = set()

    def send(chunk: int, count: int, *, copied: bool = False) -> None:
        nonlocal number
        recovery.on_sent(number, chunk, count, now=now, limited=False, copied=copied)
        for each in range(chunk, chunk + count):
            chunk_of[number] = each
            number += 1

    fresh = 0
    for _ in range(60):
        now += rng.random() * 0.2
        due = recovery.deadline()
        if due is not None and due <= now:
            for chunk in recovery.on_timer(now=now):
                send(chunk, 1, copied=True)
            if recovery.probes >= 3:
                recovery.give_up_in_flight(now=now)
        while recovery.retransmit and rng.random() < 0.7:
            send(*recovery.retransmit.popleft())
        if rng.random() < 0.5:
            count = rng.randrange(1, 5)
            send(fresh, count)
            fresh += count
        if number and rng.random() < 0.4:
            delivered |= set(rng.sample(range(number), rng.randrange(min(number, 6))))
            recovery.on_ack(as_ranges(delivered), 0.0, now=now)
    if rng.random() < 0.5:
        recovery.give_up_in_flight(now=now + 9)
    else:
        recovery = recovery.afresh(now=now)
    lost = [c for chunk, count in recovery.retransmit for c in range(chunk, chunk + count)]
    assert {chunk_of[number] for number in delivered} | set(lost) >= set(range(fresh))
    assert len(lost) == len(set(lost))
