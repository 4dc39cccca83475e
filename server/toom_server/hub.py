"""Where requests of all connections meet: batch by batch through the conference and the store.

While one batch is being kept on disk the next one gathers, so a sync serves everybody who waits
(group commit). Nothing of a batch is told before it is kept.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from logging import ERROR
from typing import Final, Protocol

from toom_protocol.lines import ActiveUser
from toom_protocol.liveness import LOGIN_LIMIT, SILENCE_LIMIT, SWEEP_INTERVAL
from toom_protocol.messages import End, LogIn, LogLines, Message, NotStored, Ping, Request
from toom_server.conference import Conference, Instant
from toom_server.connection import Connection
from toom_server.entries import Entry
from toom_server.events import tell
from toom_server.line_writer import LineWriter
from toom_server.outcomes import Outcome, ReadPlan, Session
from toom_server.store import Store, StoreError

PROVERS: Final = 2  # passwords that are proved at a time; the others wait, and the loop goes on
MOST: Final = 1 << 20  # connections, where nobody says how many; more than any system grants
FAREWELL: Final = 1.0  # seconds that slow clients have to take their last replies


@dataclass(frozen=True, slots=True)
class _Arrival:
    connection: Connection
    request_id: int
    request: Request | None  # None: the connection is gone


@dataclass(frozen=True, slots=True)
class _Kept:
    """What became of a batch; None means that it went well."""

    entries_fault: str | None = None
    active_fault: str | None = None


class Observer(Protocol):
    """Counts what goes on; it is called in the event loop and must not wait."""

    def request(self, request: Request) -> None:
        """A request was handled."""

    def batch(self, entries: int, seconds: float, *, kept: bool) -> None:
        """A batch went to the disk, with so many messages and rooms, and came back."""


class Hub:
    """The one place that changes the conference; owns every connection."""

    def __init__(
        self, conference: Conference, store: Store, console: LineWriter, *, most: int = MOST
    ) -> None:
        """Serve at most so many connections at a time; who comes then is sent away."""
        self._most = most
        self._conference = conference
        self._store = store
        self._console = console
        self._connections: dict[Session, Connection] = {}
        self._arrivals: list[_Arrival] = []
        self._busy = False  # a batch is on its way to the disk, or a turn is due
        self._unpublished = False  # userlog.txt is not what it should be
        self._closing = False
        self._healthy = True
        self._observer: Observer | None = None
        self._empty = asyncio.Event()  # while closing: every connection has ended
        self._idle = asyncio.Event()  # no batch is under way
        self._idle.set()
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="disk")
        self._provers = ThreadPoolExecutor(PROVERS, thread_name_prefix="passwords")
        # Whose password is being proved, and what they have sent since.
        self._proving: dict[Connection, list[tuple[int, Request]]] = {}

    # --- called by connections ----------------------------------------------------------------

    def joined(self, connection: Connection) -> bool:
        """Note a new connection; False: there is no room for it."""
        if len(self._connections) >= self._most:
            return False
        self._connections[connection.session] = connection
        return True

    def submit(self, connection: Connection, request_id: int, request: Request) -> None:
        """Take a request; it is answered in order of arrival."""
        if connection in self._proving and not isinstance(request, Ping):
            self._proving[connection].append((request_id, request))
        elif isinstance(request, LogIn) and self._conference.must_prove(
            connection.session, request, time.monotonic()
        ):
            self._proving[connection] = []
            self._prove(connection, request_id, request)
        else:
            self._arrive(_Arrival(connection, request_id, request))

    def gone(self, connection: Connection) -> None:
        """Note that a connection has ended."""
        del self._connections[connection.session]
        if not self._connections:
            self._empty.set()
        self._arrive(_Arrival(connection, 0, None))

    # --- called by the app --------------------------------------------------------------------

    async def sweep(self) -> None:
        """Drop silent clients, for ever (PROTOCOL 2.4)."""
        while True:
            await asyncio.sleep(SWEEP_INTERVAL)
            self.drop_silent(time.monotonic())
            if self._unpublished:
                self._schedule()  # the disk may have room by now

    def drop_silent(self, now: float) -> None:
        """Drop clients that have been silent too long (SPEC S3), or have not logged in.

        Args:
            now: seconds, monotonic clock.
        """
        for connection in list(self._connections.values()):
            connection.close_if_silent(now, SILENCE_LIMIT)
            connection.send_away_if_late(now, LOGIN_LIMIT)

    @property
    def connections(self) -> int:
        """How many there are, logged in or not."""
        return len(self._connections)

    @property
    def users(self) -> int:
        """How many are logged in."""
        return self._conference.active_count

    @property
    def is_healthy(self) -> bool:
        """Whether the last write to the disk went well."""
        return self._healthy

    def observe(self, observer: Observer) -> None:
        """Tell somebody about requests and batches from now on."""
        self._observer = observer

    @property
    def buffered(self) -> int:
        """Bytes that wait to be taken by clients."""
        return sum(connection.buffered for connection in self._connections.values())

    async def close(self) -> None:
        """Answer what has arrived, then end every connection, in bounded time."""
        await self._idle.wait()
        self._closing = True
        self._empty.clear()
        for connection in list(self._connections.values()):
            connection.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL):
                if self._connections:
                    await self._empty.wait()
        self._provers.shutdown(wait=False, cancel_futures=True)
        self._disk.shutdown(wait=True)
        self._console.close()

    # --- passwords that have only a hash --------------------------------------------------------

    def _prove(self, connection: Connection, request_id: int, request: LogIn) -> None:
        """Check a password beside the loop; what this connection sends meanwhile waits."""
        accounts = self._conference.accounts
        proof = asyncio.get_running_loop().run_in_executor(
            self._provers, accounts.prove, request.username, request.password
        )

        def proved(done: "asyncio.Future[None]") -> None:
            if done.cancelled():
                return
            done.result()
            if connection.session not in self._connections:
                del self._proving[connection]
            elif self._conference.accounts is not accounts:  # they were read again meanwhile
                self._prove(connection, request_id, request)
            else:
                self._arrive(_Arrival(connection, request_id, request))
                for later in self._proving.pop(connection):
                    self.submit(connection, *later)

        proof.add_done_callback(proved)

    # --- one batch ----------------------------------------------------------------------------

    def _arrive(self, arrival: _Arrival) -> None:
        if self._closing:
            return  # unanswered: the client sees the connection end
        self._arrivals.append(arrival)
        self._schedule()

    def _schedule(self) -> None:
        if not self._busy:
            self._busy = True
            self._idle.clear()
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        arrivals, self._arrivals = self._arrivals, []
        at = Instant(time.monotonic(), datetime.now().replace(microsecond=0))
        before = self._conference.generation
        batch = [(arrival, self._handle(arrival, at)) for arrival in arrivals]
        entries = [entry for _, outcome in batch for entry in outcome.entries]
        changed = self._conference.generation != before or self._unpublished
        if not entries and not changed:
            self._release(batch, _Kept())
            return
        active = self._conference.active_users() if changed else None
        keep = partial(self._keep, entries, active)
        kept = asyncio.get_running_loop().run_in_executor(self._disk, keep)
        kept.add_done_callback(lambda done: self._kept(batch, done.result(), began=at.monotonic))

    def _kept(self, batch: list[tuple[_Arrival, Outcome]], kept: _Kept, *, began: float) -> None:
        fault = kept.entries_fault or kept.active_fault
        self._healthy = fault is None
        if self._observer is not None:
            count = sum(len(outcome.entries) for _, outcome in batch)
            self._observer.batch(count, time.monotonic() - began, kept=fault is None)
        self._release(batch, kept)

    def _handle(self, arrival: _Arrival, at: Instant) -> Outcome:
        session = arrival.connection.session
        if arrival.request is None:
            return self._conference.leave(session, at)
        if self._observer is not None:
            self._observer.request(arrival.request)
        return self._conference.handle(session, arrival.request_id, arrival.request, at)

    def _keep(self, entries: Sequence[Entry], active: Sequence[ActiveUser] | None) -> _Kept:
        """Run in the disk's thread."""
        entries_fault = active_fault = None
        try:
            if entries:
                self._store.commit(entries)
        except StoreError as exc:
            entries_fault = str(exc)
        try:
            if active is not None:
                self._store.publish(active)
        except StoreError as exc:
            active_fault = str(exc)
        return _Kept(entries_fault, active_fault)

    def _release(self, batch: list[tuple[_Arrival, Outcome]], kept: _Kept) -> None:
        """Tell what was kept, take back what was not, and begin the next batch."""
        self._busy = False
        if kept.entries_fault is not None:
            self._conference.undo([entry for _, outcome in batch for entry in outcome.entries])
        self._unpublished = kept.active_fault is not None
        for fault in filter(None, (kept.entries_fault, kept.active_fault)):
            tell(ERROR, "not-stored", why=fault)
        for arrival, decided in batch:
            outcome = decided
            if outcome.entries and kept.entries_fault is not None:
                outcome = _not_stored(outcome, kept.entries_fault)
            elif outcome.entered and kept.active_fault is not None:
                self._conference.expel(arrival.connection.session)
                outcome = _not_stored(outcome, kept.active_fault)
            self._tell(arrival, outcome)
        if self._arrivals:
            self._schedule()
        else:
            self._idle.set()

    def _tell(self, arrival: _Arrival, outcome: Outcome) -> None:
        if outcome.notice is not None:
            target, notice = outcome.notice
            if target in self._connections:
                self._connections[target].notify(notice)
        if outcome.console:
            self._console.say(outcome.console)
        if outcome.audit:
            tell(**outcome.audit)
        if arrival.request is None:
            return
        if outcome.read is not None:
            arrival.connection.stream(arrival.request_id, self._parts(outcome.read))
            return
        arrival.connection.send(arrival.request_id, *outcome.replies)
        arrival.connection.answered()

    def _parts(self, plan: ReadPlan) -> Iterator[Message]:
        try:
            for log in plan.logs:
                for block in self._store.read(log, plan.since):
                    yield LogLines(log, block)
        except OSError as exc:
            tell(ERROR, "not-read", why=exc)
            yield NotStored(f"The server's disk refuses: {exc.strerror}.")
        else:
            yield End()


def _not_stored(outcome: Outcome, fault: str) -> Outcome:
    return replace(outcome, replies=(NotStored(fault),), entries=(), console="", notice=None)
