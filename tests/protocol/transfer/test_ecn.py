"""PROTOCOL 5.16: routers that mark instead of dropping, by themselves and on a link that does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.doubles.link import Faults, Pair
from toom_protocol.transfer import events
from toom_protocol.transfer.audience import Audience
from toom_protocol.transfer.ecn import SILENT_PROBES, TESTED, Marking, State
from toom_protocol.transfer.frames import Ack, Offer, Skip
from toom_protocol.transfer.packets import LARGEST_CHUNK, DataRun

MEGABYTE = 1_000_000


def test_marks_are_believed_until_they_cannot_be_true() -> None:
    marking = Marking()
    assert marking.count(3) == 3
    marking.judge(10)
    states = [marking.state]
    marking.judge(TESTED)
    assert [*states, marking.state] == [State.TESTING, State.CAPABLE]
    assert marking.count(2) == 3  # an old word
    assert marking.count(TESTED + 2) == TESTED + 2
    marking.judge(TESTED + 1)
    assert not marking.on
    assert marking.count(1000) == TESTED + 2  # nothing new is heard


def test_a_path_that_marks_everything_says_nothing() -> None:
    """RFC 9000 13.4.2: it would have the pace cut down to nothing."""
    marking = Marking()
    marking.count(TESTED)
    marking.judge(TESTED)
    assert marking.state is State.FAILED


def test_on_another_path_it_begins_again() -> None:
    marking = Marking(base=100)
    assert marking.count(101) == 1
    marking.judge(1)
    assert marking.on


def test_probes_that_are_not_answered_leave_without() -> None:
    marking = Marking()
    marking.probed(SILENT_PROBES - 1)
    assert marking.on
    marking.probed(SILENT_PROBES)
    assert not marking.on


def open_audience() -> Audience:
    engine = Audience(now=0.0)
    engine.greet(0, Offer(100 * LARGEST_CHUNK, "a.mp4"), now=0.0)
    engine.accept(LARGEST_CHUNK, now=0.0)
    engine.receive(1, (Skip(0),), now=0.0)
    return engine


def told(engine: Audience) -> int:
    [ack] = [
        frame for item in engine.poll(now=10.0) for frame in item.frames if isinstance(frame, Ack)
    ]
    return ack.marked


def test_the_audience_counts_marked_packets_and_replays_once() -> None:
    engine = open_audience()
    engine.receive_run(2, 0, 10, now=0.1, marked=True)
    engine.receive_run(12, 10, 10, now=0.1)
    engine.receive_run(22, 20, 5, now=0.1, marked=True)
    engine.receive_run(2, 0, 10, now=0.1, marked=True)  # somebody on the path plays them again
    assert told(engine) == 15


@dataclass
class Marks(Pair):
    """A link whose queue is marked before it overflows, or that does worse with what may be."""

    mark: int = 40  # packets that wait
    drops: float = float("inf")  # from when on what may be marked does not pass
    marks_all: bool = False
    marked: int = 0
    unmarkable: int = 0

    def carry_data(self, run: DataRun) -> None:
        link, on = self.network.forward, self.presenter.sending.marking.on
        for index in range(run.count):
            packet: Any = (run.packet_number + index, run.chunk + index)
            waiting = max(link._free - self.now, 0.0) * (link.faults.rate or 0.0)
            is_marked = on and (self.marks_all or waiting > self.mark)
            self.marked += is_marked
            self.unmarkable += not on
            if not (on and self.now >= self.drops):
                deliver = self._marked_arrives if is_marked else self._data_arrives
                self.network.carry(link, packet, deliver)

    def _marked_arrives(self, packet: tuple[int, int]) -> None:
        self.take(*packet, marked=True)


LINK = Faults(delay=0.02, rate=4000, queue=160)


def assert_arrived(pair: Pair) -> None:
    assert pair.presenter_events == [events.Delivered()]
    assert set(pair.written) == {1}


def test_a_queue_that_is_marked_stays_shorter() -> None:
    dropping = Marks(8 * MEGABYTE, 1, LINK, mark=1000).run()
    marking = Marks(8 * MEGABYTE, 1, LINK, mark=40).run()
    for pair in (dropping, marking):
        assert_arrived(pair)
    assert marking.marked > 0
    assert marking.network.forward.overflowed <= dropping.network.forward.overflowed
    assert marking.network.forward.queue_time < 0.8 * dropping.network.forward.queue_time
    assert marking.presenter.sending.marking.state is State.CAPABLE
    assert marking.ended_at["audience"] < 1.2 * dropping.ended_at["audience"]


def test_a_path_that_marks_everything_is_as_quick_as_one_that_does_not() -> None:
    plain = Marks(8 * MEGABYTE, 1, LINK, mark=1000).run()
    pair = Marks(8 * MEGABYTE, 1, LINK, marks_all=True).run()
    assert_arrived(pair)
    assert pair.presenter.sending.marking.state is State.FAILED
    assert pair.ended_at["audience"] < 1.15 * plain.ended_at["audience"]


@pytest.mark.parametrize("drops", [0.0, 0.5])
def test_a_path_that_drops_what_may_be_marked_costs_a_moment(drops: float) -> None:
    """The probes pass unmarked; and their length is not blamed (PROTOCOL 5.13)."""
    pair = Marks(4 * MEGABYTE, 1, LINK, mark=1000, drops=drops).run()
    assert_arrived(pair)
    assert pair.unmarkable > 0
    assert not pair.presenter.sending.halving
    assert pair.ended_at["presenter"] < 4
