"""PROTOCOL 5.6: how the controllers fare on paths, in virtual time.

The figures asked for are of 1424 bytes of file in each packet of 1480, `ideal` is what the path
lets through of them.
Seeds are fixed: what a run measures is the same on every host.
"""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.doubles.bottleneck import Bottleneck, Conditions, Picks, Service
from tests.doubles.flows import Flow, Plan, Simulation
from tests.simulate import TCP, ideal, link, main, packets
from toom_protocol.transfer.congestion import CONTROLLERS
from toom_protocol.transfer.congestion.control import MAX_QUANTUM

TWENTY_MEGABYTES = packets(20)
HUNDRED_MEGABYTES = packets(100)


def alone(conditions: Conditions, chunks: int, *, control: str = "rate", seed: int = 1) -> float:
    """The share of the ideal that one flow of so many chunks gets."""
    done = Simulation(conditions, Plan(control, chunks=chunks), seed=seed).run(until=300)
    assert done.flows[0].ended is not None
    return chunks / ideal(conditions, done.now)


# What the default reaches.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "share"), [(0.0, 0.975), (0.001, 0.975), (0.01, 0.97), (0.05, 0.965)]
)
def test_a_hundred_megabytes_fill_a_link_that_loses_at_random(loss: float, share: float) -> None:
    assert alone(link(loss=loss), HUNDRED_MEGABYTES) >= share


@pytest.mark.slow
def test_twenty_megabytes_fill_a_long_link_that_loses_at_random() -> None:
    assert alone(link(20, 0.200, loss=0.02), TWENTY_MEGABYTES) >= 0.93


@pytest.mark.slow
@pytest.mark.parametrize("loss", [0.0, 0.05])
def test_alone_the_queue_stays_below_three_tenths_of_the_buffer(loss: float) -> None:
    done = Simulation(link(loss=loss), Plan()).run(until=6)
    assert done.path.mean_queue < 0.3 * done.path.conditions.queue
    assert done.path.overflowed < 0.005 * done.path.sent


@pytest.mark.slow
@pytest.mark.parametrize(
    ("conditions", "share"),
    [
        (link(loss=0.05, burst=10), 0.92),
        (link(reorder=0.05, late=0.005), 0.92),
        (link(reorder=0.05, late=0.040), 0.92),
        (link(jitter=0.005), 0.92),
        (link(duplicate=0.02), 0.92),
        (link(ack_loss=0.2), 0.92),
        (link(buffer=0.25), 0.85),
        (link(buffer=4), 0.92),
    ],
    ids=["bursts", "late", "very late", "jitter", "twice", "acks lost", "shallow", "deep"],
)
def test_what_else_paths_do_costs_little(conditions: Conditions, share: float) -> None:
    assert alone(conditions, packets(40)) >= share


@pytest.mark.slow
def test_reordering_is_learnt_and_then_nothing_is_sent_twice() -> None:
    """RFC 8985 6.2: the window widens with what was spurious"""
    done = Simulation(link(reorder=0.05, late=0.020), Plan()).run(until=4)
    early = done.flows[0].recovery.spurious_total
    done.run(until=8)
    flow = done.flows[0]
    assert flow.recovery.spurious_total - early < 0.001 * flow.sent
    assert flow.control.window >= flow.control.pipe


@pytest.mark.slow
@pytest.mark.parametrize(("bucket", "share"), [(64_000, 0.85), (500_000, 0.92)])
def test_a_policer_is_found_out(bucket: int, share: float) -> None:
    whole = link().rate
    conditions = link(police=(whole / 2, bucket / 1480))
    assert alone(conditions, packets(40)) >= share


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(100, 50), (50, 100), (100, 20)])
def test_a_rate_that_changes_is_followed(before: int, after: int) -> None:
    conditions = link(before, changes=((3.0, link(after).rate),))
    done = Simulation(conditions, Plan()).run(until=8)
    flow = done.flows[0]
    arrived = flow.arrived_by(8) - flow.arrived_by(5)
    assert arrived >= 0.93 * link(after).rate * 3
    assert flow.control.window < 2.5 * link(after).pipe


@pytest.mark.slow
def test_marks_keep_the_queue_short_and_nothing_is_dropped() -> None:
    """ECN: RFC 3168 5"""
    conditions = link(mark=0.2 * link().pipe)
    for control in ("rate", "cubic"):
        done = Simulation(conditions, Plan(control)).run(until=6)
        assert 0 < done.path.marked < 0.1 * done.path.sent
        assert done.path.mean_queue < 0.25 * conditions.queue
        assert done.path.overflowed <= 0.002 * done.path.sent
        assert done.utilisation(since=1.0) > 0.85


# Beside others.


@pytest.mark.slow
@pytest.mark.parametrize(("gap", "seed"), [(0.0, 1), (1.0, 11), (2.0, 21), (3.0, 31)])
def test_two_flows_share_evenly_from_the_eighth_second(gap: float, seed: int) -> None:
    done = Simulation(link(), Plan(), Plan(start=gap), seed=seed).run(until=16)
    assert done.share(0, 8, 16) == pytest.approx(0.5, abs=0.05)
    assert done.utilisation(since=8) > 0.95


@pytest.mark.slow
def test_a_tcp_cubic_flow_beside_ours_keeps_two_fifths() -> None:
    shares = [
        Simulation(link(50), Plan(start=3.0), TCP, seed=seed).run(until=33).share(1, 3, 33)
        for seed in (1, 11, 21)
    ]
    assert sum(shares) / 3 >= 0.4


@pytest.mark.slow
def test_four_flows_come_to_something_even() -> None:
    done = Simulation(link(), *(Plan(start=0.5 * index) for index in range(4))).run(until=20)
    shares = [done.share(index, 12, 20) for index in range(4)]
    assert min(shares) > 0.1  # no goal: what they get is in PROTOCOL 5.6


# The two others.


@pytest.mark.slow
def test_cubic_fills_a_link_that_loses_nothing() -> None:
    assert alone(link(), packets(40), control="cubic") >= 0.9


@pytest.mark.slow
def test_two_cubic_flows_share_a_link() -> None:
    done = Simulation(link(), Plan("cubic"), Plan("cubic", start=1.0)).run(until=30)
    assert 0.35 < done.share(0, 10, 30) < 0.65


@pytest.mark.slow
@pytest.mark.parametrize("buffer", [0.5, 1.0, 4.0])
def test_the_background_yields_to_cubic_and_takes_what_is_left(buffer: float) -> None:
    conditions = link(buffer=buffer)
    beside = Simulation(conditions, Plan("background", start=3.0), Plan("cubic")).run(until=23)
    assert beside.share(0, 3, 23) < 0.2
    alone = Simulation(conditions, Plan("background")).run(until=20)
    assert alone.utilisation(since=3) > 0.85
    assert alone.path.mean_queue < 0.6 * conditions.queue
    assert alone.path.overflowed < 0.01 * alone.path.sent


# Any path.


def watched(flow: Flow, most: int) -> None:
    """Fail when the engine sends past its window, or its books do not agree."""
    recovery = flow.recovery
    assert 0 <= recovery.in_flight <= most
    assert recovery.delivered + recovery.in_flight + recovery.lost_total == flow.sent
    assert flow.control.window >= 2
    assert 0 < flow.control.pacing_rate < math.inf
    assert 2 <= flow.control.quantum <= MAX_QUANTUM


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    control=st.sampled_from(sorted(CONTROLLERS)),
    seed=st.integers(0, 2**32),
    mbit=st.floats(1, 200),
    rtt=st.floats(0.001, 0.4),
    buffer=st.floats(0.1, 4),
    loss=st.floats(0, 0.2),
    burst=st.one_of(st.none(), st.floats(2, 20)),
    reorder=st.floats(0, 0.3),
    late=st.floats(0, 0.1),
    duplicate=st.floats(0, 0.2),
    jitter=st.floats(0, 0.05),
    ack_loss=st.floats(0, 0.5),
    mark=st.one_of(st.none(), st.floats(1, 200)),
    police=st.one_of(st.none(), st.floats(0.1, 1)),
    paced=st.booleans(),
)
def test_any_path_is_crossed_and_no_window_is_passed(
    control: str,
    seed: int,
    mbit: float,
    rtt: float,
    buffer: float,
    police: float | None,
    paced: bool,
    **more: float,
) -> None:
    conditions = link(mbit, rtt, buffer, **more)
    if police is not None:
        rate = police * conditions.rate
        conditions = link(mbit, rtt, buffer, police=(rate, max(rate * rtt, 10)), **more)
    plan = Plan(control, chunks=300, paced=paced)
    done = Simulation(conditions, plan, seed=seed)
    flow, most, probes = done.flows[0], 0, 0

    def look(flow: Flow) -> None:
        # A window may have shrunk since; each timeout sends two probes past it (RFC 9002 7.5).
        nonlocal most, probes
        most, probes = max(most, flow.control.window), max(probes, flow.recovery.probes)
        watched(flow, most + 2 * probes)

    flow.on_step = look
    done.run(until=3000)
    assert flow.ended is not None


def test_a_queue_of_two_that_the_probes_fill_is_left() -> None:
    """PROTOCOL 5.5: what is sent after them is dropped, so their own answer must count"""
    conditions = Conditions(
        659.0, 0.001, 2, reorder=0.25, late=0.04, jitter=0.05, ack_loss=0.4, police=(160.0, 10)
    )
    done = Simulation(conditions, Plan(chunks=300, paced=False), seed=52).run(until=120)
    assert done.flows[0].ended is not None


@pytest.mark.parametrize("control", sorted(CONTROLLERS))
@pytest.mark.parametrize("loss", [0.0, 0.1])
def test_a_path_that_lets_little_more_than_probes_through_is_crossed(
    control: str, loss: float
) -> None:
    """PROTOCOL 5.5: one packet in ten passes, and once it was always the same chunk's copy"""
    free = link(1, 0.001, 1)
    strict = link(1, 0.001, 1, loss=loss, police=(0.1 * free.rate, 10))
    done = Simulation(strict, Plan(control, chunks=100), seed=1).run(until=300)
    assert done.flows[0].ended is not None


# The double itself.


@pytest.mark.parametrize(("share", "length"), [(0.01, None), (0.2, None), (0.05, 10), (0.1, 3.5)])
def test_picks_have_the_share_and_the_mean_length(share: float, length: float | None) -> None:
    picks, total, count = Picks(random.Random(1), share, length), 0, 400_000
    ends, runs = -1, 0
    for start in range(0, count, 100):
        for low, high in picks.spans(100):
            total += high - low
            runs += start + low != ends
            ends = start + high
    assert total / count == pytest.approx(share, rel=0.1)
    assert total / runs == pytest.approx(length or 1 / (1 - share), rel=0.1)


def test_a_changed_rate_serves_what_waits_already() -> None:
    service = Service(100.0, ((1.0, 10.0), (3.0, 50.0)))
    assert [service.by(time) for time in (0.5, 1.0, 2.0, 4.0)] == [50, 100, 110, 170]
    assert [service.when(packets) for packets in (50, 100, 110, 170)] == [0.5, 1.0, 2.0, 4.0]


def test_a_full_queue_drops_the_tail_and_marks_what_waits_behind_the_threshold() -> None:
    path = Bottleneck(Conditions(100.0, 0.2, 10, mark=4), random.Random(0))
    (arrival,) = path.carry(0.0, 15)
    assert (arrival.start, arrival.end, arrival.marked) == (0, 10, 6)
    assert arrival.time == pytest.approx(0.1 + 0.1)
    assert path.overflowed == 5
    assert path.carry(0.0, 1) == []
    assert path.backlog(0.05) == pytest.approx(5)
    (arrival,) = path.carry(0.05, 2)
    assert arrival.time == pytest.approx(0.12 + 0.1)


def test_a_policer_lets_a_bucket_through_and_then_its_rate() -> None:
    path = Bottleneck(Conditions(1000.0, 0.0, 100, police=(10.0, 20)), random.Random(0))
    assert [a.end for a in path.carry(0.0, 30)] == [20]
    assert path.policed == 10
    assert [a.end for a in path.carry(0.5, 30)] == [5]


def test_late_and_doubled_packets_come_apart_from_the_others() -> None:
    conditions = Conditions(1000.0, 0.0, 10_000, reorder=0.2, late=0.5, duplicate=0.2)
    arrivals = Bottleneck(conditions, random.Random(3)).carry(0.0, 1000)
    count = [0] * 1000
    for arrival in arrivals:
        for number in range(arrival.start, arrival.end):
            count[number] += 1
    assert set(count) == {1, 2}
    assert sum(count) == pytest.approx(1200, abs=40)
    late = sum(a.end - a.start for a in arrivals if a.time > 1.01)
    assert late == pytest.approx(0.2 * 1000, abs=120)


def test_a_seed_repeats_a_run() -> None:
    def course(seed: int) -> list[int]:
        return Simulation(link(loss=0.02), Plan(), seed=seed).run(until=2).flows[0].progress

    assert course(1) == course(1) != course(2)


def test_the_table_has_a_row_for_each_path(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["simulate", "--control", "cubic", "20 Mbit"])
    main()
    heading, row = capsys.readouterr().out.splitlines()
    assert heading.startswith("cubic")
    assert row.startswith("20 Mbit/s 200 ms 2 %")
