"""PROTOCOL 5: a real presenter and a real audience on a seeded link in virtual time.

SPEC S12: «The received file is byte-identical …, or it is not there under its name at all».
"""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.doubles.link import BytePair, Faults, Pair
from toom_protocol.transfer import events
from toom_protocol.transfer.packets import LARGEST_CHUNK
from toom_protocol.transfer.patience import SILENCE
from toom_protocol.transfer.reasons import Reason
from toom_protocol.transfer.sending import BUFFER_PER_PACKET

MEGABYTE = 1_000_000


def rough(loss: float, corrupt: float = 0.0) -> Faults:
    return Faults(loss=loss, corrupt=corrupt, reorder=0.02, duplicate=0.02)


LINK_100 = 100e6 / 8 / 1246  # packets a second: 1200 bytes and the headers below them

arrived = pytest.mark.parametrize("seed", range(4))


def assert_arrived(pair: Pair) -> None:
    assert pair.presenter_events == [events.Delivered()]
    assert pair.audience_events[-1] == events.Received()
    assert set(pair.written) <= {1}, "a chunk was not written exactly once"


def failures(pair: Pair) -> tuple[Reason, Reason]:
    sent, received = pair.presenter_events[-1], pair.audience_events[-1]
    assert isinstance(sent, events.Failed)
    assert isinstance(received, events.Failed)
    return sent.reason, received.reason


@arrived
@pytest.mark.parametrize("loss", [0.0, 0.01, 0.1, 0.3])
@pytest.mark.parametrize("size", [0, 1, LARGEST_CHUNK + 1, 300_000])
def test_files_of_any_size_arrive(size: int, loss: float, seed: int) -> None:
    assert_arrived(Pair(size, seed, rough(loss)).run())


@pytest.mark.slow
@pytest.mark.parametrize("loss", [0.0, 0.01, 0.1])
def test_a_hundred_megabytes_arrive(loss: float) -> None:
    pair = Pair(100 * MEGABYTE, 11, rough(loss)).run()
    assert_arrived(pair)
    assert pair.now < 60


@pytest.mark.slow
@pytest.mark.parametrize("loss", [0.0, 0.01, 0.1])
def test_bytes_through_the_codec_arrive_although_some_are_damaged(loss: float) -> None:
    content = random.Random(5).randbytes(3 * MEGABYTE)
    pair = BytePair(content, 6, rough(loss, corrupt=0.01))
    pair.run()
    assert_arrived(pair)
    assert pair.arrived == content
    assert pair.dropped > 0


@pytest.mark.slow
@pytest.mark.parametrize(("loss", "share"), [(0.0, 0.9), (0.01, 0.9), (0.05, 0.88)])
def test_a_lossy_link_is_filled_and_its_queue_is_not(loss: float, share: float) -> None:
    """PROTOCOL 5.6: loss that is not congestion costs only itself."""
    forward = Faults(delay=0.025, loss=loss, rate=LINK_100, queue=500)
    pair = Pair(60 * MEGABYTE, 7, forward, Faults(delay=0.025, loss=loss)).run()
    assert_arrived(pair)
    ideal = len(pair.written) / (LINK_100 * (1 - loss))
    assert pair.ended_at["audience"] < ideal / share
    link = pair.network.forward
    assert link.queue_time / link.sent < 0.3 * 0.050


def test_a_slow_and_shallow_link_is_survived() -> None:
    pair = Pair(MEGABYTE, 8, Faults(delay=0.1, rate=200, queue=10), Faults(delay=0.1)).run()
    assert_arrived(pair)


def test_a_small_receive_buffer_bounds_what_is_out() -> None:
    """PROTOCOL 5.6: in flight <= pipe + what the audience's buffer holds"""
    pair = Pair(MEGABYTE, 9, Faults(delay=0.001), receive_buffer=10 * BUFFER_PER_PACKET)
    most = 0

    def look(pair: Pair) -> None:
        nonlocal most
        most = max(most, pair.presenter.sending.recovery.in_flight - int(pair.control.pipe))

    pair.on_step = look
    assert_arrived(pair.run())
    assert most <= 10 + 2


@pytest.mark.parametrize("seed", range(0, 12, 2))
def test_an_outage_is_survived(seed: int) -> None:
    """Persistent congestion (PROTOCOL 5.5), then the way back."""

    def cut(pair: Pair) -> None:
        off = 0.3 <= pair.now < 0.3 + seed
        pair.network.forward.cut = pair.network.back.cut = off

    pair = Pair(4 * MEGABYTE, seed, Faults(delay=0.01, rate=3000, loss=0.01), on_step=cut).run()
    assert_arrived(pair)


class Sleeper(Pair):
    """The audience's program stands still; what comes meanwhile waits in its socket's buffer."""

    def sleep(self, seconds: float) -> None:
        self.audience_lives = False
        self.waiting: list[tuple[int, int]] = []
        self.run(until=self.now + seconds)
        self.audience_lives = True
        for packet in self.waiting[: self.receive_buffer // BUFFER_PER_PACKET]:
            self.take(*packet)

    def take(self, number: int, chunk: int, *, marked: bool = False) -> bool:
        if not self.audience_lives:
            self.waiting.append((number, chunk))
        return super().take(number, chunk, marked=marked)


@pytest.mark.parametrize("seconds", [0.1, 0.4, 2.0])
@pytest.mark.parametrize("buffer", [4 << 20, 8 << 20])
def test_an_audience_that_stood_still_on_a_lan_is_soon_served_as_before(
    seconds: float, buffer: int
) -> None:
    link = Faults(delay=0.0001, rate=70_000, queue=3000)
    pair = Sleeper(12 * MEGABYTE, 1, link, Faults(delay=0.0001), receive_buffer=buffer)
    pair.run(until=0.02)
    pair.sleep(seconds)
    woken = pair.now
    assert_arrived(pair.run())
    assert pair.ended_at["audience"] - woken < 3 * len(pair.written) / 70_000


@pytest.mark.parametrize("who", ["presenter", "audience"])
@pytest.mark.parametrize("moment", [0.0, 0.006, 0.011, 0.013, 0.05, 0.2, 0.5])
def test_a_peer_that_vanishes_ends_the_transfer(who: str, moment: float) -> None:
    """SPEC S12: «A peer silent for 15 s is gone.»"""

    def vanish(pair: Pair) -> None:
        if pair.now >= moment:
            setattr(pair, f"{who}_lives", False)

    pair = Pair(5 * MEGABYTE, 3, Faults(rate=3000), on_step=vanish).run()
    other = "audience" if who == "presenter" else "presenter"
    told = pair.audience_events if other == "audience" else pair.presenter_events
    if moment == 0.0 and other == "audience":
        assert told == []  # nobody ever came: nothing to tell
        return
    end = told[-1]
    assert isinstance(end, events.Failed)
    assert end.reason in (Reason.PEER_GONE, Reason.NO_ANSWER)
    assert SILENCE <= pair.ended_at[other] <= moment + SILENCE + 0.1
    assert pair.now < moment + 2 * SILENCE + 5


@pytest.mark.parametrize("direction", ["forward", "back"])
@pytest.mark.parametrize("moment", [0.013, 0.2])
def test_a_path_that_dies_in_one_direction_ends_both(direction: str, moment: float) -> None:
    def cut(pair: Pair) -> None:
        getattr(pair.network, direction).cut = pair.now >= moment

    pair = Pair(5 * MEGABYTE, 3, Faults(rate=3000), on_step=cut).run()
    assert Reason.PEER_GONE in failures(pair)
    assert max(pair.ended_at.values()) < moment + 2 * SILENCE + 1


@pytest.mark.parametrize("loss", [0.0, 0.3])
@pytest.mark.parametrize("who", ["presenter", "audience"])
@pytest.mark.parametrize("moment", [0.013, 0.2])
def test_who_gives_up_tells_the_other(who: str, moment: float, loss: float) -> None:
    """SPEC S11: «Files still on their way are given up, and both sides are told»"""

    def abort(pair: Pair) -> None:
        if pair.now >= moment and not pair.ended_at:
            getattr(pair, who).abort(Reason.GIVEN_UP, now=pair.now)

    pair = Pair(5 * MEGABYTE, 4, Faults(rate=3000, loss=loss), on_step=abort).run()
    assert failures(pair) == (Reason.GIVEN_UP, Reason.GIVEN_UP)
    assert max(pair.ended_at.values()) < moment + 3


@pytest.mark.parametrize("loss", [0.0, 0.3])
def test_a_wrong_digest_fails_at_both_ends(loss: float) -> None:
    pair = Pair(50_000, 4, Faults(loss=loss), digest_found=b"x" * 32).run()
    assert failures(pair) == (Reason.DIGEST_MISMATCH, Reason.DIGEST_MISMATCH)
    assert events.Verified() not in pair.audience_events


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", ".bashrc", "a\nb", "", "x" * 201])
def test_hostile_names_are_refused_by_the_audience_itself(name: str) -> None:
    pair = Pair(5, 4, filename=name).run()
    assert failures(pair) == (Reason.BAD_NAME, Reason.BAD_NAME)
    assert not any(isinstance(event, events.Offered) for event in pair.audience_events)


def test_a_lost_done_is_said_again() -> None:
    """PROTOCOL 5.7: the presenter learns of success although the first DONE was lost."""

    def cut(pair: Pair) -> None:
        pair.network.back.cut = pair.audience.chunks.contiguous > 30 and pair.now < 5

    pair = Pair(50_000, 4, on_step=cut).run()
    assert_arrived(pair)
    assert pair.ended_at["audience"] < 1
    assert pair.ended_at["presenter"] >= 5


def test_nobody_works_without_need() -> None:
    """A live pair that waits (here: for the audience's disk) only keeps itself alive."""
    pair = Pair(50_000, 4, shell_answers=False).run(until=60.0)
    assert pair.presenter_events == []
    assert pair.network.forward.sent < 200
    assert pair.network.back.sent < 200


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(0, 400_000),
    seed=st.integers(0, 2**32),
    loss=st.floats(0, 0.4),
    reorder=st.floats(0, 0.5),
    duplicate=st.floats(0, 0.5),
    delay=st.floats(0.0001, 0.3),
    rate=st.one_of(st.none(), st.floats(200, 50_000)),
    queue=st.integers(5, 400),
)
def test_any_link_that_lets_something_through_is_enough(
    size: int, seed: int, queue: int, rate: float | None, **faults: float
) -> None:
    pair = Pair(size, seed, Faults(rate=rate, queue=queue, late=faults["delay"], **faults)).run()
    assert_arrived(pair)
