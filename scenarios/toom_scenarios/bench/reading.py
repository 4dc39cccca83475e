"""RDM of the last thousand messages of a long log, and of a short one (SPEC S10).

The server's time is the round trip of the RDM less that of a Ping, which does nothing, on the same
connection in the same second: what is left of the network and of this program (it takes some 75 KB
for each answer) is still in it. Belongs here: asking, turn by turn. Does not: the logs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Final

from . import long_log, wire
from .document import Goal, Row
from .generator import CORE
from .peers import free_port, prepare, running
from .process import on_core

LAST: Final = 1000  # messages that are asked for
ASKED: Final = 500  # times, of each server in a round; the p99 is the sixth longest
BROADCASTS: Final = 1  # the choice of RDM b; PROTOCOL 3.1
AT_MOST: Final = 1.0  # ms of server time
TIMES_SHORT: Final = 1.5  # at most: a long log against one that has no more than is asked for
MS: Final = 1000.0
SHORT: Final = "1,000 in all"


def measure(
    rounds: int, folder: Path, tell: Callable[[str], None], messages: int = long_log.MILLION
) -> list[Row]:
    """Ask both servers in turn; each round has its p50 and p99."""
    long: list[tuple[float, float]] = []
    short: list[tuple[float, float]] = []
    with _server(folder, messages) as there, _server(folder, LAST) as here, on_core(CORE):
        for turn in range(rounds):
            pair = [(there, messages, long), (here, LAST, short)]
            for port, count, found in pair if turn % 2 == 0 else reversed(pair):
                found.append(_round(port, count))
            tell(
                f"round {turn + 1} of {rounds}, RDM of the last {LAST}: {long[-1][0]:.3f} ms of "
                f"{messages:,}, {short[-1][0]:.3f} of {LAST:,}"
            )
    name = f"RDM of the last {LAST:,} of {messages:,}"
    p50, p99 = ([each[which] for each in long] for which in (0, 1))
    others = {SHORT: [each[0] for each in short]}
    return [
        Row.of(f"{name}, server time, p50", "ms", p50, goal=Goal(at_most=AT_MOST)),
        Row.of(f"{name}, server time, p99", "ms", p99, goal=Goal(at_most=AT_MOST)),
        Row.of(
            f"{name}, against {LAST:,} of {LAST:,}",
            "ms",
            p50,
            others,
            goal=Goal(at_most=TIMES_SHORT, against=SHORT),
        ),
    ]


@contextlib.contextmanager
def _server(folder: Path, count: int) -> Iterator[int]:
    place = folder / f"read-{count}"
    prepare(place)
    long_log.write(place, count)
    port = free_port()
    with running(place, port):
        yield port


def _round(port: int, count: int) -> tuple[float, float]:
    """Milliseconds of server time: p50 and p99."""
    since = long_log.before_the_last(count, LAST)
    question = wire.frame(wire.READ_MESSAGES, wire.number(BROADCASTS), since.encode())
    with wire.Line(port, 0) as line:
        room = memoryview(bytearray(line.size_of_answer(question, wire.END)))
        pong = memoryview(bytearray(line.size_of_answer(wire.frame(wire.PING), wire.PONG)))
        nothing, reading = [], []
        for _ in range(ASKED):
            nothing.append(_trip(line, wire.frame(wire.PING), pong))
            reading.append(_trip(line, question, room))
    base = median(nothing)
    return MS * (median(reading) - base), MS * (quantiles(reading, n=100)[98] - base)


def _trip(line: wire.Line, question: bytes, room: memoryview) -> float:
    """Seconds from a question to the last byte of its answer, whose size is known."""
    began = perf_counter()
    line.send(question)
    line.take_into(room)
    return perf_counter() - began
