"""PROTOCOL 5.15: either user pauses a transfer, in virtual time, over links that lose a lot."""

from __future__ import annotations

import pytest

from tests.doubles.link import Faults, Pair
from toom_protocol.transfer import events
from toom_protocol.transfer.frames import Accept, Ack, Hold, Offer, Ping
from toom_protocol.transfer.packets import LARGEST_CHUNK, DataRun, PacketType
from toom_protocol.transfer.patience import KEEP_ALIVE, SILENCE, Control
from toom_protocol.transfer.presenter import Presenter
from toom_protocol.transfer.reasons import Reason

MEGABYTE = 1_000_000
RATE = 1500.0  # packets a second
LINK = Faults(delay=0.02, rate=RATE, queue=80)
LOSSY = Faults(delay=0.02, rate=1500, queue=80, loss=0.2)
ROUND_TRIP = 2 * LINK.delay
PAUSED_AT = 0.4
HOUR = 3600.0


class Paused(Pair):
    """One user pauses in the middle of a file, and goes on later; data is counted meanwhile."""

    def __init__(self, who: str, forward: Faults, *, pause: float, seed: int = 1) -> None:
        super().__init__(2 * MEGABYTE, seed, forward)
        self.end = self.presenter if who == "presenter" else self.audience
        self.other = self.audience if who == "presenter" else self.presenter
        self.times: list[float] = []  # at which data was sent
        self.run(until=PAUSED_AT)
        assert 0 < self.presenter.sending.next_chunk < len(self.written) / 2
        self.end.pause(now=self.now)
        self.lost_before = self.presenter.sending.recovery.lost_total
        self.control_before = self.control
        self.run(until=PAUSED_AT + pause)
        self.quiet = [time for time in self.times if time > PAUSED_AT]
        self.end.go_on(now=self.now)

    def carry_data(self, run: DataRun) -> None:
        self.times.append(self.now)
        super().carry_data(run)


def assert_arrived(pair: Pair) -> None:
    assert pair.presenter_events == [events.Delivered()]
    assert pair.audience_events[-1] == events.Received()
    assert set(pair.written) == {1}


either = pytest.mark.parametrize("who", ["presenter", "audience"])


@either
@pytest.mark.parametrize("faults", [LINK, LOSSY], ids=["clean", "lossy"])
@pytest.mark.parametrize("seed", range(3))
def test_an_hour_of_pause_costs_nothing_but_the_hour(who: str, faults: Faults, seed: int) -> None:
    """Nobody is given up, no probe is sent, and the file is whole in the end."""
    pair = Paused(who, faults, pause=HOUR, seed=seed)
    latest = 0.0 if who == "presenter" else 1.0  # the word may be lost, and comes with each answer
    assert [time for time in pair.quiet if time > PAUSED_AT + latest] == []
    assert pair.presenter.sending.recovery.probes == 0
    assert_arrived(pair.run())
    assert pair.now < PAUSED_AT + HOUR + 60


@either
def test_the_other_end_knows_who_has_paused(who: str) -> None:
    pair = Paused(who, LINK, pause=0.0)
    pair.end.pause(now=pair.now)
    pair.run(until=pair.now + 2 * ROUND_TRIP)
    assert (pair.end.paused, pair.end.held) == (True, False)
    assert (pair.other.paused, pair.other.held) == (False, True)
    pair.end.go_on(now=pair.now)
    pair.run(until=pair.now + 2 * ROUND_TRIP)
    assert (pair.end.paused, pair.other.held) == (False, False)
    assert_arrived(pair.run())


def test_a_transfer_that_both_have_paused_goes_on_when_both_let_it() -> None:
    pair = Paused("presenter", LINK, pause=0.0)
    pair.presenter.pause(now=pair.now)
    pair.audience.pause(now=pair.now)
    pair.run(until=pair.now + 1)
    pair.presenter.go_on(now=pair.now)
    before = len(pair.times)
    pair.run(until=pair.now + 1)
    assert len(pair.times) == before
    pair.audience.go_on(now=pair.now)
    assert_arrived(pair.run())


@either
def test_a_word_that_is_lost_is_said_again(who: str) -> None:
    """The pause is in each control datagram, so it is known as soon as one passes."""
    pair = Paused(who, LINK, pause=0.0)
    pair.end.pause(now=pair.now)
    pair.run(until=pair.now + 1)
    for link in (pair.network.forward, pair.network.back):
        link.cut = True
    pair.end.go_on(now=pair.now)
    pair.run(until=pair.now + 1)
    for link in (pair.network.forward, pair.network.back):
        link.cut = False
    pair.run(until=pair.now + KEEP_ALIVE + 2 * ROUND_TRIP)
    assert not pair.other.held
    assert_arrived(pair.run())


@either
def test_a_vanished_peer_is_noticed_in_a_pause(who: str) -> None:
    pair = Paused(who, LINK, pause=0.0)
    pair.end.pause(now=pair.now)
    pair.run(until=pair.now + 60)
    pair.network.forward.cut = pair.network.back.cut = True
    gone = pair.now
    pair.run()
    assert pair.presenter_events == [events.Failed(Reason.PEER_GONE)]
    assert SILENCE - KEEP_ALIVE - 1 < pair.ended_at["presenter"] - gone <= SILENCE


@either
def test_after_a_long_pause_the_controller_begins_anew(who: str) -> None:
    """RFC 9002 7.8: what was learnt of the path is old; the silence is no congestion."""
    pair = Paused(who, LINK, pause=HOUR)
    pair.run(until=pair.now + 2 * ROUND_TRIP)
    assert pair.control is not pair.control_before
    assert pair.presenter.sending.recovery.lost_total == pair.lost_before
    started = pair.now
    assert_arrived(pair.run())
    assert pair.ended_at["presenter"] - started < 2 * MEGABYTE / LARGEST_CHUNK / RATE + 2


def test_a_pause_of_a_moment_changes_nothing() -> None:
    pair = Paused("presenter", LINK, pause=ROUND_TRIP / 2)
    pair.run(until=pair.now + ROUND_TRIP)
    assert pair.control is pair.control_before
    assert_arrived(pair.run())


def test_what_was_on_its_way_and_is_lost_is_sent_again_after_the_pause() -> None:
    """It counts neither as congestion nor as an unanswered probe."""
    pair = Paused("presenter", LINK, pause=0.0)
    pair.run(until=pair.now + 0.1)
    pair.network.clear()  # all that is out, and every acknowledgement
    assert pair.presenter.sending.recovery.in_flight > 0
    pair.presenter.pause(now=pair.now)
    pair.run(until=pair.now + 60)
    assert pair.presenter.sending.recovery.in_flight > 0
    assert pair.presenter.sending.recovery.probes == 0
    pair.presenter.go_on(now=pair.now)
    assert_arrived(pair.run())


def offering(size: int = 100 * LARGEST_CHUNK) -> Presenter:
    return Presenter(Offer(size, "a.mp4"), now=0.0)


ACCEPT = Accept(0, 0.0, 1000, 1 << 20, LARGEST_CHUNK)


def frames_of(engine: Presenter, now: float) -> list[object]:
    items = engine.poll(now=now)
    return [frame for item in items if isinstance(item, Control) for frame in item.frames]


def test_a_presenter_that_pauses_before_it_is_answered() -> None:
    """Hellos go on, as they are; the pause is told under the keys, and nothing is sent."""
    engine = offering()
    engine.pause(now=0.0)
    assert frames_of(engine, 0.0) == [Offer(100 * LARGEST_CHUNK, "a.mp4")]
    engine.receive(0, (ACCEPT,), now=0.01)
    assert engine.deadline() <= 0.01
    assert engine.poll(now=0.01) == [Control(PacketType.PRESENTER_CONTROL, 1, (Ping(), Hold()))]
    engine.go_on(now=0.02)
    assert any(isinstance(item, DataRun) for item in engine.poll(now=0.02))


def test_an_audience_may_pause_with_its_first_answer() -> None:
    engine = offering()
    engine.poll(now=0.0)
    engine.receive(0, (ACCEPT, Hold()), now=0.01)
    assert engine.held
    assert engine.deadline() == pytest.approx(KEEP_ALIVE)
    engine.receive(1, (Ack(0.0, 1000, 1 << 20, ()),), now=0.02)
    assert any(isinstance(item, DataRun) for item in engine.poll(now=0.02))
