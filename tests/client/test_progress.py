"""PROTOCOL 5.11: how far transfers have come, by themselves and by real ones over a relay."""

from __future__ import annotations

import pytest

from tests.client.table import Table, content_of
from tests.doubles.patience import wait_until
from tests.doubles.relay import Relay
from toom_client.progress import Count, Direction, Meter
from toom_client.transfers import Received, Uploaded


def count(done: int, size: int = 1000) -> Count:
    return Count(Direction.SENDING, "Han", "a.mp4", done, size, 3)


def test_a_meter_makes_a_rate_and_says_what_is_left() -> None:
    meter = Meter()
    first = meter.take(count(0), now=10.0)
    assert (first.rate, first.seconds_left) == (0.0, None)
    second = meter.take(count(100), now=11.0)
    assert (second.done, second.rate, second.seconds_left) == (100, 100.0, 9.0)
    assert (second.direction, second.peer, second.filename) == (Direction.SENDING, "Han", "a.mp4")
    assert (second.size, second.retransmitted) == (1000, 3)


def test_a_rate_is_smoothed_and_fades() -> None:
    meter = Meter()
    meter.take(count(0), now=0.0)
    meter.take(count(100), now=1.0)
    faster = meter.take(count(400), now=2.0)
    assert 100 < faster.rate < 300
    assert faster.seconds_left == pytest.approx(600 / faster.rate)
    still = meter.take(count(400), now=4.0)
    assert 0 < still.rate < faster.rate / 2
    gone = meter.take(count(400), now=60.0)
    assert gone.seconds_left is None


def test_what_an_earlier_try_has_left_is_no_speed() -> None:
    meter = Meter()
    assert meter.take(count(900), now=0.0).rate == 0.0
    assert meter.take(count(910), now=1.0).rate == 10.0


def test_a_bar_never_goes_back() -> None:
    meter = Meter()
    meter.take(count(500), now=0.0)
    back = meter.take(count(400), now=1.0)
    assert (back.done, back.rate) == (500, 0.0)


def test_two_calls_at_one_time_do_not_divide_by_nothing() -> None:
    meter = Meter()
    meter.take(count(0), now=1.0)
    assert meter.take(count(10), now=1.0).rate == 0.0


def test_both_ends_of_a_transfer_say_how_far_it_has_come(table: Table) -> None:
    """A lossy path of 100 ms: both counts grow, the presenter's has packets sent again."""
    yoda, han = table.seat("Yoda"), table.seat("Han")
    content = content_of(4_000_000)
    yoda.writes("lecture1.mp4", content)
    assert yoda.transfers.progress() == []
    seen: dict[Direction, list[int]] = {Direction.SENDING: [], Direction.RECEIVING: []}
    resent = rated = 0
    with Relay(yoda.address, han.address, seed=4, loss=0.05, delay=0.05) as relay:
        table.send(yoda, "lecture1.mp4", han, relay)

        def look() -> bool:
            nonlocal resent, rated
            for client, peer in ((yoda, "Han"), (han, "Yoda")):
                for progress in client.transfers.progress():
                    assert (progress.peer, progress.filename) == (peer, "lecture1.mp4")
                    assert progress.size == len(content)
                    if (
                        not seen[progress.direction]
                        or seen[progress.direction][-1] != progress.done
                    ):
                        seen[progress.direction].append(progress.done)
                    resent = max(resent, progress.retransmitted)
                    rated += progress.rate > 0 and progress.seconds_left is not None
            return not yoda.reports.empty() and not han.reports.empty()

        wait_until(look, within=60)
    assert yoda.hears() == Uploaded("lecture1.mp4", "Han")
    assert han.hears() == Received("lecture1.mp4", "Yoda")
    for done in seen.values():
        assert len(done) >= 3
        assert done == sorted(done)
    assert resent > 0
    assert rated > 0
    wait_until(lambda: yoda.transfers.progress() == han.transfers.progress() == [])


def test_nobody_is_under_way_who_has_not_come(table: Table) -> None:
    yoda, han = table.seat("Yoda"), table.seat("Han")
    yoda.writes("a.mp4", b"abc")
    ours, theirs = table.tickets_for(yoda, han)
    yoda.transfers.present(ours, yoda.opens("a.mp4"))  # and Han does not listen
    wait_until(yoda.transfers.progress)
    [progress] = yoda.transfers.progress()
    assert (progress.done, progress.size, progress.seconds_left) == (0, 3, None)
    assert han.transfers.progress() == []
    yoda.transfers.close()
    assert yoda.transfers.progress() == []
    han.transfers.expect(theirs)
    wait_until(lambda: han.transfers.expected_from("Yoda") == 1)
    assert han.transfers.progress() == []
