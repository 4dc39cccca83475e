"""Where requests of all connections meet: batch by batch through the conference and the store.

While one batch is being kept on disk the next one gathers, so a sync serves everybody who waits
(group commit). Nothing of a batch is told before it is kept, and no log-in or log-out before it is
in userlog.txt; what a client sends meanwhile waits, so that its answers keep their order.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from logging import ERROR
from typing import Final, NamedTuple, Protocol

from toom_protocol.codec import encode
from toom_protocol.liveness import LOGIN_LIMIT, SILENCE_LIMIT, SWEEP_INTERVAL
from toom_protocol.messages import Cause, End, LogIn, LogLines, Message, NotStored, Ping, Request
from toom_server.conference import Conference
from toom_server.connection import Connection
from toom_server.disk import Disk
from toom_server.doorway import Doorway
from toom_server.entries import Entry, OriginEntry, PostEntry
from toom_server.events import tell
from toom_server.followers import Followers
from toom_server.group_commit import BatchObserver, GroupCommit
from toom_server.line_writer import LineWriter
from toom_server.outcomes import (
    FollowPlan,
    Instant,
    Outcome,
    ReadPlan,
    Session,
    outcome_of,
    tell_posts,
)
from toom_server.presence import Presence
from toom_server.replies import REPEATABLE
from toom_server.store import Store

PROVERS: Final = 2  # passwords that are proved at a time; the others wait, and the loop goes on
MOST: Final = 1 << 20  # connections, where nobody says how many; more than any system grants
FAREWELL: Final = 1.0  # seconds that slow clients have to take their last replies
LARGEST_BATCH: Final = 1024  # requests; at most 8 MiB of messages


# Requests of one connection with their numbers, in order; None: the connection is gone.
_Requests = Sequence[tuple[int, Request | None]]


class _Decided(NamedTuple):
    """What follows from a request that is no message."""

    request_id: int
    outcome: Outcome
    is_owed: bool  # somebody waits for the answer


@dataclass(eq=False, slots=True)
class _Batch:
    """What is decided in one turn, and becomes known at once.

    Attributes:
        decided: by connection: messages that follow each other, or something else.
    """

    decided: list[tuple[Connection, list[PostEntry] | _Decided]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)


class Observer(BatchObserver, Protocol):
    """Counts what goes on; it is called in the event loop and must not wait."""

    def request(self, request: Request) -> None:
        """A request was handled."""


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
        self._doorway = doorway or Doorway(MOST)
        self._conference = conference
        self._store = store
        self._console = console
        self._followers = Followers(store)
        self._connections: dict[Session, Connection] = {}
        self._arrivals: list[tuple[Connection, _Requests]] = []
        self._said: list[str] = []  # lines for the server's terminal
        self._busy = False  # a batch is on its way to the disk, or a turn is due
        self._closing = False
        self._observer: Observer | None = None
        self._empty = asyncio.Event()  # while closing: every connection has ended
        self._idle = asyncio.Event()  # no batch is under way
        self._idle.set()
        self._commit = GroupCommit(store)
        self._provers = ThreadPoolExecutor(PROVERS, thread_name_prefix="passwords")
        self._presence: Presence[tuple[Connection, _Decided]] = Presence(
            conference.user_log, store.publish, self._published
        )
        # Whose password is being proved or whose coming or going is being written down, and what
        # they have sent since.
        self._held: dict[Connection, list[tuple[int, Request]]] = {}
        self._proofs: dict[Connection, asyncio.Future[None]] = {}  # passwords that are looked at

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

    def submit(self, connection: Connection, requests: Sequence[tuple[int, Request]]) -> None:
        """Take requests of one connection; they are answered in order of arrival."""
        is_in = connection.session.username is not None and connection not in self._held
        if is_in and not self._closing:  # the usual case, at once
            self._arrivals.append((connection, requests))
            if not self._busy:
                self._schedule()
            return
        for request_id, request in requests:
            self._submit_guest(connection, request_id, request)

    def _submit_guest(self, connection: Connection, request_id: int, request: Request) -> None:
        """Take a request of somebody who is not in yet, or is held."""
        if connection in self._held and not isinstance(request, Ping):
            self._held[connection].append((request_id, request))
        elif isinstance(request, LogIn) and self._conference.must_prove(
            connection.session, request, time.monotonic()
        ):
            self._held[connection] = []
            self._prove(connection, request_id, request)
        else:
            self._arrive(connection, [(request_id, request)])

    def gone(self, connection: Connection) -> None:
        """Note that a connection has ended."""
        del self._connections[connection.session]
        self._doorway.leave(connection.session.address)
        self._followers.left(connection)
        self._held.pop(connection, None)
        if (proof := self._proofs.pop(connection, None)) is not None:
            proof.cancel()  # it costs nothing any more, unless it has begun
        if not self._connections:
            self._empty.set()
        self._arrive(connection, [(0, None)])

    # --- called by the app --------------------------------------------------------------------

    async def sweep(self) -> None:
        """Drop silent clients, and keep hold of the directory, for ever (PROTOCOL 2.4, 6.3)."""
        while True:
            await asyncio.sleep(SWEEP_INTERVAL)
            self.drop_silent(time.monotonic())
            self._presence.retry()
            self._store.keep_hold()

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
        return self._commit.is_healthy and self._presence.is_right

    def use_disk(self, disk: Disk) -> None:
        """Wait for the disk in another way from now on; nothing is under way yet."""
        self._commit.use_disk(disk)

    def observe(self, observer: Observer) -> None:
        """Tell somebody about requests and batches from now on."""
        self._observer = observer
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
        self._provers.shutdown(wait=False, cancel_futures=True)
        self._commit.close()
        self._presence.close()
        self._console.close()

    # --- passwords that have only a hash --------------------------------------------------------

    def _prove(self, connection: Connection, request_id: int, request: LogIn) -> None:
        """Check a password beside the loop; what this connection sends meanwhile waits."""
        accounts = self._conference.accounts
        proof = asyncio.get_running_loop().run_in_executor(
            self._provers, accounts.prove, request.username, request.password
        )

        self._proofs[connection] = proof

        def proved(done: "asyncio.Future[None]") -> None:
            if done.cancelled():
                return
            done.result()
            if self._proofs.pop(connection, None) is None:
                return
            if self._conference.accounts is not accounts:  # they were read again meanwhile
                self._prove(connection, request_id, request)
            else:
                self._arrive(connection, [(request_id, request)])
                self._resume(connection)

        proof.add_done_callback(proved)

    # --- one batch ----------------------------------------------------------------------------

    def _arrive(self, connection: Connection, requests: _Requests) -> None:
        if self._closing:
            return
        self._arrivals.append((connection, requests))
        if not self._busy:
            self._schedule()

    def _schedule(self) -> None:
        self._busy = True
        self._idle.clear()
        asyncio.get_running_loop().call_soon(self._turn)

    def _resume(self, connection: Connection) -> None:
        """Take what a client has sent while it was held."""
        later = self._held.pop(connection, [])
        for request_id, request in later:
            self._submit_guest(connection, request_id, request)

    def _turn(self) -> None:
        """Decide what has arrived, and send it on its way to the disk."""
        batch = _Batch()
        at = Instant(time.monotonic(), datetime.now().replace(microsecond=0))
        taken = requests_taken = 0
        for connection, requests in self._arrivals:
            self._decide(connection, requests, at, batch)
            taken += 1
            requests_taken += len(requests)
            if requests_taken >= LARGEST_BATCH:
                break
        del self._arrivals[:taken]
        self._commit.keep(batch.entries, partial(self._release, batch))

    def _decide(
        self, connection: Connection, requests: _Requests, at: Instant, batch: _Batch
    ) -> None:
        """Ask the conference; what a client sends while it is held waits."""
        posts: list[PostEntry] = []
        is_held = connection in self._held
        replies = connection.session.replies
        for request_id, request in requests:
            if request is None:
                outcome: Outcome | PostEntry = self._conference.leave(connection.session, at)
            elif is_held and not isinstance(request, Ping):
                self._held[connection].append((request_id, request))
                continue
            elif replies is not None and isinstance(request, REPEATABLE):
                decided = self._decide_once(connection, request_id, request, at)
                if decided is None:
                    continue
                outcome = decided
            else:
                if self._observer is not None:
                    self._observer.request(request)
                outcome = self._conference.handle(connection.session, request_id, request, at)
            if isinstance(outcome, PostEntry):
                posts.append(outcome)
                continue
            if posts:
                batch.entries += posts
                batch.decided.append((connection, posts))
                posts = []
            batch.entries += outcome.entries
            batch.decided.append((connection, _Decided(request_id, outcome, request is not None)))
            replies = connection.session.replies
            if outcome.changes_the_list and request is not None:
                self._held.setdefault(connection, [])
                is_held = True
        if posts:
            batch.entries += posts
            batch.decided.append((connection, posts))

    def _decide_once(
        self, connection: Connection, request_id: int, request: Request, at: Instant
    ) -> Outcome | None:
        """Ask the conference, unless this client has asked before (PROTOCOL 3.6).

        Returns:
            None: it is under way; `_tell` has this one arrive again.
        """
        replies = connection.session.replies
        assert replies is not None
        known = replies.recall(request_id, (connection, request))
        if known is True:
            return None
        if known:
            return Outcome((known,))
        if self._observer is not None:
            self._observer.request(request)
        decided = self._conference.handle(connection.session, request_id, request, at)
        outcome = outcome_of(decided) if isinstance(decided, PostEntry) else decided
        if not outcome.entries:
            return outcome
        origin = OriginEntry(replies.run, request_id, outcome.replies[0])
        return replace(outcome, entries=(*outcome.entries, origin))

    def _release(self, batch: _Batch, fault: str | None) -> None:
        """Send the next batch on its way, then tell what became of this one."""
        if fault is not None:
            self._conference.undo(batch.entries)
        self._busy = bool(self._arrivals)
        if self._busy:
            self._turn()
        for connection, what in batch.decided:
            if not isinstance(what, _Decided):
                if fault is None:
                    frames = tell_posts(what, self._said)
                else:
                    frames = [encode(post.request_id, NotStored(fault)) for post in what]
                connection.answer(frames, len(what))
            elif fault is not None and what.outcome.entries:
                self._tell(connection, _not_stored(what, fault))
            elif what.outcome.changes_the_list:
                self._presence.changed((connection, what))
            else:
                self._tell(connection, what)
        if self._followers and fault is None:
            self._followers.kept(batch.entries)
        self._show()
        if not self._busy:
            self._idle.set()

    def _published(self, changes: list[tuple[Connection, _Decided]], fault: str | None) -> None:
        """Tell those who came and went that it is written down, or take back that they came."""
        if fault is not None:
            tell(ERROR, "not-stored", why=fault)
        for connection, decided in changes:
            if fault is not None and decided.outcome.entered:
                self._conference.expel(connection.session)
                self._tell(connection, _not_stored(decided, fault))
            else:
                self._tell(connection, decided)
            self._resume(connection)
        self._show()

    def _show(self) -> None:
        """Put the lines of a batch on the server's terminal, all at once."""
        if self._said:
            self._console.say(*self._said)
            self._said.clear()

    def _tell(self, connection: Connection, decided: _Decided) -> None:
        request_id, outcome, is_owed = decided
        if outcome.notice is not None:
            target, notice = outcome.notice
            if target in self._connections:
                self._connections[target].notify(notice)
        if outcome.console:
            self._said.append(outcome.console)
        if outcome.audit:
            tell(**outcome.audit)
        if not is_owed:
            return
        if isinstance(outcome.read, FollowPlan):
            connection.stream(request_id, self._followers.follow(connection, outcome.read))
            return
        if outcome.read is not None:
            connection.stream(request_id, self._parts(outcome.read))
            return
        if outcome.replaces is not None and outcome.replaces in self._connections:
            self._connections[outcome.replaces].abort()
        replies = connection.session.replies
        if replies is not None and outcome.replies:
            for whose, request in replies.told(request_id, outcome.replies[0]):
                self._arrive(whose, [(request_id, request)])
        connection.answer([encode(request_id, reply) for reply in outcome.replies], 1)

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


def _not_stored(decided: _Decided, fault: str) -> _Decided:
    outcome = replace(
        decided.outcome, replies=(NotStored(fault),), entries=(), console="", notice=None
    )
    return decided._replace(outcome=outcome)
