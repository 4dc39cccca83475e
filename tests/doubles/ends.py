"""Whole ends of a transfer, with real files, on a clock that somebody sets.

`Presenting` and `Listening` are the real ones; what `Transfers` does around them (sorting, one poll
after the other, forgetting) is done here without socket and threads. Each turn also checks what
must hold whatever a peer does: no end turns without doing anything, none ends twice.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from toom_client.berths import Berths
from toom_client.datagrams import LARGEST
from toom_client.files import FileFault, OpenedFile, open_for_sending
from toom_client.listening import Listening
from toom_client.presenting import Presenting
from toom_client.reports import Received, Report, Uploaded
from toom_client.rules import Rules
from toom_client.tickets import Ticket
from toom_protocol.transfer.noise import KeyPair
from toom_protocol.transfer.packets import LARGEST_DATAGRAM, OVERHEAD, first_word, split_by_transfer

YODA: Final = KeyPair.from_bytes(b"y" * 32)  # presents
HAN: Final = KeyPair.from_bytes(b"h" * 32)  # is the audience
TICKET_KEY: Final = b"t" * 32
IDLE: Final = 4  # turns in a row in which an end may want another one and yet send nothing
YODAS_ADDRESS: Final = ("10.0.0.1", 8000)
HANS_ADDRESS: Final = ("10.0.0.2", 8000)
BUSY: Final = 5000  # turns at one moment: what an open window lets through, and far more


@dataclass
class Clock:
    """Seconds; they pass when somebody says so."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


class End:
    """One end as `Transfers` runs it."""

    def __init__(
        self, transfer: Presenting | Listening, clock: Clock, peer: tuple[str, int]
    ) -> None:
        self.peer = peer
        """From where what it hears comes."""
        self.sent: deque[bytes] = deque()
        """Datagrams that nobody has taken yet, oldest first."""
        self.reports: list[Report] = []
        self.is_over = False
        self.clock = clock
        self._transfer = transfer
        self._words = {first_word(kind, transfer.connection) for kind in transfer.hears}
        self._buffer = memoryview(bytearray(LARGEST))

    def hear(self, content: bytes, segment: int | None = None) -> None:
        """Let datagrams of `segment` bytes come at once, as UDP_GRO gives them; None: just one."""
        size = min(len(content), LARGEST)
        self._buffer[:size] = content[:size]
        step = max(size if segment is None else segment, 1)
        for word, start, end in split_by_transfer(self._buffer, size, step):
            if word in self._words and end - start >= OVERHEAD and not self.is_over:
                self._transfer.receive(
                    self._buffer, start, end, step, self.peer, now=self.clock.now
                )

    def turn(self) -> None:
        """Do all that is to be done at this moment."""
        idle = 0
        for _ in range(BUSY):
            sent = len(self.sent)
            now = self.clock.now
            if not self.is_over and self._transfer.deadline() <= now:
                self._transfer.poll(self._take, now=now)
            worked = self.work()
            self.settle()
            if self.is_over or (self._transfer.deadline() > now and not worked):
                return
            idle = 0 if worked or len(self.sent) > sent else idle + 1
            assert idle <= IDLE, "it turns and turns, and does nothing"
        raise AssertionError("it never comes to rest")

    def settle(self) -> None:
        """Hear what has happened."""
        if not self.is_over:
            self.reports += self._transfer.events()
            assert len(self.reports) <= 1, f"it ended more than once: {self.reports}"
            if self._transfer.over(now=self.clock.now):
                self.forget()

    def work(self) -> bool:
        """Let the worker do the next job, if there is one."""
        return False

    def forget(self) -> None:
        """As `Transfers` lets go of a transfer."""
        self.is_over = True
        self._transfer.drop()

    def quit(self) -> None:
        """As the client ends, without a word to the peer."""
        self.is_over = True
        self._transfer.drop(keep=True)

    def deadline(self) -> float:
        """When the next turn is due."""
        return self._transfer.deadline()

    @property
    def succeeded(self) -> bool:
        """Whether it has told its user of a file that passed."""
        return any(isinstance(report, Uploaded | Received) for report in self.reports)

    def _take(
        self, content: bytes | memoryview, segment: int, address: tuple[str, int], _may_mark: bool
    ) -> bool:
        assert 0 < segment <= LARGEST_DATAGRAM
        assert address == self.peer
        for at in range(0, len(content), segment):
            self.sent.append(bytes(content[at : at + segment]))
        return True


class PresenterEnd(End):
    """Presents one file of a directory, as Yoda."""

    def __init__(self, path: Path, clock: Clock, *, number: int = 7) -> None:
        file = open_for_sending(path.parent, path.name)
        assert isinstance(file, OpenedFile), file
        ticket = Ticket(number, TICKET_KEY, "Han", *HANS_ADDRESS, HAN.public)
        self.presenting = Presenting(ticket, HANS_ADDRESS, YODA, file, now=clock.now)
        super().__init__(self.presenting, clock, HANS_ADDRESS)


class AudienceEnd(End):
    """Expects one file in a directory, as Han."""

    def __init__(
        self,
        directory: Path,
        clock: Clock,
        *,
        number: int = 7,
        rules: Rules | None = None,
        berths: Berths | None = None,
        receive_buffer: int = 4 << 20,
    ) -> None:
        """Begin to expect.

        Args:
            berths: shared by the ends of one client.
        """
        self.jobs: deque[tuple[Callable[[], None], Callable[[FileFault | None], None]]] = deque()
        self.works = True
        """Whether the worker does its jobs in `turn`; else they wait for `work`."""
        ticket = Ticket(number, TICKET_KEY, "Yoda", *YODAS_ADDRESS, YODA.public)
        self.listening = Listening(
            ticket,
            YODAS_ADDRESS,
            HAN,
            directory,
            now=clock.now,
            clock=clock,
            berths=Berths() if berths is None else berths,
            work=lambda job, then: self.jobs.append((job, then)),
            sync=lambda job, then: self.jobs.append((job, then)),
            rules=rules or Rules(),
        )
        self.listening.share_buffer(receive_buffer)
        super().__init__(self.listening, clock, YODAS_ADDRESS)

    def work(self, *, told: bool = False) -> bool:
        if not self.jobs or not (self.works or told):
            return False
        job, then = self.jobs.popleft()
        fault: FileFault | None = None
        try:
            job()
        except FileFault as raised:
            fault = raised
        then(fault)
        return True


def kill(directory: Path) -> None:
    """Do what the kernel does when a client is killed: close its files, and nothing else."""
    for descriptor in descriptors_below(directory):
        os.close(descriptor)


def descriptors_below(directory: Path) -> Iterator[int]:
    """The open files of this process that lie in a directory."""
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            if Path(os.readlink(f"/proc/self/fd/{name}")).is_relative_to(directory):
                yield int(name)
