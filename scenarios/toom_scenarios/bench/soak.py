"""`toom bench soak`: thousands of users for minutes, and whether the server stays as it was.

They write, read, leave and come again at a modest rate; the server's memory, descriptors and
threads are looked at every ten seconds. In the end every message that was acknowledged must stand
in the logs, once. Belongs here: one run and its verdict. Does not: what a user does (visitors.py).
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from ..errors import Broken
from . import flatness, wire
from .crowd import PATIENCE, Crowd, lets_pass, run
from .document import Goal, Row
from .generator import CORE
from .ledger import Comparison
from .peers import Peer, toom
from .process import on_core, open_descriptors, own_bytes, threads
from .visitors import Visit, Visitor

SEED: Final = 5  # of who does what and when; the network decides the rest
ROOM_SIZE: Final = 100  # members of each room
INTERVAL: Final = 10.0  # seconds between two samples
SAMPLES: Final = 20  # at least
MIB: Final = 1 << 20
SLOPE_AT_MOST: Final = 1.0  # MiB a minute, over the second half
ENOUGH: Final = 0.8  # of the rate that was asked for; what is not loaded proves nothing
GROWTH_AT_MOST: Final = 5.0  # %, from the second fifth to the last


@dataclass(frozen=True, slots=True)
class Sample:
    """The server at one moment; `at`: seconds since the first."""

    at: float
    own_mib: float
    descriptors: int
    threads: int
    requests: int


@dataclass(frozen=True, slots=True)
class Soaked:
    """What came of it."""

    series: list[Sample]
    visit: Visit
    seconds: float


def measure(
    seconds: float,
    where: Path | None,
    tell: Callable[[str], None],
    connections: int,
    rate: float,
) -> tuple[list[Row], dict[str, Any]]:
    """Run it once.

    Args:
        where: a folder on the disk that is meant; default: the folder for temporary files.
        tell: hears of the progress.
        rate: requests a second of all together, pings not counted.

    Returns:
        Rows, and what else belongs into the document: the series of samples, and errors.

    Raises:
        Broken: the server or the system cannot do it at all.
    """
    if shutil.which("taskset") is None:
        raise Broken("taskset is missing: sudo apt-get install util-linux")
    with tempfile.TemporaryDirectory(prefix="toom-bench-", dir=where) as folder:
        place = Path(folder) / "soak"
        with toom(place) as us, on_core(CORE):
            soaked = run(_soak(us, seconds, connections, connections / rate, tell), connections)
        tell("comparing what was acknowledged with the logs")
        compared = soaked.visit.ledger.compare(place)
    more: dict[str, Any] = {
        "connections": connections,
        "seconds": round(soaked.seconds, 1),
        "done": {str(act): count for act, count in sorted(soaked.visit.done.items())},
        "messages": asdict(compared),
        "errors": soaked.visit.errors,
        "series": [asdict(each) for each in soaked.series],
    }
    return _rows(soaked, compared, rate), more


async def _soak(
    us: Peer, seconds: float, connections: int, pause: float, tell: Callable[[str], None]
) -> Soaked:
    loop = asyncio.get_running_loop()
    crowd = Crowd(us.port)
    await crowd.enter(connections)
    rooms = await _build_rooms(crowd)
    tell(f"{connections} users are logged in, {len(set(rooms))} rooms are built")
    visit = Visit(us.port, pause, Random(SEED), crowd.clients.__setitem__)
    for index, client in enumerate(crowd.clients):
        visitor = Visitor(visit, index, rooms[index], client)
        client.watch(visitor.lost)
    began, series = loop.time(), []
    every = min(INTERVAL, seconds / SAMPLES)
    for number in range(1, max(SAMPLES, round(seconds / every)) + 1):
        await lets_pass(max(0.0, began + number * every - loop.time()))
        series.append(_sample(us.pid, loop.time() - began, visit))
        tell(_words(series[-1], visit))
    visit.end()
    passed = loop.time() - began
    try:
        async with asyncio.timeout(PATIENCE):
            await visit.settled.wait()
    except TimeoutError:
        visit.failed(f"{visit.unanswered} questions were not answered in {PATIENCE:.0f} s")
    crowd.leave()
    return Soaked(series, visit, passed)


async def _build_rooms(crowd: Crowd) -> list[int]:
    """A room for each hundred users; gives the room of each user."""
    count = len(crowd.clients)

    async def build(number: int) -> list[int]:
        members = range(number * ROOM_SIZE, min((number + 1) * ROOM_SIZE, count))
        request = wire.build_room(wire.user(index) for index in members[1:])
        answer = await crowd.clients[members[0]].asked(request, wire.ROOM_BUILT)
        return [wire.first_number(answer)] * len(members)

    rooms = await asyncio.gather(*map(build, range(-(-count // ROOM_SIZE))))
    return [room for each in rooms for room in each]


def _sample(pid: int, at: float, visit: Visit) -> Sample:
    return Sample(
        round(at, 1),
        round(own_bytes(pid) / MIB, 3),
        open_descriptors(pid),
        threads(pid),
        visit.done.total(),
    )


def _words(sample: Sample, visit: Visit) -> str:
    return (
        f"{sample.at:.0f} s: {sample.own_mib:.1f} MiB, {sample.descriptors} descriptors, "
        f"{sample.threads} threads, {sample.requests} requests, {visit.error_count} errors"
    )


def _rows(soaked: Soaked, compared: Comparison, rate: float) -> list[Row]:
    series, visit = soaked.series, soaked.visit
    at, memory = [each.at for each in series], [each.own_mib for each in series]
    none = Goal(at_most=0)
    slope, growth = flatness.slope(at, memory), flatness.growth(memory)
    return [
        Row.of("memory", "MiB", memory),
        Row.of("memory grows, second half", "MiB/min", [slope], goal=Goal(at_most=SLOPE_AT_MOST)),
        Row.of(
            "memory grows, second to last fifth", "%", [growth], goal=Goal(at_most=GROWTH_AT_MOST)
        ),
        Row.of("open descriptors", "", [each.descriptors for each in series]),
        Row.of("threads", "", [each.threads for each in series]),
        Row.of(
            "requests",
            "1/s",
            [visit.done.total() / soaked.seconds],
            goal=Goal(at_least=ENOUGH * rate),
        ),
        Row.of("slowest answer", "ms", [1000 * visit.slowest]),
        Row.of("messages acknowledged", "", [compared.acknowledged]),
        Row.of("acknowledged and not in the log", "", [compared.missing], goal=none),
        Row.of("twice in the logs", "", [compared.doubled], goal=none),
        Row.of("errors", "", [visit.error_count], goal=none),
    ]
