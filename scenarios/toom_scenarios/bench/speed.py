"""Durable acknowledgements per second, ours against Redis's (part `speed` of `toom bench server`).

Both servers run on one core, the load on another, turn by turn in the same minutes; the first of
each pair alternates. Belongs here: cases, their goals, rounds, rows. Does not: servers (peers.py),
the load (generator.py).
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .document import Goal, Row
from .generator import Generator, Measured, Talk
from .peers import Peer, free_port, redis, toom

WARMUP: Final = 1.0  # seconds
SECONDS: Final = 3.0  # that count, for each server, case and round
ROOMS: Final = 200
ENOUGH: Final = 1.5  # times the faster side: what the generator must carry to count
GENERATOR_BOUND: Final = "generator-bound"
ANSWER_BYTES: Final = 47  # of BroadcastSent, which an echo server sends as well
REDIS: Final = "redis-always"
ONE_LOG: Final = "ours, one log"
IN_ROOMS: Final = 0.7  # times our own speed on one log: within 30 % of it
P99_OF_REDIS: Final = 1.0  # at most, from 50 to 1000 connections
P99_GOALS: Final = range(50, 1001)


@dataclass(frozen=True, slots=True)
class Case:
    """One row: so many connections, so many questions under way on each.

    Attributes:
        times_redis: acknowledgements per second that are the goal, as a multiple of Redis's.
    """

    connections: int
    depth: int = 1
    in_rooms: bool = False
    times_redis: float | None = None

    @property
    def name(self) -> str:
        """For people."""
        told = "1 connection" if self.connections == 1 else f"{self.connections} connections"
        if self.depth > 1:
            told += f", {self.depth} in flight"
        return told + (f", {ROOMS} rooms" if self.in_rooms else "")

    def talks(self, peer: Peer) -> Sequence[Talk]:
        """What is said to a server."""
        return (peer.rooms if self.in_rooms else peer.broadcasts)(self.connections)

    @property
    def goal(self) -> Goal | None:
        """What its speed is to reach; messages to rooms are compared with our own to one log."""
        if self.in_rooms:
            return Goal(at_least=IN_ROOMS, against=ONE_LOG)
        return Goal(at_least=self.times_redis, against=REDIS)

    @property
    def goal_of_p99(self) -> Goal | None:
        """What its slowest answers are to reach."""
        if self.in_rooms or self.connections not in P99_GOALS:
            return None
        return Goal(at_most=P99_OF_REDIS, against=REDIS)


ONE_LOG_CASE: Final = Case(ROOMS, times_redis=1.1)
CASES: Final = (
    Case(1, times_redis=1.0),
    Case(50, times_redis=1.1),
    ONE_LOG_CASE,
    Case(1000, times_redis=1.0),
    Case(5000, times_redis=1.0),
    Case(50, 16, times_redis=1.5),
    Case(1000, 16, times_redis=1.3),
    Case(ROOMS, in_rooms=True),
)


@dataclass(slots=True)
class Results:
    """What was measured so far: for each case a value of each round, in order."""

    ours: defaultdict[Case, list[Measured]]
    theirs: defaultdict[Case, list[Measured]]
    carried: dict[Case, float]  # answers a second that the generator itself can take

    def is_bound(self, case: Case) -> bool:
        """Whether the generator may be what was measured."""
        both = (*self.ours[case], *self.theirs[case])
        return self.carried[case] < ENOUGH * max(each.per_second for each in both)

    def rows(self, case: Case) -> list[Row]:
        """Speed, p50 and p99 of a case."""
        counts = not self.is_bound(case)

        def values(name: str) -> tuple[list[float], dict[str, list[float]]]:
            mine = [getattr(each, name) for each in self.ours[case]]
            peers = {REDIS: [getattr(each, name) for each in self.theirs[case]]}
            if case.in_rooms and ONE_LOG_CASE in self.ours:
                peers[ONE_LOG] = [getattr(each, name) for each in self.ours[ONE_LOG_CASE]]
            return mine, peers

        p99 = f"{case.name}, p99"
        return [
            Row.of(case.name, "acks/s", *values("per_second"), goal=case.goal, counts=counts),
            Row.of(f"{case.name}, p50", "ms", *values("p50"), counts=counts),
            Row.of(p99, "ms", *values("p99"), goal=case.goal_of_p99, counts=counts),
        ]


def chosen(connections: Sequence[int]) -> list[Case]:
    """The cases with so many connections; none given: all."""
    return [case for case in CASES if not connections or case.connections in connections]


def measure(
    rounds: int, folder: Path, tell: Callable[[str], None], cases: Sequence[Case] = CASES
) -> tuple[list[Row], dict[str, Any]]:
    """Load both servers in turn.

    Args:
        folder: on the disk that is meant.
        tell: hears of the progress.

    Returns:
        Rows, and what else belongs into the document.

    Raises:
        Broken: a server, the peer's package, or a compiler is missing, or one broke.
    """
    results = Results(defaultdict(list), defaultdict(list), {})
    with _servers(folder) as (generator, us, them):
        for turn in range(rounds):
            for case in cases:
                pair = [(us, results.ours), (them, results.theirs)]
                for peer, measured in pair if turn % 2 == 0 else reversed(pair):
                    measured[case].append(load(generator, peer, case.talks(peer), case.depth))
                tell(
                    f"round {turn + 1} of {rounds}, {case.name}: "
                    f"{results.ours[case][-1].per_second:.0f} acks/s, "
                    f"{them.name} {results.theirs[case][-1].per_second:.0f}"
                )
        for case in cases:
            results.carried[case] = _carries(generator, case, us)
    more = {
        "generator": {case.name: round(results.carried[case]) for case in cases},
        GENERATOR_BOUND: [case.name for case in cases if results.is_bound(case)],
    }
    return [row for case in cases for row in results.rows(case)], more


def load(
    generator: Generator, peer: Peer, talks: Sequence[Talk], depth: int = 1, flooders: int = 0
) -> Measured:
    """Load a server for the usual time, and wait until it has forgotten that."""
    measured = generator.load(
        peer.framing,
        peer.port,
        talks,
        depth=depth,
        warmup=WARMUP,
        seconds=SECONDS,
        flooders=flooders,
    )
    peer.settle()
    return measured


@contextlib.contextmanager
def _servers(folder: Path) -> Iterator[tuple[Generator, Peer, Peer]]:
    with contextlib.ExitStack() as stack:
        generator = Generator(folder)
        place = folder / REDIS
        place.mkdir()
        us = stack.enter_context(toom(folder / "toom", ROOMS))
        them = stack.enter_context(redis(place))
        yield generator, us, them


def _carries(generator: Generator, case: Case, us: Peer) -> float:
    """How many answers a second the generator itself can take, asked alike."""
    talks = [Talk(b"", talk.question) for talk in case.talks(us)]
    port = free_port()
    with generator.echo(us.framing, port, len(talks[0].question), ANSWER_BYTES):
        told = generator.load(
            us.framing, port, talks, depth=case.depth, warmup=WARMUP / 2, seconds=SECONDS / 2
        )
    return told.per_second
