"""All transfers of one client over its one UDP socket, in a thread of their own (SPEC S12).

Belongs here: the thread, its loop, its door for other threads. Does not: how an end is made (ends),
whose turn it is (turns), who gets which datagram (routes), the protocol (engines), sentences
(wording).
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from toom_client import files
from toom_client.audiences import Audiences
from toom_client.berths import Berths
from toom_client.datagrams import Datagrams
from toom_client.ends import Ends, load_engines
from toom_client.files import OpenedFile, open_for_sending
from toom_client.jobs import Jobs
from toom_client.progress import Progress
from toom_client.reports import Received, ReceiveFailed, Report, SendFailed, Uploaded, phrase
from toom_client.roster import Answer, Order
from toom_client.rules import Rules
from toom_client.tickets import Ticket, bind_udp
from toom_client.turns import Turns
from toom_protocol.transfer.reasons import Reason

__all__ = [
    "OpenedFile",
    "Progress",
    "ReceiveFailed",
    "Received",
    "Report",
    "SendFailed",
    "Ticket",
    "Transfers",
    "Uploaded",
    "bind_udp",
    "open_for_sending",
]

if TYPE_CHECKING:
    from toom_client.tracing import Traces
    from toom_protocol.transfer.noise import KeyPair

READS_PER_TURN: Final = 16  # reads, each of a batch at best, before the timers are looked at again
SWEPT_EVERY: Final = 600.0  # seconds; unfinished data outlives its day by no more than that
LAST_WORDS: Final = 1.0  # seconds that `close` spends on telling the peers


class Transfers:
    """Runs every transfer of one client; its methods may be called from any thread."""

    def __init__(
        self,
        sock: socket.socket,
        directory: Path,
        *,
        report: Callable[[Report], None],
        log: Callable[[str], None] | None = None,
        rules: Rules | None = None,
        traces: Traces | None = None,
    ) -> None:
        """Take over a bound UDP socket; `close` closes it.

        Args:
            directory: where received files are stored.
            report: told how each transfer ends, from the transfers' thread.
            log: told key=value lines for developers, from the same thread.
            rules: of the user; everybody's files are taken when there are none (SPEC S12).
            traces: where each transfer is written down, if it is to be (PROTOCOL 5.11).
        """
        self._datagrams = Datagrams(sock)
        self._directory = directory
        self._report = report
        self._log = log or (lambda _line: None)
        self._clock = time.monotonic
        self._jobs = Jobs()
        berths = Berths()
        self._ends = Ends(
            directory,
            clock=self._clock,
            log=self._log,
            datagrams=self._datagrams,
            jobs=self._jobs,
            berths=berths,
            rules=rules or Rules(),
            traces=traces,
        )
        buffer = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        self._audiences = Audiences(buffer, berths)
        self._turns = Turns(
            self._datagrams, self._audiences, clock=self._clock, report=report, log=self._log
        )
        self._selector = selectors.DefaultSelector()
        self._selector.register(sock, selectors.EVENT_READ)
        self._events = selectors.EVENT_READ
        self._selector.register(self._jobs.wake, selectors.EVENT_READ)
        self._closing_until: float | None = None
        self._closed = False
        self._sweep_at = 0.0
        self._thread = threading.Thread(target=self._run, name="transfers", daemon=True)

    def use_keys(self, keys: KeyPair) -> None:
        """Know who this client is; before that nobody is expected and nothing is sent.

        The engines are loaded beside the log-in, so that the first file need not wait for them.
        """
        self._ends.keys = keys
        self._jobs.post(load_engines)

    def start(self) -> None:
        """Begin; unfinished data older than a day is removed first."""
        files.sweep(self._directory)
        self._sweep_at = self._clock() + SWEPT_EVERY
        self._log(f"event=transfers-started {self._datagrams.path}")
        self._thread.start()

    def expect(self, ticket: Ticket) -> None:
        """The server has announced a presenter; its offer is waited for (PROTOCOL 5.3)."""
        self._jobs.post(partial(self._expect, ticket))

    def present(self, ticket: Ticket, file: OpenedFile, *, number: int | None = None) -> None:
        """Send an open file to an audience; returns at once. The file is closed at the end.

        Args:
            number: of an earlier try that failed, whose place in the list this one takes.
        """
        if self._closed:
            file.close()
            return
        self._jobs.post(partial(self._present, ticket, file, number))

    def obey(self, order: Order) -> Future[Answer]:
        """Do what the user wants of one transfer, or list them all (PROTOCOL 5.15)."""
        future: Future[Answer] = Future()
        if self._closed:  # nobody takes what is posted any more
            self._obey(order, future)
        else:
            self._jobs.post(partial(self._obey, order, future))
        return future

    def expected_from(self, presenter: str) -> int:
        """How many transfers of a presenter are announced or under way, as far as is known."""
        return self._audiences.count_from(presenter)

    def progress(self) -> list[Progress]:
        """How far each transfer that is under way has come, as of a quarter of a second ago."""
        return list(self._turns.progress)

    def close(self) -> None:
        """Give up what is under way, tell the peers, close the socket; at most about a second."""
        self._jobs.post(self._begin_closing)
        if self._thread.is_alive():
            self._thread.join(LAST_WORDS + 1.0)
        elif not self._closed:  # never started
            self._clean_up()

    # What is posted runs in the transfers' thread.

    def _expect(self, ticket: Ticket) -> None:
        listening = self._ends.audience(ticket)
        if listening is None:
            self._log(f"event=expectation-dropped peer={ticket.peer!r}")
        else:
            self._turns.admit_audience(listening)

    def _obey(self, order: Order, future: Future[Answer]) -> None:
        if future.set_running_or_notify_cancel():  # else whoever has asked is gone
            future.set_result(self._turns.roster.obey(order, now=self._clock()))

    def _present(self, ticket: Ticket, file: OpenedFile, number: int | None) -> None:
        made = self._ends.presenter(ticket, file)
        if isinstance(made, Reason):
            self._refuse(ticket, file, made)
        elif not self._turns.admit(made, number):
            self._refuse(ticket, file, Reason.GIVEN_UP)

    def _refuse(self, ticket: Ticket, file: OpenedFile, reason: Reason) -> None:
        file.close()
        self._report(SendFailed(file.filename, ticket.peer, phrase(reason)))

    def _begin_closing(self) -> None:
        now = self._clock()
        self._closing_until = now + LAST_WORDS
        self._ends.close()
        self._turns.give_up(now=now)

    # The loop.

    def _run(self) -> None:
        try:
            while not self._finished():
                self._turn()
        except Exception:
            # The one broad catch of this thread: the prompt must live on, and both ends be told.
            self._log("event=transfers-crashed " + repr(traceback.format_exc()))
            self._turns.fail()
        finally:
            self._clean_up()

    def _turn(self) -> None:
        writing = selectors.EVENT_WRITE if self._datagrams.waits else 0
        if self._events != selectors.EVENT_READ | writing:
            self._events = selectors.EVENT_READ | writing
            self._selector.modify(self._datagrams.socket, self._events)
        ready = self._selector.select(self._patience())
        if any(key.fileobj is self._jobs.wake for key, _ in ready):
            self._jobs.wakened()
        if self._jobs.do_posted():
            self._turns.look_again()
        self._read()
        self._datagrams.flush()
        self._turns.serve()
        if self._clock() >= self._sweep_at:
            self._sweep_at = self._clock() + SWEPT_EVERY
            self._jobs.run_beside(partial(files.sweep, self._directory))

    def _patience(self) -> float:
        """Seconds to wait for something to happen."""
        if self._datagrams.waits:
            return 0.1
        times = self._turns.deadlines()
        if self._closing_until is not None:
            times.append(self._closing_until)
        return max(0.0, min([self._sweep_at, *times]) - self._clock())

    def _read(self) -> None:
        """Take what has come, batch by batch."""
        for _ in range(READS_PER_TURN):
            try:
                arrival = self._datagrams.receive()
            except OSError:  # an ICMP message about an earlier datagram: silence will tell
                continue
            if arrival is None:
                return
            size, segment, source, is_marked = arrival
            self._turns.routes.deliver(
                self._datagrams.buffer, size, segment, source, now=self._clock(), marked=is_marked
            )

    def _finished(self) -> bool:
        if self._closing_until is None:
            return False
        settled = not self._datagrams.waits and self._turns.settled
        return settled or self._clock() >= self._closing_until

    def _clean_up(self) -> None:
        self._closed = True
        self._closing_until = self._clock()
        self._ends.close()
        self._turns.close()
        self._selector.close()
        self._datagrams.close()
        self._jobs.close()  # who has asked waits for an answer
