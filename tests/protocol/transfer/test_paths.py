"""PROTOCOL 5.12: a peer that is seen from another address, and somebody who pretends it."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.doubles.link import Faults
from tests.doubles.moving import AUDIENCE, PRESENTER, MovingPair, Sent
from toom_protocol.transfer import events
from toom_protocol.transfer.audience import Audience
from toom_protocol.transfer.frames import Challenge, Frame, Offer, Ping, Response
from toom_protocol.transfer.packets import LARGEST_CHUNK
from toom_protocol.transfer.paths import MAX_CANDIDATES, PATIENCE, STAY, Paths, Word
from toom_protocol.transfer.patience import Control

MEGABYTE = 1_000_000
OLD, NEW, THIRD = ("10.0.0.1", 1), ("10.0.0.9", 9), ("10.0.0.7", 7)
THIEF = ("10.6.6.6", 6)  # as whom the presenter is to be seen
THIEF_TOO = ("10.6.6.6", 7)  # as whom the audience is to be seen
LINK = Faults(delay=0.02, rate=5000, loss=0.01)


class Asked:
    """Paths with the challenges that it has drawn."""

    def __init__(self) -> None:
        counter = itertools.count()
        self.drawn: list[bytes] = []
        self.paths = Paths(OLD, draw=lambda: self._draw(next(counter)))

    def _draw(self, number: int) -> bytes:
        self.drawn.append(number.to_bytes(8, "big"))
        return self.drawn[-1]

    def answers(self, data: bytes, source: tuple[str, int], now: float) -> float | None:
        return self.paths.hear((Response(data),), source, newest=False, now=now)


@pytest.fixture
def asked() -> Asked:
    """One who was at OLD was seen at NEW, at time 1."""
    asked = Asked()
    assert asked.paths.hear((Ping(),), NEW, newest=True, now=1.0) is None
    return asked


def test_a_newer_address_and_the_old_one_are_asked(asked: Asked) -> None:
    ours, old = asked.drawn
    assert asked.paths.words() == [Word(Challenge(ours), NEW), Word(Challenge(old), OLD)]
    assert not asked.paths.waiting
    assert asked.paths.address == OLD, "until it has answered"


def test_who_answers_from_there_is_there(asked: Asked) -> None:
    assert asked.answers(asked.drawn[0], NEW, 1.25) == 0.25
    assert asked.paths.address == NEW
    assert asked.answers(asked.drawn[0], NEW, 1.3) is None, "once"


@pytest.mark.parametrize("source", [OLD, THIRD])
def test_an_answer_from_elsewhere_proves_nothing(asked: Asked, source: tuple[str, int]) -> None:
    assert asked.answers(asked.drawn[0], source, 1.1) is None
    assert asked.paths.address == OLD


def test_an_answer_to_nothing_or_one_that_is_late_proves_nothing(asked: Asked) -> None:
    assert asked.answers(b"whatever", NEW, 1.1) is None
    assert asked.answers(asked.drawn[0], NEW, 1.01 + PATIENCE) is None
    assert asked.paths.address == OLD


@pytest.mark.parametrize("source", [OLD, NEW])
@pytest.mark.parametrize("first", [True, False])
def test_an_old_address_that_answers_is_kept(
    asked: Asked, first: bool, source: tuple[str, int]
) -> None:
    """Whatever is nearer, and by whatever way the answer comes (RFC 9000 8.2.3)."""
    if not first:
        asked.answers(asked.drawn[0], NEW, 1.1)
    assert asked.answers(asked.drawn[1], source, 1.2) == (None if first else pytest.approx(0.2))
    assert asked.answers(asked.drawn[0], NEW, 1.3) is None
    assert asked.paths.address == OLD


def test_after_that_nobody_else_is_asked_for_a_while(asked: Asked) -> None:
    asked.paths.words()
    asked.answers(asked.drawn[1], OLD, 1.2)
    asked.paths.see(NEW, now=1.2 + STAY - 0.1)
    assert not asked.paths.waiting
    asked.paths.see(NEW, now=1.2 + STAY)
    assert len(asked.paths.words()) == 2


def test_a_stream_of_datagrams_from_elsewhere_is_asked_now_and_then(asked: Asked) -> None:
    for step in range(1, 3000):
        asked.paths.see(NEW, now=1.0 + step / 1000)
    assert [len(asked.drawn), len(asked.paths.words())] == [12, 8]


def test_addresses_that_are_asked_are_bounded(asked: Asked) -> None:
    for port in range(1000):
        asked.paths.see(("10.0.0.3", port), now=1.0)
    assert len(asked.paths.words()) == 8
    asked.paths.see(("10.0.0.3", 1000 - MAX_CANDIDATES), now=1.05)
    assert not asked.paths.waiting, "one that is known waits"


def test_what_is_not_the_newest_asks_nothing() -> None:
    asked = Asked()
    asked.paths.hear((Ping(),), NEW, newest=False, now=1.0)
    assert not asked.paths.waiting


def test_a_challenge_is_answered_where_it_comes_from() -> None:
    asked = Asked()
    asked.paths.hear((Challenge(b"12345678"),), THIRD, newest=False, now=1.0)
    assert asked.paths.words() == [Word(Response(b"12345678"), THIRD)]


def test_a_hello_from_elsewhere_is_answered_there_until_the_announced_address_speaks() -> None:
    paths = Asked().paths
    paths.greet(NEW)
    assert paths.address == NEW
    paths.greet(OLD)
    paths.greet(NEW)
    assert paths.address == OLD


def test_a_hello_moves_nobody_who_has_spoken_under_the_keys() -> None:
    paths = Asked().paths
    paths.greet(NEW)
    paths.hear((Ping(),), NEW, newest=True, now=1.0)
    paths.greet(THIRD)
    assert paths.address == NEW


# Pairs in virtual time.


def arrived(pair: MovingPair) -> bool:
    whole = pair.presenter_events == [events.Delivered()] and set(pair.written) <= {1}
    return whole and pair.audience_events[-1] == events.Received()


def moving(who: str, moment: float) -> MovingPair:
    def move(pair: MovingPair) -> None:
        if pair.now >= moment and pair.at[who] != NEW:
            pair.moves(who, NEW)

    return MovingPair(4 * MEGABYTE, 2, LINK, on_step=move)


@pytest.mark.parametrize("who", [PRESENTER, AUDIENCE])
@pytest.mark.parametrize("moment", [0.03, 0.05, 0.3, 0.62])
def test_an_end_that_moves_is_followed(who: str, moment: float) -> None:
    pair = moving(who, moment).run()
    assert arrived(pair)
    assert pair.seen_at[who][-1] == NEW
    assert pair.ended_at["audience"] < 3.5, "a keep-alive of 2 s away at most"


def test_the_presenter_begins_afresh_on_another_path() -> None:
    """RFC 9000 9.4: what is known of the old path says nothing of the new one."""
    pair = moving(AUDIENCE, 0.3)
    pair.run(until=0.3)
    control, recovery = pair.control, pair.presenter.sending.recovery
    assert control.bandwidth > 1000
    assert arrived(pair.run())
    assert pair.control is not control
    assert pair.presenter.sending.recovery is not recovery


def test_on_another_path_full_datagrams_are_tried_again() -> None:
    pair = moving(AUDIENCE, 0.3)
    pair.run(until=0.2)
    pair.presenter.too_long(now=pair.now)
    assert arrived(pair.run())
    assert not pair.presenter.sending.halving


def test_a_chunk_from_elsewhere_moves_nobody_unless_it_is_the_newest() -> None:
    engine = Audience(now=0.0, paths=Paths(OLD, draw=lambda: bytes(8)))
    engine.greet(0, Offer(100 * LARGEST_CHUNK, "a.mp4"), now=0.0, source=OLD)
    engine.accept(LARGEST_CHUNK, now=0.0)
    engine.receive_run(1, 0, 20, now=0.1, source=OLD)
    engine.receive_run(1, 0, 20, now=0.2, source=NEW)  # again
    engine.receive_run(20, 19, 1, now=0.2, source=NEW)
    assert not engine.paths.waiting
    engine.receive_run(21, 20, 1, now=0.3, source=NEW)
    targets = [item.address for item in engine.poll(now=0.3)]
    assert targets == [NEW, OLD, None], "two questions, and an answer to where it always went"


def test_a_presenter_that_was_announced_at_another_address_is_heard() -> None:
    pair = MovingPair(MEGABYTE, 1, LINK)
    pair.moves(PRESENTER, NEW)
    assert arrived(pair.run())


def test_a_peer_that_answers_at_both_addresses_is_not_followed() -> None:
    def move(pair: MovingPair) -> None:
        if pair.now >= 0.3 and pair.at[AUDIENCE] != NEW:
            pair.moves(AUDIENCE, NEW, keeps=True)

    pair = MovingPair(4 * MEGABYTE, 1, Faults(delay=0.02, rate=5000), on_step=move).run()
    assert arrived(pair)
    assert pair.seen_at[AUDIENCE][-1] == ("10.0.0.2", 2)


def test_both_ends_that_move_at_once_have_lost_each_other() -> None:
    """Nobody tells either where the other is: the other side is gone, and the try is resumed."""

    def move(pair: MovingPair) -> None:
        if pair.now >= 0.3 and pair.at[AUDIENCE] != NEW:
            pair.moves(AUDIENCE, NEW)
            pair.moves(PRESENTER, THIRD)

    pair = MovingPair(4 * MEGABYTE, 1, LINK, on_step=move).run()
    assert isinstance(pair.presenter_events[-1], events.Failed)
    assert isinstance(pair.audience_events[-1], events.Failed)


class Thief:
    """Copies what it sees and delivers it first, from its own addresses; what it gets it keeps."""

    def __init__(self, *, relays: bool = False, late: float = 0.0) -> None:
        self.relays, self.late = relays, late
        self.got = 0

    def __call__(self, pair: MovingPair, sent: Sent) -> None:
        if sent.target in (THIEF, THIEF_TOO):
            self.got += 1
            frames: tuple[Frame, ...] = getattr(sent.content, "frames", ())
            if not self.relays or not any(
                isinstance(each, Challenge | Response) for each in frames
            ):
                return
            who = PRESENTER if sent.target == THIEF else AUDIENCE
        elif sent.source in (THIEF, THIEF_TOO):
            return
        else:
            who = AUDIENCE if sent.source == pair.at[PRESENTER] else PRESENTER
        source = THIEF if who == AUDIENCE else THIEF_TOO
        forged = Sent(source, pair.at[who], sent.content)
        pair.inject(forged, after=self.late)


@pytest.mark.parametrize("late", [0.0, 0.5])
@pytest.mark.parametrize("relays", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_who_copies_everything_cannot_steer_a_transfer_away(
    seed: int, relays: bool, late: float
) -> None:
    """RFC 9000 9.3.3, and more: who is always faster, and even has the challenges answered."""
    thief = Thief(relays=relays, late=late)
    pair = MovingPair(4 * MEGABYTE, seed, LINK, thief=thief).run()
    assert arrived(pair)
    assert pair.ended_at["audience"] < 6
    for who, address in pair.at.items():
        assert pair.seen_at[who][-1] == address
    assert thief.got > 0 or late, "it was asked"
    assert thief.got < pair.network.back.sent / 4


def test_the_thief_is_asked_less_than_it_has_sent() -> None:
    """RFC 9000 8: no more than three times as many bytes; a question has 39, a datagram 28."""
    sent = got = 0
    pair = MovingPair(MEGABYTE, 1, LINK)

    def thief(pair: MovingPair, seen: Sent) -> None:
        nonlocal sent, got
        if seen.target == THIEF:
            got += 1
            assert isinstance(seen.content, Control)
            assert all(isinstance(frame, Challenge | Response) for frame in seen.content.frames)
        elif seen.source == pair.at[PRESENTER] and pair.now > 0.1:
            sent += 1
            pair.inject(Sent(THIEF, pair.at[AUDIENCE], seen.content), after=0.0)
        assert got <= sent

    pair.thief = thief
    assert arrived(pair.run())
    assert got


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    size=st.integers(0, 3 * MEGABYTE),
    loss=st.floats(0, 0.2),
    delay=st.floats(0.001, 0.2),
    steps=st.lists(
        st.tuples(st.floats(0.02, 3), st.sampled_from([PRESENTER, AUDIENCE]), st.booleans()),
        max_size=5,
    ),
    relays=st.booleans(),
)
def test_wherever_they_go_a_file_is_whole_or_not_there(
    seed: int,
    size: int,
    loss: float,
    delay: float,
    steps: list[tuple[float, str, bool]],
    relays: bool,
) -> None:
    """SPEC S12: «byte-identical …, or it is not there under its name at all»"""
    rng = random.Random(seed)
    left = sorted(steps)

    def move(pair: MovingPair) -> None:
        while left and pair.now >= left[0][0]:
            _, who, keeps = left.pop(0)
            pair.moves(who, ("10.1.0.1", rng.randrange(1, 65536)), keeps=keeps)

    thief = Thief(relays=relays) if rng.random() < 0.5 else None
    faults = Faults(delay=delay, loss=loss, rate=4000, reorder=0.02, duplicate=0.02)
    pair = MovingPair(size, seed, faults, on_step=move, thief=thief).run(until=200)
    assert pair.now < 200, "it ends"
    assert set(pair.written) <= {0, 1}
    ends = [event for event in pair.audience_events if isinstance(event, events.Received)]
    if ends:
        assert set(pair.written) <= {1}
    if events.Delivered() in pair.presenter_events:
        assert ends
    if pair.audience.offer is not None:
        assert isinstance(pair.audience_events[-1], events.Received | events.Failed)
