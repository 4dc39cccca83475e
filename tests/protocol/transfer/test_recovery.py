"""PROTOCOL 5.5: loss by packets and by time, probes, samples; RFC 9002 6, RFC 8985 6."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.transfer.recovering import as_ranges, sending
from toom_protocol.transfer.recovery import Recovery
from toom_protocol.transfer.reordering import REORDERING_PERSISTS


def test_three_packets_later_a_packet_is_lost() -> None:
    """RFC 9002 6.1.1: kPacketThreshold is 3"""
    recovery = sending((0.0, 0, 10))
    recovery.on_ack(((1, 3),), 0.0, now=0.1)
    assert not recovery.retransmit
    recovery.on_ack(((1, 4),), 0.0, now=0.1)
    assert list(recovery.retransmit) == [(1000, 1)]
    assert recovery.in_flight == 6


def test_a_run_is_split_at_the_gaps() -> None:
    recovery = sending((0.0, 0, 20))
    sample = recovery.on_ack(((15, 20), (4, 8)), 0.0, now=0.1)
    assert sample is not None
    assert sample.acked == 9
    assert sample.lost == 11
    assert list(recovery.retransmit) == [(1000, 4), (1008, 7)]
    assert recovery.in_flight == 0
    assert recovery.deadline() is None


def test_only_the_overtaken_part_of_a_run_is_lost() -> None:
    recovery = sending((0.0, 0, 6))
    recovery.on_ack(((5, 6),), 0.0, now=0.1)
    assert list(recovery.retransmit) == [(1000, 3)]
    assert recovery.in_flight == 2


def test_time_declares_lost_what_packets_did_not() -> None:
    """RFC 9002 6.1.2"""
    recovery = sending((0.0, 0, 3))
    recovery.on_ack(((2, 3),), 0.0, now=0.1)
    due = recovery.deadline()
    assert due == pytest.approx(0.100 + 0.025)  # a round trip and a quarter of the smallest
    assert recovery.on_timer(now=0.126) == []
    assert list(recovery.retransmit) == [(1000, 2)]
    assert recovery.in_flight == 0


def test_reordering_switches_the_packet_threshold_off() -> None:
    """RFC 8985 6.2 step 4: once reordering was seen, only time counts"""
    recovery = sending((0.0, 0, 10), (0.01, 10, 10))
    recovery.on_ack(((1, 3),), 0.0, now=0.1)
    recovery.on_ack(((0, 3),), 0.0, now=0.101)  # packet 0 came late
    recovery.on_ack(((15, 16), (0, 3)), 0.0, now=0.105)
    assert not recovery.retransmit
    recovery.on_timer(now=0.2)
    assert list(recovery.retransmit) == [(1003, 7), (1010, 5)]


def test_a_spurious_loss_widens_the_reordering_window_once_a_round_trip() -> None:
    """RFC 8985 6.2 step 4, with evidence of needless retransmissions"""
    recovery = sending((0.0, 0, 40))
    before = recovery.reordering_window
    recovery.on_ack(((30, 31),), 0.0, now=0.1)
    assert recovery.lost_total == 28
    recovery.on_ack(((30, 31), (0, 28)), 0.0, now=0.11)
    assert recovery.spurious_total == 28
    assert recovery.reordering_window == 2 * before
    for step in range(10):
        time = 1.0 + step
        recovery.on_sent(100 + 10 * step, 0, 10, now=time, limited=False)
        recovery.on_ack(((105 + 10 * step, 106 + 10 * step),), 0.0, now=time + 0.1)
        recovery.on_timer(now=time + 0.8)
        recovery.on_ack(((100 + 10 * step, 106 + 10 * step),), 0.0, now=time + 0.85)
    assert recovery.reordering_window == recovery.rtt.smoothed  # never more than that
    recovery.rtt.sample(0.5, ack_delay=0.0)
    assert recovery.reordering_window == recovery.rtt.smoothed > 4.5 * before


def test_the_reordering_window_shrinks_when_nothing_was_spurious_for_16_episodes() -> None:
    """RFC 8985 6.2 step 4: reo_wnd_persist"""
    recovery = sending((0.0, 0, 40))
    before = recovery.reordering_window
    recovery.on_ack(((30, 31),), 0.0, now=0.1)
    recovery.on_ack(((30, 31), (0, 28)), 0.0, now=0.11)
    for episode in range(REORDERING_PERSISTS + 1):
        assert recovery.reordering_window == pytest.approx(2 * before)
        number, time = 100 + 10 * episode, 2.0 + episode
        recovery.on_sent(number, 0, 10, now=time, limited=False)
        recovery.on_ack(((number + 5, number + 10),), 0.0, now=time + 0.1)
        recovery.on_timer(now=time + 0.4)
    assert recovery.reordering_window == pytest.approx(before)


def test_a_late_acknowledgement_within_a_second_is_looked_for_only_among_the_declared() -> None:
    recovery = sending((0.0, 0, 10))
    recovery.on_ack(((5, 10),), 0.0, now=0.1)
    assert recovery.lost_total == 5
    recovery.on_ack(((5, 10), (0, 1)), 0.0, now=0.15)
    recovery.on_ack(((5, 10), (0, 1)), 0.0, now=5.0)  # too late to learn from
    assert recovery.spurious_total == 1


def test_the_controller_hears_of_the_spurious_and_of_when_the_lost_were_sent() -> None:
    recovery = sending((0.0, 0, 10), (0.02, 10, 10))
    sample = recovery.on_ack(((15, 16),), 0.0, now=0.13)
    assert sample is not None
    assert (sample.lost, sample.spurious, sample.lost_sent_at) == (13, 0, 0.02)
    assert recovery.on_ack(((15, 16), (2, 5), (0, 1)), 0.0, now=0.14) is None  # nothing new
    sample = recovery.on_ack(((15, 17), (2, 5), (0, 1)), 0.0, now=0.15)
    assert sample is not None
    assert sample.spurious == recovery.spurious_total == 4


def test_marks_are_counted_from_the_audiences_sum() -> None:
    """RFC 9000 19.3.2"""
    recovery = sending((0.0, 0, 10), (0.01, 10, 10))
    marks = []
    for end, told in ((5, 2), (10, 1), (12, 3), (14, 99)):
        sample = recovery.on_ack(((0, end),), 0.0, now=0.1 + end / 1000, marked=told)
        assert sample is not None
        marks.append(sample.marked)
    assert marks == [2, 0, 1, 2]  # an older sum says nothing; no more than was acknowledged


def test_no_probe_while_a_loss_is_due() -> None:
    """RFC 9002 6.2.1: the probe timer is not set while the loss timer is"""
    recovery = sending((0.0, 0, 40))
    recovery.on_ack(((30, 31),), 0.0, now=0.1)
    recovery.on_ack(((30, 31), (0, 28)), 0.0, now=0.11)  # only late: the window is 50 ms now
    for _ in range(40):
        recovery.rtt.sample(0.1, ack_delay=0.0)  # so steady that a probe would be due after 27 ms
    recovery.on_sent(100, 0, 10, now=1.0, limited=False)
    recovery.on_ack(((105, 106),), 0.0, now=1.1)
    recovery.on_timer(now=1.1)  # what is older is lost
    assert recovery.deadline() == pytest.approx(1.15)
    assert recovery.on_timer(now=1.14) == []
    assert recovery.probes == 0


def test_the_probes_that_have_just_left_are_not_given_up() -> None:
    """Their answers are the first word that comes back."""
    recovery = sending((0.0, 0, 5))
    recovery.on_sent(10, 1004, 1, now=1.0, limited=False)
    recovery.give_up_in_flight(now=1.0)
    assert recovery.in_flight == 1
    sample = recovery.on_ack(((10, 11),), 0.0, now=1.1)
    assert sample is not None
    assert sample.lost == 0
    assert sample.rate == pytest.approx(1 / 0.1)


def test_persistent_congestion_forgets_the_smallest_round_trip() -> None:
    """RFC 9002 5.2"""
    recovery = sending((0.0, 0, 5))
    recovery.give_up_in_flight(now=1.0)
    recovery.on_sent(10, 1000, 2, now=1.0, limited=False)
    recovery.on_ack(((10, 12),), 0.0, now=1.4)
    assert recovery.rtt.minimum == pytest.approx(0.4)


def test_probes_are_the_newest_and_the_oldest_chunk() -> None:
    """RFC 9002 6.2.4"""
    recovery = sending((0.0, 0, 5), (0.01, 5, 5))
    assert recovery.on_timer(now=0.02) == []
    due = recovery.deadline()
    assert due is not None
    assert recovery.on_timer(now=due) == [1009, 1000]
    assert recovery.probes == 1
    later = recovery.deadline()
    assert later is not None
    assert later - due > 0.3  # doubled
    recovery.on_ack(((0, 1),), 0.0, now=0.5)
    assert recovery.probes == 0


def test_one_packet_in_flight_is_probed_once() -> None:
    recovery = sending((0.0, 0, 1))
    assert recovery.on_timer(now=10.0) == [1000]


def test_persistent_congestion_loses_everything() -> None:
    """RFC 9002 7.6"""
    recovery = sending((0.0, 0, 5), (0.01, 5, 5))
    recovery.give_up_in_flight(now=1.0)
    assert recovery.in_flight == 0
    assert list(recovery.retransmit) == [(1000, 5), (1005, 5)]
    assert recovery.on_timer(now=99.0) == []


def test_what_was_given_up_is_not_told_to_the_controller_that_begins_anew() -> None:
    """PROTOCOL 5.5: it would take it for congestion of its own"""
    recovery = sending((0.0, 0, 5), (0.01, 5, 5))
    recovery.give_up_in_flight(now=1.0)
    recovery.on_sent(10, 1000, 2, now=1.0, limited=False)
    sample = recovery.on_ack(((10, 12),), 0.0, now=1.1)
    assert sample is not None
    assert sample.lost == 0


def test_an_acknowledgement_of_nothing_new_is_no_sample() -> None:
    recovery = sending((0.0, 0, 5))
    assert recovery.on_ack((), 0.0, now=0.1) is None
    assert recovery.on_ack(((0, 5),), 0.0, now=0.1) is not None
    assert recovery.on_ack(((0, 5),), 0.0, now=0.2) is None


def test_the_rate_is_what_was_delivered_between() -> None:
    recovery = Recovery(now=0.0)
    rates = []
    for step in range(30):
        if step >= 10:
            sample = recovery.on_ack(((0, 10 * (step - 9)),), 0.0, now=step * 0.01)
            assert sample is not None
            rates.append(sample.rate)
        recovery.on_sent(10 * step, 0, 10, now=step * 0.01, limited=False)
    assert rates[-1] == pytest.approx(1000)
    assert recovery.delivered == 200


def test_no_time_no_rate() -> None:
    recovery = sending((0.0, 0, 5))
    sample = recovery.on_ack(((0, 5),), 0.0, now=0.0)
    assert sample is not None
    assert sample.rate is None


@pytest.mark.slow
@given(st.integers(0, 2**32))
def test_every_packet_is_acknowledged_lost_or_in_flight(seed: int) -> None:
    """Chunks are never forgotten, whatever is acknowledged in whatever order."""
    rng = random.Random(seed)
    recovery, number, now = Recovery(now=0.0), 0, 0.0
    delivered: set[int] = set()
    for _ in range(40):
        now += rng.random() * 0.05
        count = rng.randrange(1, 9)
        recovery.on_sent(number, number, count, now=now, limited=False)
        number += count
        if rng.random() < 0.7:
            delivered |= set(rng.sample(range(number), rng.randrange(number)))
            recovery.on_ack(as_ranges(delivered), 0.0, now=now)
        due = recovery.deadline()
        if due is not None and due <= now:
            recovery.on_timer(now=now)
    assert recovery.delivered + recovery.in_flight + recovery.lost_total == number
    recovery.give_up_in_flight(now=now + 1)
    lost = {c for chunk, count in recovery.retransmit for c in range(chunk, chunk + count)}
    assert lost | delivered == set(range(number))


def test_a_clock_that_stood_still_measures_no_round_trip_of_nothing() -> None:
    """Found by fuzzing: a controller divides by what the path holds."""
    book = Recovery(now=1.0)
    book.on_sent(0, 0, 1, now=1.0, limited=False)
    sample = book.on_ack(((0, 1),), 0.0, now=1.0)
    assert sample is not None
    assert sample.rtt > 0


def test_at_the_end_what_left_last_is_sent_again_once_newest_first() -> None:
    recovery = sending((0.0, 0, 10), (0.06, 10, 10), (0.09, 20, 5))
    assert not recovery.can_copy(at=0.1)  # where nothing is lost it would be in vain
    recovery.on_ack(((9, 10),), 0.0, now=0.1)
    assert recovery.lost_total == 7
    copies = []
    while recovery.can_copy(at=0.1):  # half a round trip ago is 0.05
        chunk, count = recovery.copy(3, at=0.1)
        copies.append((chunk, count))
        number = 30 + 3 * len(copies)
        recovery.on_sent(number, chunk, count, now=0.1, limited=True, copied=True)
    assert copies == [(1022, 3), (1020, 2), (1017, 3), (1014, 3), (1011, 3), (1010, 1)]
    assert recovery.copy(3, at=0.1) == (0, 0)


def test_what_is_acknowledged_or_too_old_is_not_sent_again() -> None:
    recovery = sending((0.0, 0, 10), (0.06, 10, 10), (0.09, 20, 5))
    recovery.on_ack(((18, 25), (9, 10)), 0.0, now=0.16)
    assert recovery.lost_total == 17
    assert not recovery.can_copy(at=0.16)
    recovery.on_sent(30, 1030, 4, now=0.16, limited=True)
    assert recovery.can_copy(at=0.2)
    assert not recovery.can_copy(at=0.3)


def test_what_a_pause_has_outlasted_is_given_up_without_a_word_to_the_controller() -> None:
    """PROTOCOL 5.15: a pause shorter than a probe timeout changes nothing."""
    book = Recovery(now=0.0)
    book.rtt.sample(0.1, ack_delay=0.0)
    book.on_sent(0, 0, 10, now=0.0, limited=False)
    assert not book.wake(now=0.1)
    assert (book.in_flight, list(book.retransmit)) == (10, [])
    assert book.wake(now=60.0)
    assert (book.in_flight, list(book.retransmit)) == (0, [(0, 10)])
    book.on_sent(10, 0, 10, now=60.0, limited=False)
    sample = book.on_ack(((10, 20),), 0.0, now=60.1)
    assert sample is not None
    assert sample.lost == 0
    assert sample.rate == pytest.approx(100)
