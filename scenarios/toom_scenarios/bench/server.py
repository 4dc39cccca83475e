"""`toom bench server`: durable acknowledgements per second, ours against Redis's.

Both servers run on one core, the load on another, turn by turn in the same minutes; the first of
each pair alternates. Belongs here: cases, rounds, rows. Does not: servers (peers.py), the load.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..errors import Broken
from .document import Figures, Row
from .generator import Generator, Measured, Talk
from .peers import Peer, free_port, redis, toom

WARMUP: Final = 1.0  # seconds
SECONDS: Final = 3.0  # that count, for each server, case and round
ROOMS: Final = 200
ENOUGH: Final = 1.5  # times the faster side: what the generator must carry to count
GENERATOR_BOUND: Final = "generator-bound"
ANSWER_BYTES: Final = 47  # of BroadcastSent, which an echo server sends as well


@dataclass(frozen=True, slots=True)
class Case:
    """One row: so many connections, so many questions under way on each."""

    connections: int
    depth: int = 1
    in_rooms: bool = False

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


CASES: Final = (
    *(Case(count) for count in (1, 50, 200, 1000, 5000)),
    Case(50, 16),
    Case(1000, 16),
    Case(ROOMS, in_rooms=True),
)


def measure(
    rounds: int, where: Path | None, tell: Callable[[str], None], cases: Sequence[Case] = CASES
) -> tuple[list[Row], dict[str, Any]]:
    """Load both servers in turn.

    Args:
        where: a folder on the disk that is meant; default: the folder for temporary files.
        tell: hears of the progress.

    Returns:
        Rows, and what else belongs into the document.

    Raises:
        Broken: a server, the peer's package, or a compiler is missing, or one broke.
    """
    if shutil.which("taskset") is None:
        raise Broken("taskset is missing: sudo apt-get install util-linux")
    ours: defaultdict[Case, list[Measured]] = defaultdict(list)
    peers: defaultdict[Case, list[Measured]] = defaultdict(list)
    carried: dict[Case, float] = {}
    with _servers(where) as (generator, us, them):
        for turn in range(rounds):
            for case in cases:
                pair = [(us, ours), (them, peers)]
                for peer, results in pair if turn % 2 == 0 else reversed(pair):
                    results[case].append(_load(generator, case, peer))
                tell(
                    f"round {turn + 1} of {rounds}, {case.name}: "
                    f"{ours[case][-1].per_second:.0f} acks/s, "
                    f"{them.name} {peers[case][-1].per_second:.0f}"
                )
        for case in cases:
            carried[case] = _carries(generator, case, us)
    rows = []
    bound = []
    for case in cases:
        mine, theirs = ours[case], peers[case]
        rows.append(
            Row(
                case.name,
                "acks/s",
                Figures.of([each.per_second for each in mine]),
                {them.name: Figures.of([each.per_second for each in theirs])},
            )
        )
        for name in ("p50", "p99"):
            rows.append(
                Row(
                    f"{case.name}, {name}",
                    "ms",
                    Figures.of([getattr(each, name) for each in mine]),
                    {them.name: Figures.of([getattr(each, name) for each in theirs])},
                )
            )
        faster = max(each.per_second for each in (*mine, *theirs))
        if carried[case] < ENOUGH * faster:
            bound.append(case.name)
    more = {
        "generator": {case.name: round(carried[case]) for case in cases},
        GENERATOR_BOUND: bound,
    }
    return rows, more


@contextlib.contextmanager
def _servers(where: Path | None) -> Iterator[tuple[Generator, Peer, Peer]]:
    with contextlib.ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="toom-bench-", dir=where))
        )
        generator = Generator(folder)
        places = [folder / name for name in ("toom", "redis")]
        for place in places:
            place.mkdir()
        us = stack.enter_context(toom(places[0], ROOMS))
        them = stack.enter_context(redis(places[1]))
        yield generator, us, them


def _load(generator: Generator, case: Case, peer: Peer) -> Measured:
    measured = generator.load(
        peer.framing,
        peer.port,
        case.talks(peer),
        depth=case.depth,
        warmup=WARMUP,
        seconds=SECONDS,
    )
    peer.settle()
    return measured


def _carries(generator: Generator, case: Case, us: Peer) -> float:
    """How many answers a second the generator itself can take, asked alike."""
    talks = [Talk(b"", talk.question) for talk in case.talks(us)]
    port = free_port()
    with generator.echo(us.framing, port, len(talks[0].question), ANSWER_BYTES):
        told = generator.load(
            us.framing, port, talks, depth=case.depth, warmup=WARMUP / 2, seconds=SECONDS / 2
        )
    return told.per_second
