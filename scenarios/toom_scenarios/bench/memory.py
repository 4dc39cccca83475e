"""Memory of our server: for each idle connection, and for each message that it has stored.

Proportional set size, so that libraries that others use as well count in part; who starts or ends
another Python program meanwhile moves it by some hundred KiB. Belongs here: what is done to the
server before and between two looks. Does not: looking (process.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from ..deadline import Deadline
from . import long_log
from .crowd import Crowd, lets_pass, run
from .document import Goal, Row
from .generator import CORE, Generator
from .peers import MOST, Peer, free_port, prepare, running, toom
from .process import on_core, proportional_bytes

IDLE_AT_MOST: Final = 3.0  # KiB for each connection that is logged in
# Bytes for each message: an entry of an index of times, not the 75 of the message. A log has one
# for each second in which something was said.
STORED_AT_MOST: Final = 16.0
KIB: Final = 1024
RESTING: Final = 4.0  # seconds of nothing but pings, more than one of each, before the look
WRITERS, DEPTH = 50, 16  # connections that post, and what each has under way
POSTING: Final = 1.0  # seconds of posting at a time
POSTING_LIMIT: Final = 120.0  # seconds after which what was posted must do


def idle(rounds: int, folder: Path, tell: Callable[[str], None], connections: int = MOST) -> Row:
    """Memory for each connection that is logged in and says nothing, on a fresh server each."""
    values = []
    for turn in range(rounds):
        with toom(folder / f"idle-{turn}") as us, on_core(CORE):
            grown = run(_grown_by_crowd(us, connections), connections)
            us.settle()
        values.append(grown / connections / KIB)
        tell(f"round {turn + 1} of {rounds}, memory: {values[-1]:.2f} KiB for each connection")
    name = f"memory of an idle connection, of {connections}"
    return Row.of(name, "KiB", values, goal=Goal(at_most=IDLE_AT_MOST))


async def _grown_by_crowd(us: Peer, connections: int) -> int:
    """Bytes; the first look comes after this program has loaded what it shares with the server."""
    before = proportional_bytes(us.pid)
    crowd = Crowd(us.port)
    await crowd.enter(connections)
    await lets_pass(RESTING)
    after = proportional_bytes(us.pid)
    crowd.leave()
    return after - before


def loaded(folder: Path, tell: Callable[[str], None], messages: int = long_log.MILLION) -> Row:
    """Memory for each message that was there at the start, in a log that was written before."""
    found = []
    for count in (0, messages):
        place = folder / f"loaded-{count}"
        prepare(place)
        long_log.write(place, count)
        port = free_port()
        for _ in range(2):  # as it is after a usual start, from the index
            with running(place, port) as process:
                found.append(proportional_bytes(process.pid))
    value = (found[-1] - found[1]) / messages
    tell(f"memory: {value:.2f} bytes for each message of before the start")
    return _stored(f"memory of a message, {messages:,} there at the start", [value])


def posted(folder: Path, tell: Callable[[str], None], messages: int = long_log.MILLION) -> Row:
    """Memory for each message that was posted to a running server, with its journal in between."""
    generator = Generator(folder)
    place = folder / "posted"
    with toom(place) as us:
        _post(generator, us)
        first, before = long_log.last_number(place), proportional_bytes(us.pid)
        limit = Deadline(POSTING_LIMIT)
        while long_log.last_number(place) < first + messages and not limit.passed():
            _post(generator, us)
        count = long_log.last_number(place) - first
        value = (proportional_bytes(us.pid) - before) / count
    tell(f"memory: {value:.2f} bytes for each of {count:,} messages posted")
    return _stored(f"memory of a message, {count:,} posted", [value])


def _post(generator: Generator, us: Peer) -> None:
    talks = us.broadcasts(WRITERS)
    generator.load(us.framing, us.port, talks, depth=DEPTH, warmup=0, seconds=POSTING)
    us.settle()


def _stored(name: str, values: Sequence[float]) -> Row:
    return Row.of(name, "B", values, goal=Goal(at_most=STORED_AT_MOST))
