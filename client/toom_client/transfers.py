"""All transfers of one client over its one UDP socket, in a thread of their own (SPEC S12).

Belongs here: the loop, who gets which datagram, whose turn it is; so, too, who is not heard at all
(PROTOCOL 5.10). Does not: the protocol (engines), files (files), sentences (wording).
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from toom_client import files
from toom_client.datagrams import Datagrams
from toom_client.files import FileFault, OpenedFile, open_for_sending
from toom_client.progress import MEASURED_EVERY, Progress
from toom_client.reports import Received, ReceiveFailed, Report, SendFailed, Uploaded, phrase
from toom_client.roster import Answer, Order, Roster, Transfer
from toom_client.rules import Rules
from toom_client.tickets import Address, Ticket, bind_udp
from toom_protocol.errors import MalformedPacket
from toom_protocol.transfer.packets import (
    OVERHEAD,
    connection_of,
    first_word,
    split_by_transfer,
)
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
    # The engines are loaded when the client has keys: it is to be at its prompt at once.
    from toom_client.listening import Listening
    from toom_client.tracing import TraceFile, Traces
    from toom_protocol.transfer.noise import KeyPair
    from toom_protocol.transfer.trace import Role

READS_PER_TURN: Final = 16  # reads, each of a batch at best, before the timers are looked at again
ROUNDS: Final = 4  # of quanta between two looks at the socket; each look costs as much as one
MAX_FROM_ONE: Final = 256  # transfers announced for one presenter at a time; 30 s of a UPD a tenth
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
        self.keys: KeyPair | None = None
        """By which peers know this client; see `use_keys`."""
        self._directory = directory
        self._report = report
        self._log = log or (lambda _line: None)
        self._rules = rules or Rules()
        self._traces = traces
        self._clock = time.monotonic
        self._buffer = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        self._transfers: list[Transfer] = []
        self._audiences: list[Listening] = []  # those of them that receive
        self._routes: dict[int, Transfer] = {}  # by a header's first word
        self._names: set[str] = set()
        self._inbox: deque[Callable[[], None]] = deque()  # filled by any thread
        self._wake_up, self._wake = socket.socketpair()
        self._wake.setblocking(False)
        self._wake_up.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(sock, selectors.EVENT_READ)
        self._events = selectors.EVENT_READ
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="transfer-files")
        self._closing_until: float | None = None
        self._closed = False
        self._roster = Roster()
        self._measure_at = self._sweep_at = 0.0
        self._progress: tuple[Progress, ...] = ()  # replaced as a whole, so any thread may read it
        self._strays = 0  # datagrams that belong to no transfer
        self._thread = threading.Thread(target=self._run, name="transfers", daemon=True)

    def use_keys(self, keys: KeyPair) -> None:
        """Know who this client is; before that nobody is expected and nothing is sent.

        The engines are loaded beside the log-in, so that the first file need not wait for them.
        """
        self.keys = keys
        self._post(_load_engines)

    def start(self) -> None:
        """Begin; unfinished data older than a day is removed first."""
        files.sweep(self._directory)
        self._sweep_at = self._clock() + SWEPT_EVERY
        self._log(f"event=transfers-started {self._datagrams.path}")
        self._thread.start()

    def expect(self, ticket: Ticket) -> None:
        """The server has announced a presenter; its offer is waited for (PROTOCOL 5.3)."""
        self._post(partial(self._expect, ticket))

    def present(self, ticket: Ticket, file: OpenedFile, *, number: int | None = None) -> None:
        """Send an open file to an audience; returns at once. The file is closed at the end.

        Args:
            number: of an earlier try that failed, whose place in the list this one takes.
        """
        if self._closed:
            file.close()
            return
        self._post(partial(self._present, ticket, file, number))

    def obey(self, order: Order) -> Future[Answer]:
        """Do what the user wants of one transfer, or list them all (PROTOCOL 5.15)."""
        future: Future[Answer] = Future()
        if self._closed:  # nobody takes what is posted any more
            self._obey(order, future)
        else:
            self._post(partial(self._obey, order, future))
        return future

    def expected_from(self, presenter: str) -> int:
        """How many transfers of a presenter are announced or under way, as far as is known."""
        return sum(listening.presenter == presenter for listening in list(self._audiences))

    def progress(self) -> list[Progress]:
        """How far each transfer that is under way has come, as of a quarter of a second ago."""
        return list(self._progress)

    def close(self) -> None:
        """Give up what is under way, tell the peers, close the socket; at most about a second."""
        self._post(self._begin_closing)
        if self._thread.is_alive():
            self._thread.join(LAST_WORDS + 1.0)
        elif not self._closed:  # never started
            self._clean_up()

    def _post(self, job: Callable[[], None]) -> None:
        self._inbox.append(job)
        with suppress(OSError):  # full: a wake-up is on its way anyhow; closed: too late
            self._wake_up.send(b"\0")

    # What is posted runs in the transfers' thread.

    def _expect(self, ticket: Ticket) -> None:
        peer = ticket.peer_address()
        if peer is None or self.keys is None or self._closing_until is not None:
            self._log(f"event=expectation-dropped peer={ticket.peer!r}")
            return
        from toom_client.listening import Listening

        listening = Listening(
            ticket,
            peer,
            self.keys,
            self._directory,
            now=self._clock(),
            clock=self._clock,
            names=self._names,
            work=self._work,
            rules=self._rules,
            begin_trace=partial(self._begin_trace, ticket, "audience") if self._traces else None,
        )
        if self._admit(listening):
            self._audiences.append(listening)
            self._crowd_out(listening)

    def _crowd_out(self, newest: Listening) -> None:
        """Of too many from one presenter drop the oldest that never began (PROTOCOL 3.4)."""
        same = [other for other in self._audiences if other.presenter == newest.presenter]
        idle = [other for other in same if other.expecting]
        if len(same) > MAX_FROM_ONE and idle:
            self._forget(idle[0])

    def _obey(self, order: Order, future: Future[Answer]) -> None:
        if future.set_running_or_notify_cancel():  # else whoever has asked is gone
            future.set_result(self._roster.obey(order, now=self._clock()))

    def _present(self, ticket: Ticket, file: OpenedFile, number: int | None) -> None:
        from toom_client.presenting import Presenting

        peer = ticket.peer_address()
        presenting, reason = None, Reason.GIVEN_UP if peer is not None else Reason.UNSUPPORTED
        if peer is not None and self.keys is not None and self._closing_until is None:
            try:
                begin = partial(self._begin_trace, ticket, "presenter") if self._traces else None
                presenting = Presenting(
                    ticket,
                    peer,
                    self.keys,
                    file,
                    now=self._clock(),
                    congestion=self._rules.congestion,
                    begin_trace=begin,
                )
            except MalformedPacket:  # a public key that is none
                reason = Reason.UNSUPPORTED
        if presenting is None or not self._admit(presenting, number):
            file.close()
            self._report(SendFailed(file.filename, ticket.peer, phrase(reason)))

    def _admit(self, transfer: Transfer, number: int | None = None) -> bool:
        """Give a transfer its routes; False where another has its number already."""
        words = [first_word(kind, transfer.connection) for kind in transfer.hears]
        if any(word in self._routes for word in words):
            self._log(f"event=number-taken connection={transfer.connection:07x}")
            return False
        for word in words:
            self._routes[word] = transfer
        self._transfers.append(transfer)
        self._roster.admit(transfer, now=self._clock(), number=number)
        self._measure_at = 0.0
        return True

    def _begin_trace(self, ticket: Ticket, role: Role, now: float) -> TraceFile | None:
        if self._traces is None:
            return None
        connection = connection_of(ticket.number)
        try:
            trace = self._traces.begin(connection, role, ticket.peer, now=now, log=self._log)
        except OSError as error:
            self._log(f"event=trace-failed connection={connection:07x} reason={str(error)!r}")
            return None
        trace.started(self._datagrams.socket.getsockname(), ticket.peer_address())
        trace.offloads(segmentation=self._datagrams.cuts, receive=self._datagrams.joins)
        return trace

    def _work(self, job: Callable[[], None], then: Callable[[FileFault | None], None]) -> None:
        """Run what may wait for the disk beside the loop."""

        def run() -> None:
            fault: FileFault | None = None
            try:
                job()
            except FileFault as raised:
                fault = raised
            self._post(partial(then, fault))

        self._worker.submit(run)

    def _begin_closing(self) -> None:
        now = self._clock()
        self._closing_until = now + LAST_WORDS
        for transfer in self._transfers:
            transfer.give_up(now=now)

    # The loop.

    def _run(self) -> None:
        try:
            while not self._finished():
                self._turn()
        except Exception:
            # The one broad catch of this thread: the prompt must live on, and both ends be told.
            self._log("event=transfers-crashed " + repr(traceback.format_exc()))
            self._fail_all()
        finally:
            self._clean_up()

    def _turn(self) -> None:
        writing = selectors.EVENT_WRITE if self._datagrams.waits else 0
        if self._events != selectors.EVENT_READ | writing:
            self._events = selectors.EVENT_READ | writing
            self._selector.modify(self._datagrams.socket, self._events)
        ready = self._selector.select(self._patience())
        if any(key.fileobj is self._wake for key, _ in ready):
            with suppress(OSError):
                self._wake.recv(4096)
        while self._inbox:
            self._inbox.popleft()()
        self._read()
        self._datagrams.flush()
        self._serve()

    def _patience(self) -> float:
        """Seconds to wait for something to happen."""
        if self._datagrams.waits:
            return 0.1
        times = [transfer.deadline() for transfer in self._transfers]
        if times:
            times.append(self._measure_at)
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
            self._sort(*arrival)

    def _sort(self, size: int, segment: int, source: Address, marked: bool) -> None:
        """Give each transfer its own, from wherever it comes: the keys tell (PROTOCOL 5.12)."""
        buffer, now = self._datagrams.buffer, self._clock()
        for word, start, end in split_by_transfer(buffer, size, segment):
            transfer = self._routes.get(word)
            if transfer is None or end - start < OVERHEAD:
                self._strays += 1
            else:
                transfer.receive(buffer, start, end, segment, source, now=now, marked=marked)

    def _serve(self) -> None:
        """Give every transfer its turns: a quantum each, round robin, while somebody is due."""
        if self._audiences:
            self._share_buffer()
        for _ in range(ROUNDS):
            is_due = False
            for transfer in self._transfers:
                now = self._clock()
                if not self._datagrams.waits and transfer.deadline() <= now:
                    transfer.poll(self._datagrams.send, now=now)
                    is_due = True
            if not is_due:
                break
        now = self._clock()
        for transfer in list(self._transfers):
            self._hear(transfer)
            if transfer.over(now=now):
                self._forget(transfer)
        if now >= self._measure_at:
            self._measure(now)
        if now >= self._sweep_at:
            self._sweep_at = now + SWEPT_EVERY
            self._worker.submit(files.sweep, self._directory)

    def _hear(self, transfer: Transfer) -> None:
        for report in transfer.events():
            self._roster.end(transfer, report)
            self._report(report)

    def _measure(self, now: float) -> None:
        """Look how far everybody has come, and have traces written now and then."""
        self._measure_at = now + MEASURED_EVERY
        under_way = []
        for transfer in self._transfers:
            progress = self._roster.measure(transfer, now=now)
            if progress is not None:
                under_way.append(progress)
            if transfer.trace is not None:
                transfer.trace.tick(progress, now=now)
        self._progress = tuple(under_way)

    def _share_buffer(self) -> None:
        """The socket's buffer is for all senders alike, however many files each of them sends."""
        files = Counter(each.presenter for each in self._audiences if each.receiving)
        for listening in self._audiences:
            share = self._buffer // max(len(files), 1)
            listening.share_buffer(share // max(files[listening.presenter], 1))

    def _forget(self, transfer: Transfer) -> None:
        transfer.drop()
        self._end_trace(transfer)
        self._transfers.remove(transfer)
        self._roster.forget(transfer)
        self._audiences = [other for other in self._audiences if other is not transfer]
        for kind in transfer.hears:
            del self._routes[first_word(kind, transfer.connection)]
        self._log(f"event=forgotten connection={transfer.connection:07x} bad={transfer.dropped}")

    def _end_trace(self, transfer: Transfer) -> None:
        if transfer.trace is not None:
            transfer.trace.close()

    def _finished(self) -> bool:
        if self._closing_until is None:
            return False
        settled = not self._datagrams.waits and all(
            transfer.settled for transfer in self._transfers
        )
        return settled or self._clock() >= self._closing_until

    def _fail_all(self) -> None:
        for transfer in self._transfers:
            transfer.give_up(now=self._clock(), reason=Reason.UNKNOWN)
            self._hear(transfer)

    def _clean_up(self) -> None:
        self._closed = True
        self._closing_until = self._clock()
        for transfer in self._transfers:
            transfer.drop(keep=True)
            self._end_trace(transfer)
        self._progress = ()
        self._worker.shutdown(wait=False, cancel_futures=True)
        self._selector.close()
        self._datagrams.close()
        self._wake.close()
        self._wake_up.close()
        while self._inbox:  # who has asked waits for an answer
            self._inbox.popleft()()


def _load_engines() -> None:
    import toom_client.listening
    import toom_client.presenting  # noqa: F401  # 60 ms, which the first transfer is spared
