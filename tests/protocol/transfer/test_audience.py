"""PROTOCOL 5.3 to 5.7: decisions of the audience that a pair of honest engines never needs."""

from dataclasses import replace

import pytest

from toom_protocol.transfer.audience import Audience, Phase
from toom_protocol.transfer.events import (
    Expired,
    Failed,
    Offered,
    Received,
    Verified,
    Whole,
)
from toom_protocol.transfer.frame_codec import encode_frames
from toom_protocol.transfer.frames import (
    Abort,
    Accept,
    Ack,
    Done,
    End,
    Fin,
    Frame,
    Leaves,
    Offer,
    Ping,
    Refuse,
)
from toom_protocol.transfer.packets import LARGEST_CHUNK, MAX_NUMBER
from toom_protocol.transfer.reasons import Reason

OFFER = Offer(10 * LARGEST_CHUNK, "a.mp4")
DIGEST = bytes(32)
LEAF = b"l" * 32


def receiving(offer: Offer = OFFER) -> Audience:
    engine = Audience(now=0.0)
    engine.greet(0, offer, now=0.0)
    assert engine.next_event() == Offered(offer)
    engine.accept(LARGEST_CHUNK, now=0.0)
    engine.poll(now=0.0)
    return engine


def test_a_presenter_that_falls_silent_while_the_disk_is_asked_is_gone() -> None:
    engine = Audience(now=0.0)
    engine.greet(0, OFFER, now=1.0)
    engine.poll(now=16.1)
    assert [engine.next_event(), engine.next_event()] == [
        Offered(OFFER),
        Failed(Reason.PEER_GONE, OFFER),
    ]
    assert engine.deadline() < 17


def said(engine: Audience, now: float) -> list[Frame]:
    return [frame for item in engine.poll(now=now) for frame in item.frames]


def test_an_expectation_ends_in_silence() -> None:
    engine = Audience(now=0.0)
    assert engine.settled
    assert engine.poll(now=29.9) == []
    assert not engine.over(now=29.9)
    assert engine.poll(now=engine.deadline()) == []
    assert engine.next_event() == Expired()
    assert engine.over(now=30.0)


def test_the_answer_names_the_offer_and_how_long_it_took() -> None:
    engine = Audience(now=0.0)
    engine.receive_buffer = 4096
    engine.greet(0, OFFER, now=1.0)
    assert said(engine, 1.0) == [Ping()]  # the disk is being asked
    engine.greet(3, OFFER, now=1.5)
    engine.accept(LARGEST_CHUNK, now=1.75)
    accept, ack = said(engine, 1.75)
    assert accept == Accept(3, 0.25, 10, 4096, LARGEST_CHUNK)
    assert isinstance(ack, Ack)


def test_each_offer_is_answered_again() -> None:
    """The first acceptance may have been lost."""
    engine = receiving()
    engine.greet(1, OFFER, now=0.5)
    assert isinstance(said(engine, 0.5)[0], Accept)
    assert engine.next_event() is None


def test_a_full_count_is_acknowledged_at_once_and_a_few_a_little_later() -> None:
    engine = receiving(replace(OFFER, size=100 * LARGEST_CHUNK))
    engine.receive_run(1, 0, 3, now=1.0)
    assert said(engine, 1.0) == []
    assert engine.deadline() == 1.004
    engine.receive_run(4, 3, 13, now=1.001)
    assert said(engine, 1.001) == [Ack(0.0, 100, 0, ((1, 17),))]


def test_a_gap_is_told_at_once_but_once_a_millisecond() -> None:
    engine = receiving()
    engine.receive_run(1, 0, 1, now=1.0)
    engine.receive_run(3, 1, 1, now=1.0)
    assert said(engine, 1.0) == [Ack(0.0, 10, 0, ((3, 4), (1, 2)))]
    engine.receive_run(5, 3, 1, now=1.0001)
    assert said(engine, 1.0001) == []
    assert engine.deadline() == 1.001


def test_data_before_the_answer_or_past_the_end_is_ignored() -> None:
    engine = Audience(now=0.0)
    assert engine.receive_run(1, 0, 1, now=0.1) == []
    engine = receiving()
    assert engine.receive_run(1, 8, 3, now=0.1) == []
    assert engine.receive_run(2, 8, 2, now=0.1) == [(8, 2)]


def test_a_chunk_is_new_once() -> None:
    """What has been hashed must not be written again: the file would differ from its digest."""
    engine = receiving()
    assert engine.receive_run(1, 0, 4, now=0.1) == [(0, 4)]
    assert engine.receive_run(9, 2, 4, now=0.1) == [(4, 2)]


def test_replayed_data_is_no_sign_of_life() -> None:
    engine = receiving()
    engine.receive_run(1, 0, 4, now=1.0)
    for second in range(2, 16):
        engine.receive_run(1, 0, 4, now=float(second))
        engine.poll(now=float(second))
    engine.poll(now=16.1)
    assert engine.next_event() == Failed(Reason.PEER_GONE, OFFER)


def test_replayed_control_is_ignored() -> None:
    engine = receiving()
    engine.receive(1, (Ping(),), now=1.0)
    engine.receive(1, (Abort(Reason.GIVEN_UP),), now=1.0)
    assert engine.next_event() is None


def test_a_hello_of_any_number_keeps_nothing_from_being_heard() -> None:
    """Who knows the ticket can give a hello of the presenter another number."""
    engine = receiving()
    engine.greet(MAX_NUMBER - 1, OFFER, now=0.5)
    said(engine, 0.5)
    engine.receive_run(1, 0, 1, now=1.0)
    ack = said(engine, 1.004)[-1]
    assert isinstance(ack, Ack)
    assert replace(ack, delay=round(ack.delay, 6)) == Ack(0.004, 10, 0, ((1, 2),))
    engine.receive(2, (Abort(Reason.GIVEN_UP),), now=1.1)
    assert engine.next_event() == Failed(Reason.GIVEN_UP, OFFER)


def test_hellos_that_are_replayed_do_not_keep_a_transfer_alive() -> None:
    engine = receiving()
    for second in range(1, 16):
        engine.greet(0, OFFER, now=float(second))
        engine.poll(now=float(second))
    assert engine.next_event() == Failed(Reason.PEER_GONE, OFFER)


def test_who_knows_the_answer_is_not_told_again() -> None:
    engine = receiving()
    engine.receive_run(1, 0, 1, now=1.0)
    engine.greet(1, OFFER, now=1.5)
    assert not any(isinstance(frame, Accept) for frame in said(engine, 1.6))


def whole() -> Audience:
    engine = receiving()
    engine.receive(1, (Fin(DIGEST), Fin(b"y" * 32)), now=0.1)  # the first one counts
    assert engine.next_event() is None
    engine.receive_run(2, 0, 10, now=0.2)
    engine.hashed(0, LEAF, now=0.2)
    assert engine.next_event() is None, "it has not been compared"
    engine.receive(12, (Leaves(0, LEAF),), now=0.3)
    assert engine.next_event() == Whole()
    return engine


def test_a_verified_file_is_stored_and_then_done() -> None:
    engine = whole()
    engine.stored(now=0.3)  # too early: nothing happens
    engine.digested(DIGEST, now=0.3)
    assert engine.next_event() == Verified()
    engine.digested(DIGEST, now=0.3)  # a second time: nothing happens
    assert engine.next_event() is None
    assert not engine.settled
    engine.stored(now=0.4)
    assert engine.next_event() == Received()
    assert said(engine, 0.4) == [Done()]
    engine.receive(13, (Fin(DIGEST),), now=0.41)
    assert engine.receive_run(14, 0, 1, now=0.42) == []
    assert said(engine, 0.45) == [Done()]
    engine.receive(15, (End(),), now=0.46)
    assert engine.settled
    assert engine.over(now=0.46)


def test_a_wrong_digest_is_told() -> None:
    engine = whole()
    engine.digested(b"x" * 32, now=0.3)
    assert engine.next_event() == Failed(Reason.DIGEST_MISMATCH, OFFER)
    assert said(engine, 0.3) == [Abort(Reason.DIGEST_MISMATCH)]


def test_a_refusal_is_told() -> None:
    engine = Audience(now=0.0)
    engine.greet(0, OFFER, now=0.0)
    engine.refuse(Reason.NO_SPACE, now=0.1)
    engine.refuse(Reason.BAD_NAME, now=0.1)
    engine.accept(LARGEST_CHUNK, now=0.1)
    assert engine.phase is Phase.ENDED
    assert [engine.next_event(), engine.next_event(), engine.next_event()] == [
        Offered(OFFER),
        Failed(Reason.NO_SPACE, OFFER),
        None,
    ]
    assert said(engine, 0.1) == [Refuse(Reason.NO_SPACE)]


@pytest.mark.parametrize(
    ("offer", "reason"),
    [
        (replace(OFFER, version=1), Reason.UNSUPPORTED),
        (replace(OFFER, digest=1), Reason.UNSUPPORTED),
        (replace(OFFER, suite=1), Reason.UNSUPPORTED),
        (replace(OFFER, size=2**64 - 1), Reason.TOO_LARGE),
        (replace(OFFER, filename="../x"), Reason.BAD_NAME),
    ],
)
def test_offers_that_cannot_be_taken(offer: Offer, reason: Reason) -> None:
    engine = Audience(now=0.0)
    engine.greet(0, offer, now=0.0)
    assert engine.next_event() == Failed(reason, offer)
    assert said(engine, 0.0) == [Refuse(reason)]


def test_numbers_that_could_not_be_acknowledged_are_not_heard() -> None:
    engine = receiving()
    assert engine.receive_run(MAX_NUMBER, 0, 1, now=1.0) == []
    assert engine.receive_run(MAX_NUMBER - 1, 0, 2, now=1.0) == []
    engine.receive(MAX_NUMBER, (Abort(Reason.GIVEN_UP),), now=1.0)
    assert engine.phase is Phase.RECEIVING
    engine.receive_run(MAX_NUMBER - 2, 0, 1, now=1.0)
    [ack] = said(engine, 2.0)
    assert encode_frames((ack,))
