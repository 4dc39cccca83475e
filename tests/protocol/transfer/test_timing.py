"""PROTOCOL 5.5: the round-trip time; RFC 9002 5.3 and 6.2.1, RFC 6298 2."""

import pytest

from toom_protocol.transfer.timing import INITIAL_RTT, MAX_ACK_DELAY, MAX_TIMEOUT, RoundTrip


def test_the_first_sample_sets_everything() -> None:
    """RFC 6298 2.2: SRTT <- R, RTTVAR <- R/2"""
    rtt = RoundTrip()
    assert rtt.smoothed == INITIAL_RTT
    rtt.sample(0.040, ack_delay=0.0)
    assert (rtt.smoothed, rtt.variation, rtt.minimum) == (0.040, 0.020, 0.040)


def test_the_variation_is_taken_from_the_old_smoothed_value() -> None:
    """RFC 6298 2.3: RTTVAR is computed before SRTT is updated"""
    rtt = RoundTrip()
    rtt.sample(0.040, ack_delay=0.0)
    rtt.sample(0.080, ack_delay=0.0)
    assert rtt.variation == pytest.approx(3 / 4 * 0.020 + 1 / 4 * 0.040)
    assert rtt.smoothed == pytest.approx(7 / 8 * 0.040 + 1 / 8 * 0.080)


def test_the_audiences_delay_is_taken_off_but_never_below_the_minimum() -> None:
    """RFC 9002 5.3"""
    rtt = RoundTrip()
    rtt.sample(0.040, ack_delay=0.030)
    assert rtt.smoothed == 0.040
    rtt.sample(0.080, ack_delay=0.008)
    assert rtt.smoothed == pytest.approx(7 / 8 * 0.040 + 1 / 8 * 0.072)
    rtt.sample(0.041, ack_delay=1.0)
    assert rtt.minimum == 0.040
    assert rtt.latest == 0.041


def test_probes_back_off_up_to_a_limit() -> None:
    rtt = RoundTrip()
    rtt.sample(0.040, ack_delay=0.0)
    first = rtt.probe_timeout(0)
    assert first == pytest.approx(0.040 + 4 * 0.020 + 0.025)
    assert rtt.probe_timeout(2) == 4 * first
    assert rtt.probe_timeout(1000) == MAX_TIMEOUT


def test_a_path_slower_than_the_limit_is_waited_for() -> None:
    rtt = RoundTrip()
    rtt.sample(3.0, ack_delay=0.0)
    assert rtt.probe_timeout(0) == rtt.probe_timeout(5) == pytest.approx(3.0 + 4 * 1.5 + 0.025)


def test_more_delay_than_the_timeout_has_room_for_is_not_believed() -> None:
    """RFC 9002 5.3: the lesser of the reported delay and max_ack_delay"""
    rtt = RoundTrip()
    rtt.sample(0.040, ack_delay=0.0)
    rtt.sample(0.200, ack_delay=0.100)
    assert rtt.smoothed == pytest.approx(7 / 8 * 0.040 + 1 / 8 * (0.200 - MAX_ACK_DELAY))


def test_the_minimum_may_be_forgotten_and_the_rest_stays() -> None:
    """RFC 9002 5.2"""
    rtt = RoundTrip()
    rtt.sample(0.040, ack_delay=0.0)
    rtt.forget_minimum()
    rtt.sample(0.080, ack_delay=0.0)
    assert rtt.minimum == 0.080
    assert rtt.smoothed == pytest.approx(7 / 8 * 0.040 + 1 / 8 * 0.080)
