"""Many log-outs in one moment: what keeping userlog.txt right costs the server (SPEC S3).

The server does not say which of its time userlog takes, so it is worked out from what can be seen:

1. One user logs in and out, over and over, each time waiting for the answer. The server's processor
   time for that, less what as long a rest costs it, divided by the writings of userlog.txt, is the
   cost of one writing. It is taken with nobody else logged in and with all: a fixed part (with the
   whole of a log-in or log-out in it, so rather too much), and one for each byte of the list.
2. Then all log out at once. While they do, every new userlog.txt is noted with its size.
3. Userlog's share of a core is the cost of these writings, divided by the time that the burst took.

Writings are seen by looking at the file every 2 ms; two within less count as one.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

from . import wire
from .crowd import Client, Crowd, enter, lets_pass, run
from .document import Goal, Row
from .generator import CORE
from .peers import MOST, Peer, toom
from .process import cpu_seconds, on_core

SHARE_AT_MOST: Final = 5.0  # % of a core
LOOK: Final = 0.002  # seconds
TRIPS: Final = 20  # log-outs and log-ins again of the one; each waits for its writing
CALM: Final = 0.3  # seconds after everybody came, so that what that left to do is done
Size = int


@dataclass(frozen=True, slots=True)
class Price:
    """What writing userlog.txt costs, in seconds of processor time."""

    fixed: float
    a_byte: float

    @classmethod
    def of(cls, alone: tuple[float, Size], beside_all: tuple[float, Size]) -> Price:
        """From the cost of one writing of a short list, and of a long one."""
        (low, short), (high, long) = alone, beside_all
        a_byte = max(0.0, high - low) / (long - short)
        return cls(max(0.0, low - a_byte * short), a_byte)

    def of_all(self, sizes: list[Size]) -> float:
        """What these writings have cost."""
        return sum(self.fixed + self.a_byte * size for size in sizes)


@dataclass(frozen=True, slots=True)
class Burst:
    """All log-outs of a round; seconds, and sizes of the lists that were written."""

    wall: float
    cpu: float
    userlog: float
    sizes: list[Size]

    @property
    def share(self) -> float:
        """Of a core, in %."""
        return 100 * self.userlog / self.wall


def measure(
    rounds: int, folder: Path, tell: Callable[[str], None], connections: int = MOST
) -> list[Row]:
    """A burst for each round, each with the price of that moment."""
    bursts = []
    with toom(folder / "logouts") as us, on_core(CORE):
        for turn in range(rounds):
            userlog = folder / "logouts" / "userlog.txt"
            bursts.append(run(_round(us, userlog, connections), connections))
            us.settle()
            told = bursts[-1]
            tell(
                f"round {turn + 1} of {rounds}, {connections} log-outs in {told.wall:.2f} s: "
                f"{len(told.sizes)} writings of userlog.txt, {told.share:.1f} % of a core"
            )
    name = f"{connections:,} log-outs in a burst"
    return [
        Row.of(
            f"{name}, userlog's share of a core",
            "%",
            [each.share for each in bursts],
            goal=Goal(at_most=SHARE_AT_MOST),
        ),
        Row.of(f"{name}, userlog's time", "ms", [1000 * each.userlog for each in bursts]),
        Row.of(f"{name}, writings of userlog.txt", "", [len(each.sizes) for each in bursts]),
        Row.of(f"{name}, all processor time", "ms", [1000 * each.cpu for each in bursts]),
        Row.of(f"{name}, until the last answer", "ms", [1000 * each.wall for each in bursts]),
    ]


async def _round(us: Peer, userlog: Path, connections: int) -> Burst:
    one = await enter(us.port, MOST)
    alone = await _price(us, userlog, one)
    crowd = Crowd(us.port)
    await crowd.enter(connections)
    await lets_pass(CALM)
    price = Price.of(alone, await _price(us, userlog, one))
    one.leave()
    await lets_pass(CALM)
    with _watched(userlog) as sizes:
        began, cpu = perf_counter(), cpu_seconds(us.pid)
        await crowd.log_out()
        wall, cpu = perf_counter() - began, cpu_seconds(us.pid) - cpu
    crowd.leave()
    return Burst(wall, cpu, price.of_all(sizes), sizes)


async def _price(us: Peer, userlog: Path, one: Client) -> tuple[float, Size]:
    """The cost of one writing, and how large it was."""
    with _watched(userlog) as sizes:
        began, cpu = perf_counter(), cpu_seconds(us.pid)
        for _ in range(TRIPS):
            await one.asked(wire.frame(wire.LOG_OUT), wire.LOGGED_OUT)
            await one.asked(wire.log_in(MOST), wire.LOGGED_IN)
        wall, busy = perf_counter() - began, cpu_seconds(us.pid) - cpu
    cpu = cpu_seconds(us.pid)
    await lets_pass(wall)
    resting = cpu_seconds(us.pid) - cpu
    count = max(1, len(sizes))
    return max(0.0, busy - resting) / count, sum(sizes) // count


@contextlib.contextmanager
def _watched(path: Path) -> Iterator[list[Size]]:
    """Note the size of every file that comes to be at a path, until the block ends."""
    sizes: list[Size] = []
    over = threading.Event()

    def look(before: tuple[int, int]) -> None:
        while True:
            is_last = over.wait(LOOK)
            now = path.stat()
            if (now.st_ino, now.st_mtime_ns) != before:
                sizes.append(now.st_size)
                before = (now.st_ino, now.st_mtime_ns)
            if is_last:
                return

    first = path.stat()
    watcher = threading.Thread(target=look, args=[(first.st_ino, first.st_mtime_ns)])
    watcher.start()
    try:
        yield sizes
    finally:
        over.set()
        watcher.join()
