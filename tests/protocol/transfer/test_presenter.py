"""PROTOCOL 5.3 to 5.7: decisions of the presenter that a pair of honest engines never needs."""

import pytest

from toom_protocol.transfer.congestion import RateBased
from toom_protocol.transfer.congestion.control import MIN_WINDOW
from toom_protocol.transfer.events import Delivered, Failed
from toom_protocol.transfer.frames import (
    Abort,
    Accept,
    Ack,
    Done,
    Frame,
    Offer,
    Ping,
    Refuse,
)
from toom_protocol.transfer.packets import LARGEST_CHUNK, MAX_NUMBER, DataRun
from toom_protocol.transfer.patience import SILENCE, Control
from toom_protocol.transfer.presenter import Phase, Presenter
from toom_protocol.transfer.reasons import Reason
from toom_protocol.transfer.recovery import PERSISTENT_PROBES

ACCEPT = Accept(echo=0, delay=0.0, credit=1000, receive_buffer=1 << 20, chunk_size=LARGEST_CHUNK)


def presenter(chunks: int = 100) -> Presenter:
    return Presenter(Offer(chunks * LARGEST_CHUNK, "a.mp4"), now=0.0)


def accepted(chunks: int = 100, accept: Accept = ACCEPT) -> Presenter:
    engine = presenter(chunks)
    engine.poll(now=0.0)
    engine.receive(0, (accept,), now=0.01)
    return engine


def sent_frames(items: list[DataRun | Control]) -> list[Frame]:
    return [frame for item in items if isinstance(item, Control) for frame in item.frames]


def test_the_offer_is_repeated_quickly_at_first() -> None:
    """The server's notice may reach the audience later than the first offer."""
    engine, times, now = presenter(), [], 0.0
    while engine.phase is Phase.OFFERING:
        if sent_frames(engine.poll(now=now)):
            times.append(round(now, 3))
        now = engine.deadline()
    assert times[:5] == [0.0, 0.1, 0.3, 0.7, 1.5]
    assert engine.next_event() == Failed(Reason.NO_ANSWER)
    assert now >= 15


def test_a_ping_while_the_audience_prepares_keeps_the_offer_alive() -> None:
    engine = presenter()
    for second in range(60):
        engine.receive(second, (Ping(),), now=float(second))
        engine.poll(now=float(second))
    assert engine.next_event() is None


def test_an_offer_that_waits_for_its_turn_is_repeated_rarely_and_never_given_up() -> None:
    """Hundreds may wait (PROTOCOL 5.9), each with a full datagram every time."""
    engine, times, now = presenter(), [], 0.0
    while now < 120.0:
        if sent_frames(engine.poll(now=now)):
            times.append(now)
        engine.receive(len(times), (Ping(),), now=now + 0.01)
        now = engine.deadline()
    assert engine.next_event() is None
    gaps = [later - earlier for earlier, later in zip(times, times[1:], strict=False)]
    assert gaps[:3] == pytest.approx([0.1, 0.2, 0.4])
    assert gaps[-20:] == pytest.approx([4.0] * 20)
    assert 3 * max(gaps) < SILENCE


def test_a_refusal_ends_the_offer() -> None:
    engine = presenter()
    engine.receive(0, (Refuse(Reason.NAME_BUSY),), now=0.1)
    assert engine.next_event() == Failed(Reason.NAME_BUSY)
    engine.poll(now=0.1)
    assert engine.settled


def test_after_persistent_congestion_the_least_window_counts_at_once() -> None:
    """PROTOCOL 5.5: the controller starts afresh, and what it said before is void"""
    engine, now = accepted(1000), 0.01
    recovery = engine.sending.recovery
    while recovery.probes < PERSISTENT_PROBES:
        assert engine.poll(now=now) or not recovery.probes
        now = max(engine.deadline(), now)
    for _ in range(10):
        engine.poll(now=now)
        now += 0.01
    assert recovery.in_flight <= MIN_WINDOW


def test_a_transfer_ends_once() -> None:
    engine = presenter()
    engine.poll(now=0.0)
    assert engine.poll(now=0.05) == []
    engine.receive(0, (Refuse(Reason.NO_SPACE), Abort(Reason.GIVEN_UP)), now=0.1)
    assert engine.next_event() == Failed(Reason.NO_SPACE)
    assert engine.next_event() is None


def test_the_first_round_trip_is_that_of_the_offer_answered() -> None:
    engine = presenter()
    engine.poll(now=0.0)
    engine.poll(now=0.1)
    engine.receive(0, (Accept(1, 0.02, 10, 0, LARGEST_CHUNK),), now=0.15)
    assert round(engine.sending.recovery.rtt.smoothed, 6) == 0.03


def test_an_unknown_echo_is_no_measure() -> None:
    engine = accepted(accept=Accept(77, 0.0, 10, 0, LARGEST_CHUNK))
    assert engine.sending.recovery.rtt.smoothed == 0.1


def test_no_chunk_is_sent_beyond_the_credit() -> None:
    engine = accepted(accept=Accept(0, 0.0, 5, 1 << 20, LARGEST_CHUNK))
    engine.poll(now=0.01)
    engine.poll(now=0.02)
    assert engine.sending.next_chunk == 5  # packets 1 to 5; the offer was 0
    engine.receive(1, (Ack(0.0, 7, 1 << 20, ((0, 6),)),), now=0.03)
    engine.receive(2, (Ack(0.0, 6, 1 << 20, ((0, 6),)),), now=0.03)  # never taken back
    engine.poll(now=0.03)
    assert engine.sending.next_chunk == 7
    engine.receive(3, (Ack(0.0, 10**9, 1 << 20, ((0, 8),)),), now=0.04)  # nor past the end
    for step in range(20):
        engine.poll(now=0.04 + step / 100)
    assert engine.sending.next_chunk <= 100


def test_old_and_repeated_control_is_ignored() -> None:
    """PROTOCOL 5.2: a recorded datagram that is played again changes nothing."""
    engine = accepted()
    engine.receive(5, (Ping(),), now=0.02)
    engine.receive(5, (Abort(Reason.GIVEN_UP),), now=0.02)
    engine.receive(4, (Abort(Reason.GIVEN_UP),), now=0.02)
    assert engine.next_event() is None


def test_an_acknowledgement_of_what_was_never_sent_is_ignored() -> None:
    engine = accepted()
    engine.poll(now=0.01)
    before = engine.sending.recovery.in_flight
    engine.receive(1, (Ack(0.0, 100, 0, ((0, 10**6),)),), now=0.02)
    assert engine.sending.recovery.in_flight == before


def test_done_before_the_digest_was_sent_is_not_believed() -> None:
    engine = accepted()
    engine.receive(1, (Done(),), now=0.02)
    assert engine.next_event() is None
    engine.digested(bytes(32), now=0.03)
    engine.receive(2, (Done(),), now=0.03)
    assert engine.next_event() is None
    engine.poll(now=0.03)
    engine.receive(3, (Done(), Accept(0, 0.0, 1, 1, LARGEST_CHUNK), Ack(0.0, 1, 1, ())), now=0.04)
    assert engine.next_event() == Delivered()
    assert engine.next_event() is None


def test_a_packet_number_never_comes_twice() -> None:
    """PROTOCOL 5.1: a transfer that would use up the numbers fails."""
    offer = Offer(100 * LARGEST_CHUNK, "a.mp4")
    engine = Presenter(offer, now=0.0, first_packet_number=MAX_NUMBER - 1024)
    engine.poll(now=0.0)
    engine.receive(0, (ACCEPT,), now=0.01)
    assert engine.poll(now=0.02) == []
    assert engine.next_event() == Failed(Reason.TOO_LARGE)


def test_an_abort_after_the_end_changes_nothing() -> None:
    engine = accepted()
    engine.abort(Reason.FILE_CHANGED, now=0.02)
    engine.abort(Reason.GIVEN_UP, now=0.03)
    assert engine.next_event() == Failed(Reason.FILE_CHANGED)
    assert engine.next_event() is None
    assert sent_frames(engine.poll(now=0.03)) == [Abort(Reason.FILE_CHANGED)]
    assert not engine.over(now=0.03)
    assert engine.over(now=99.0)


def test_a_waiting_presenter_pings() -> None:
    engine = accepted(accept=Accept(0, 0.0, 0, 0, LARGEST_CHUNK))
    assert engine.poll(now=1.0) == []
    assert sent_frames(engine.poll(now=2.5)) == [Ping()]


def test_a_batch_is_cut_where_a_lost_run_is_longer() -> None:
    engine = Presenter(
        Offer(200 * LARGEST_CHUNK, "a"),
        now=0.0,
        congestion=RateBased,
    )
    engine.poll(now=0.0)
    engine.receive(0, (ACCEPT,), now=0.01)
    engine.sending.recovery.retransmit.append((0, 150))
    runs = [item for item in engine.poll(now=0.01) if isinstance(item, DataRun)]
    assert len(runs) == 1
    assert runs[0].chunk == 0
    assert engine.sending.recovery.retransmit[0] == (runs[0].count, 150 - runs[0].count)


def test_an_audience_that_acknowledges_nothing_new_is_not_sent_ever_more() -> None:
    engine = accepted()
    now, out, waiting = 0.01, 0, 0
    for number in range(1, 6000):  # two minutes
        while engine.deadline() <= now:
            engine.poll(now=now)
        engine.receive(number, (Ack(0.0, 100, 1 << 20, ((0, 1),)),), now=now)
        out = max(out, engine.sending.recovery.in_flight)
        waiting = max(waiting, sum(count for _, count in engine.sending.recovery.retransmit))
        now += 0.02
    assert out <= 100
    assert waiting <= 100
