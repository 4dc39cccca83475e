"""Transfers of real files over random links, with random mishaps, on a virtual clock.

Each has a seed, which settles everything: the file, the link, and what goes wrong. Whatever that
is, an end that tells of success is right, the file under its name is the one that was presented,
and when nothing goes wrong any more it arrives.
"""

from __future__ import annotations

import enum
import errno
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.doubles.ends import AudienceEnd, Clock, End, PresenterEnd, descriptors_below, kill
from tests.doubles.link import Faults, Network
from toom_client.berths import Berths
from toom_client.block_store import BlockStore
from toom_client.files import HIDDEN
from toom_client.reports import Report
from toom_client.tracing import TraceFile
from toom_protocol.transfer.packets import (
    BATCH,
    LARGEST_CHUNK,
    LARGEST_DATAGRAM,
    SMALLEST_CHUNK,
    chunks_in,
)
from toom_protocol.transfer.repairs import MOST_SPOILT
from toom_protocol.transfer.sealing import OpenedRun

FILENAME: Final = "film.mp4"
STORED: Final = "Yoda_film.mp4"
BLOCK: Final = BATCH * LARGEST_CHUNK  # bytes
MOST: Final = 8 * BLOCK  # bytes of a file
TRIES: Final = 4  # of one file; nothing goes wrong in the last one
MOMENTS: Final = 400_000  # of one simulation; more is a hang


class Mishap(enum.Enum):
    """What goes wrong, once, at a random moment."""

    NONE = "none"
    CUT = "link cut"
    PRESENTER_KILLED = "presenter killed"
    AUDIENCE_KILLED = "audience killed"
    PRESENTER_LEAVES = "presenter leaves"
    AUDIENCE_LEAVES = "audience leaves"
    CHANGED = "file changed"
    FULL = "disk full"
    SPOILT = "blocks damaged"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one simulation."""

    seed: int
    mishap: Mishap
    tries: int
    resumed: bool  # the last try sent less than the whole file
    seconds: float  # of the virtual clock


def simulate(seed: int) -> Outcome:
    """Run one.

    Raises:
        AssertionError: something does not hold; the seed repeats it.
    """
    with TemporaryDirectory(prefix="toom-transfers-") as folder:
        simulation = Simulation(seed, Path(folder))
        with full_disks(simulation):
            outcome = simulation.run()
        assert not list(descriptors_below(Path(folder))), "a file is still open"
        return outcome


class Simulation:
    """One file, its presenter and its audience, try after try."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.rng = rng = random.Random(seed)
        self.seed = seed
        self.disk_is_full = False
        self.to_spoil = 0  # runs of chunks
        self.clock = Clock()
        self.network = Network(seed, random_faults(rng), random_faults(rng))
        self.yodas, self.hans = folder / "yoda", folder / "han"
        self.yodas.mkdir()
        self.hans.mkdir()
        self.path = self.yodas / FILENAME
        edges = (0, 1, LARGEST_CHUNK, LARGEST_CHUNK + 1, BLOCK, BLOCK + 1, 3 * BLOCK - 1)
        size = rng.choice((*edges, rng.randrange(MOST), rng.randrange(MOST), rng.randrange(MOST)))
        self.content = rng.randbytes(size)
        self.path.write_bytes(self.content)
        self.old = rng.choice((None, b"an earlier one"))
        if self.old is not None:
            (self.hans / STORED).write_bytes(self.old)
        self.longest = rng.choice((LARGEST_DATAGRAM, LARGEST_DATAGRAM, LARGEST_DATAGRAM, 1300))
        self.mishap = rng.choice((Mishap.NONE, *Mishap))
        self.moment = rng.randrange(int(1.3 * chunks_in(size, SMALLEST_CHUNK)) + 12)
        self.at_once = rng.random() < 0.5  # another try begins before the peer has noticed
        self.presenters: dict[int, PresenterEnd] = {}
        self.audiences: dict[int, AudienceEnd] = {}
        self.presented: dict[int, bytes] = {}  # by try: what the file was when it was opened
        self.berths = Berths()
        self.passed = 0  # datagrams that were sent, of all tries
        self.of_this_try = 0
        self.arrived: list[tuple[bool, bytes]] = []  # at this moment: towards Han?, which
        self.tries = 0
        self.mishap_is_due = True

    def run(self) -> Outcome:
        """Try until the file is there."""
        for _ in range(TRIES):
            self.begin()
            self.play()
            if self.latest_succeeded():
                break
            self.network.forward.cut = self.network.back.cut = self.disk_is_full = False
        assert self.latest_succeeded(), f"it does not arrive: {self.told()}"
        assert self.mishap is not Mishap.SPOILT or self.tries == 1, "it is mended, not tried again"
        assert (self.hans / STORED).read_bytes() == self.presented[self.tries]
        hidden = self.hans / HIDDEN
        assert not list(hidden.iterdir()), "something unfinished has been left"
        chunks = chunks_in(len(self.content), LARGEST_CHUNK)
        resumed = self.tries > 1 and self.of_this_try < chunks
        return Outcome(self.seed, self.mishap, self.tries, resumed, self.clock.now)

    def begin(self) -> None:
        """Yoda says UPD: both have a ticket."""
        self.tries += 1
        self.of_this_try = 0
        number = self.tries
        self.presented[number] = self.path.read_bytes()
        audience = AudienceEnd(self.hans, self.clock, number=number, berths=self.berths)
        self.audiences[number] = audience
        spoil(audience.listening.blocks, self.is_spoilt)
        self.presenters[number] = PresenterEnd(self.path, self.clock, number=number)

    def play(self) -> None:
        """Let time pass until nobody waits for anything."""
        for _ in range(MOMENTS):
            live = self.live()
            for end in live:
                end.turn()
                self.carry(end)
                self.look(end)
            times = [end.deadline() for end in self.live()]
            arrival = self.network.next_arrival()
            if not times:
                self.network.clear()
                return
            soonest = min(times) if arrival is None else min(*times, arrival)
            self.clock.now = self.network.now = max(self.clock.now, soonest)
            self.network.deliver_due()
            self.hear()
            if self.passed >= self.moment and self.mishap_is_due:
                self.go_wrong()
        raise AssertionError(f"it never ends: {self.told()}")

    def live(self) -> list[End]:
        ends: list[End] = [*self.presenters.values(), *self.audiences.values()]
        return [end for end in ends if not end.is_over]

    def carry(self, end: End) -> None:
        """Put what an end has said on the link."""
        towards_han = isinstance(end, PresenterEnd)
        link = self.network.forward if towards_han else self.network.back
        while end.sent:
            datagram = end.sent.popleft()
            self.passed += towards_han
            self.of_this_try += towards_han and datagram[0] >> 4 == 0
            if len(datagram) <= self.longest:
                self.network.carry(link, (towards_han, link.damage(datagram)), self.arrived.append)

    def hear(self) -> None:
        """Give both what has come at this moment; what follows each other is joined, as by GRO."""
        joined: list[tuple[bool, bytes, int]] = []
        for towards_han, datagram in self.arrived:
            if joined:
                same, content, segment = joined[-1]
                fits = len(content) % segment == 0 and len(content) < BATCH * segment
                if same == towards_han and fits and len(datagram) <= segment:
                    joined[-1] = (same, content + datagram, segment)
                    continue
            joined.append((towards_han, datagram, len(datagram)))
        self.arrived.clear()
        for towards_han, content, segment in joined:
            ends = self.audiences if towards_han else self.presenters
            for end in list(ends.values()):
                end.hear(content, segment)

    def look(self, end: End) -> None:
        """Believe nobody: what an end tells is compared with what there is."""
        if end.succeeded:
            ends = self.presenters if isinstance(end, PresenterEnd) else self.audiences
            number = next(number for number, each in ends.items() if each is end)
            assert (self.hans / STORED).read_bytes() == self.presented[number]
        elif end.reports and not any(each.succeeded for each in self.audiences.values()):
            stored = self.hans / STORED
            assert (stored.read_bytes() if stored.exists() else None) == self.old

    def latest_succeeded(self) -> bool:
        return self.presenters[self.tries].succeeded and self.audiences[self.tries].succeeded

    def told(self) -> list[Report]:
        ends: list[End] = [*self.presenters.values(), *self.audiences.values()]
        return [report for end in ends for report in end.reports]

    def go_wrong(self) -> None:
        """It happens now."""
        self.mishap_is_due = False
        match self.mishap:
            case Mishap.NONE:
                return
            case Mishap.CUT:
                self.network.forward.cut = True
                self.network.back.cut = self.rng.random() < 0.7
            case Mishap.CHANGED:
                self.change()
            case Mishap.FULL:
                self.disk_is_full = True
            case Mishap.SPOILT:
                self.to_spoil = MOST_SPOILT - 1
            case Mishap.PRESENTER_KILLED | Mishap.AUDIENCE_KILLED:
                yoda = self.mishap is Mishap.PRESENTER_KILLED
                kill(self.yodas if yoda else self.hans)
                for end in (self.presenters if yoda else self.audiences).values():
                    end.is_over = True
                self.come_back(yoda=yoda)
            case Mishap.PRESENTER_LEAVES | Mishap.AUDIENCE_LEAVES:
                yoda = self.mishap is Mishap.PRESENTER_LEAVES
                for end in (self.presenters if yoda else self.audiences).values():
                    if not end.is_over:
                        end.quit()
                self.come_back(yoda=yoda)

    def is_spoilt(self) -> bool:
        """Whether what comes now is damaged before it is hashed: twice at most, and so mended."""
        self.to_spoil -= 1
        return self.to_spoil >= 0

    def come_back(self, *, yoda: bool) -> None:
        """Start the client again that has ended."""
        if not yoda:
            self.berths = Berths()
        if self.at_once and self.tries < TRIES:
            self.begin()

    def change(self) -> None:
        """Somebody writes to the file that is being sent."""
        changed = bytearray(self.content)
        match self.rng.randrange(3):
            case 0 if changed:
                changed[self.rng.randrange(len(changed))] ^= 1
            case 1 if changed:
                del changed[self.rng.randrange(len(changed)) :]
            case _:
                changed += b"more"
        self.content = bytes(changed)
        before = self.path.stat().st_mtime_ns
        self.path.write_bytes(self.content)
        os.utime(self.path, ns=(before + 10**9, before + 10**9))  # clocks of disks are coarse


def random_faults(rng: random.Random) -> Faults:
    """One direction of a path: from a quiet one to one that loses every fourth datagram."""

    def now_and_then(most: float) -> float:
        return rng.choice((0.0, 0.0, rng.random() * most))

    return Faults(
        delay=rng.choice((0.0002, 0.005, 0.05, 0.15)),
        loss=now_and_then(0.25),
        reorder=now_and_then(0.2),
        late=rng.choice((0.001, 0.01)),
        duplicate=now_and_then(0.1),
        corrupt=now_and_then(0.1),
        rate=rng.choice((None, None, 200.0, 2000.0, 20000.0)),
        queue=rng.choice((10, 100, 400)),
        burst=now_and_then(0.01),
        burst_time=rng.choice((0.02, 0.2, 1.0)),
    )


def spoil(blocks: BlockStore, is_spoilt: Callable[[], bool]) -> None:
    """Now and then flip a bit of what an audience has opened, before it writes and hashes it."""
    take = blocks.take

    def spoiling(
        run: OpenedRun,
        opened: memoryview,
        source: tuple[str, int],
        trace: TraceFile | None,
        *,
        now: float,
        marked: bool = False,
    ) -> None:
        if is_spoilt():
            changed = bytearray(opened)
            changed[run.start] ^= 1
            opened = memoryview(changed)
        take(run, opened, source, trace, now=now, marked=marked)

    blocks.take = spoiling  # type: ignore[method-assign]


@contextmanager
def full_disks(simulation: Simulation) -> Iterator[None]:
    """Have the system's calls fail while the simulation says that the disk is full."""
    names = ("pwrite", "write", "fsync", "fdatasync", "posix_fallocate")
    real = {name: getattr(os, name) for name in names}

    def limited(name: str) -> object:
        def call(*arguments: object) -> object:
            if simulation.disk_is_full:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real[name](*arguments)

        return call

    for name in names:
        setattr(os, name, limited(name))
    try:
        yield
    finally:
        for name in names:
            setattr(os, name, real[name])
