"""Where requests of all connections meet: batch by batch through the conference and the store.

While one batch is being kept on disk the next one gathers, so a sync serves everybody who waits
(group commit). Nothing of a batch is told before it is kept, and no log-in or log-out before it is
in userlog.txt; what a client sends meanwhile waits, so that its answers keep their order.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from logging import ERROR
from typing import Final

from toom_protocol.liveness import LOGIN_LIMIT, SILENCE_LIMIT, SWEEP_INTERVAL
from toom_protocol.messages import Cause, LogIn, Ping, Request, Unknown
from toom_server.conference import Conference
from toom_server.connection import Connection
from toom_server.decisions import Arrival, Batch, Decided, Decisions, Held
from toom_server.delivery import Delivery
from toom_server.disk import Disk
from toom_server.doorway import Doorway
from toom_server.events import tell
from toom_server.group_commit import GroupCommit
from toom_server.line_writer import LineWriter
from toom_server.observer import Observer
from toom_server.outcomes import Instant, Session
from toom_server.presence import Presence
from toom_server.proving import Proving
from toom_server.store import Store

FAREWELL: Final = 1.0  # seconds that slow clients have to take their last replies
LARGEST_BATCH: Final = 1024  # requests; at most 8 MiB of messages


class Hub:
    """The one place that changes the conference; owns every connection."""

    def __init__(
        self,
        conference: Conference,
        store: Store,
        console: LineWriter,
        doorway: Doorway | None = None,
    ) -> None:
        """Serve whom the doorway lets in: everybody, when there is none."""
        self._doorway = doorway or Doorway()
        self._conference = conference
        self._store = store
        self._connections: dict[Session, Connection] = {}
        self._delivery = Delivery(self._connections, store, console, self._arrive)
        self._arrivals: list[Arrival] = []
        self._busy = False  # a batch is on its way to the disk, or a turn is due
        self._closing = False
        self._empty = asyncio.Event()  # while closing: every connection has ended
        self._idle = asyncio.Event()  # no batch is under way
        self._idle.set()
        self._commit = GroupCommit(store)
        self._proving = Proving(lambda: conference.accounts)
        self._presence: Presence[tuple[Connection, Decided]] = Presence(
            conference.user_log, store.publish, self._published
        )
        self._held: Held = {}
        self._decisions = Decisions(conference, self._held, self._resume_in, self._prove)

    # --- called by connections ----------------------------------------------------------------

    def admit(self, address: str) -> Cause | None:
        """Keep a place for whoever comes from an address, or say why there is none."""
        return self._doorway.enter(address)

    def release(self, address: str) -> None:
        """Take back the place of somebody who was admitted and never joined."""
        self._doorway.leave(address)

    def joined(self, connection: Connection) -> None:
        """Note a new connection that was admitted."""
        self._connections[connection.session] = connection

    def submit(
        self, connection: Connection, requests: Sequence[tuple[int, Request | Unknown]]
    ) -> None:
        """Take requests of one connection; they are answered in order of arrival."""
        is_in = connection.session.username is not None and connection not in self._held
        if is_in and not self._closing:  # the usual case, at once
            for request_id, request in requests:
                self._arrivals.append((connection, request_id, request))
            if not self._busy:
                self._schedule()
            return
        for request_id, request in requests:
            self._submit_guest(connection, request_id, request)

    def _submit_guest(
        self, connection: Connection, request_id: int, request: Request | Unknown
    ) -> None:
        """Take a request of somebody who is not in yet, or is held."""
        if connection in self._held and not isinstance(request, Ping):
            self._held[connection].append((request_id, request))
        else:
            self._arrive(connection, request_id, request)

    def gone(self, connection: Connection) -> None:
        """Note that a connection has ended."""
        del self._connections[connection.session]
        self._doorway.leave(connection.session.address)
        self._delivery.left(connection)
        self._held.pop(connection, None)
        self._proving.drop(connection)
        if not self._connections:
            self._empty.set()
        self._arrive(connection, 0, None)

    # --- called by the app --------------------------------------------------------------------

    async def sweep(self) -> None:
        """Drop silent clients, and keep hold of the directory, for ever (PROTOCOL 2.4, 6.3)."""
        while True:
            await asyncio.sleep(SWEEP_INTERVAL)
            self.drop_silent(time.monotonic())
            self._presence.retry()
            self._store.keep_hold()

    def drop_silent(self, now: float) -> None:
        """Drop who has been silent too long (SPEC S3), or has not logged in; monotonic seconds."""
        for connection in list(self._connections.values()):
            connection.close_if_silent(now, SILENCE_LIMIT)
            connection.send_away_if_late(now, LOGIN_LIMIT)

    @property
    def connections(self) -> int:
        """How many have a place: logged in or not, or still in the handshake of TLS."""
        return self._doorway.count

    @property
    def users(self) -> int:
        """How many are logged in."""
        return self._conference.active_count

    @property
    def is_healthy(self) -> bool:
        """Whether the last write to the disk went well."""
        return self._commit.is_healthy and self._presence.is_right

    def use_disk(self, disk: Disk) -> None:
        """Wait for the disk in another way from now on; nothing is under way yet."""
        self._commit.use_disk(disk)

    def observe(self, observer: Observer) -> None:
        """Tell somebody about requests and batches from now on."""
        self._decisions.observer = observer
        self._commit.observe(observer)

    @property
    def buffered(self) -> int:
        """Bytes that wait to be taken by clients."""
        return sum(connection.buffered for connection in self._connections.values())

    async def settle(self) -> None:
        """Wait until everything that has arrived is answered."""
        while not (self._idle.is_set() and self._presence.is_idle):
            await self._idle.wait()
            await self._presence.flush()

    async def close(self) -> None:
        """Answer what has arrived, then end every connection, in bounded time."""
        self._closing = True  # what comes now is unanswered: the client sees the connection end
        await self.settle()
        self._empty.clear()
        for connection in list(self._connections.values()):
            connection.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL):
                if self._connections:
                    await self._empty.wait()
        self.drop()
        self._delivery.close()

    def drop(self) -> None:
        """Let go of the threads with what they have, as the server's death does."""
        self._proving.close()
        self._commit.close()
        self._presence.close()

    # --- one batch ----------------------------------------------------------------------------

    def _arrive(
        self, connection: Connection, request_id: int, request: Request | Unknown | None
    ) -> None:
        if self._closing:
            return
        self._arrivals.append((connection, request_id, request))
        if not self._busy:
            self._schedule()

    def _schedule(self) -> None:
        self._busy = True
        self._idle.clear()
        asyncio.get_running_loop().call_soon(self._turn)

    def _resume(self, connection: Connection) -> None:
        """Take what a client has sent while it was held, if it is there still."""
        later = self._held.pop(connection, [])
        if connection.session not in self._connections:
            return  # its end has been dealt with: nobody would take out again who came in now
        for request_id, request in later:
            self._submit_guest(connection, request_id, request)

    def _resume_in(self, seconds: float, connection: Connection) -> None:
        asyncio.get_running_loop().call_later(seconds, self._resume, connection)

    def _prove(self, connection: Connection, request_id: int, request: LogIn) -> None:
        def proved() -> None:
            self._decisions.proved(connection)
            self._arrive(connection, request_id, request)
            self._resume(connection)

        if connection.session in self._connections:
            self._proving.begin(connection, request, proved)
        else:
            self._held.pop(connection)  # it has ended, which arrives behind this

    def _turn(self) -> None:
        """Decide what has arrived, and send it on its way to the disk."""
        at = Instant(time.monotonic(), datetime.now().replace(microsecond=0))
        batch = self._decisions.decide(self._arrivals[:LARGEST_BATCH], at)
        self._arrivals = self._decisions.hold_back(self._arrivals[LARGEST_BATCH:])
        self._commit.keep(batch.additions, partial(self._release, batch))

    def _release(self, batch: Batch, fault: str | None) -> None:
        """Send the next batch on its way, then tell what became of this one."""
        if fault is not None:
            self._conference.undo(batch.additions)
        self._busy = bool(self._arrivals)
        if self._busy:
            self._turn()
        self._delivery.deliver(batch, fault, self._presence.changed)
        if not self._busy:
            self._idle.set()

    def _published(self, changes: list[tuple[Connection, Decided]], fault: str | None) -> None:
        """Tell those who came and went that it is written down, or take back that they came."""
        if fault is not None:
            tell(ERROR, "not-stored", why=fault)
        for connection, decided in changes:
            if fault is not None and decided.outcome.entered:
                self._conference.expel(connection.session)
                self._delivery.tell(connection, decided.refused(fault))
            else:
                self._delivery.tell(connection, decided)
            self._resume(connection)
        self._delivery.show()
