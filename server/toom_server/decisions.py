"""What is decided in one turn: the requests of a batch, connection by connection (PROTOCOL 3.6).

Belongs here: in which order the conference is asked, and what is not asked again. Does not: when a
turn is (hub.py), what is decided (conference.py).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from toom_protocol.messages import Locate, NotStored, Ping, Request
from toom_server.conference import Conference
from toom_server.connection import Connection
from toom_server.entries import Entry, OriginEntry, PostEntry
from toom_server.observer import Observer
from toom_server.outcomes import Instant, Outcome, outcome_of
from toom_server.pace import Pace
from toom_server.replies import REPEATABLE

# Requests of one connection with their numbers, in order; None: the connection is gone.
Requests = Sequence[tuple[int, Request | None]]
# Connections whose password is being proved, whose coming or going is being written down, or who
# ask too often where others are; and what they have sent since.
Held = dict[Connection, list[tuple[int, Request]]]


class Decided(NamedTuple):
    """What follows from a request that is no message."""

    request_id: int
    outcome: Outcome
    is_owed: bool  # somebody waits for the answer

    def refused(self, fault: str) -> "Decided":
        """Give what follows instead when nothing of it could be kept."""
        told = replace(
            self.outcome, replies=(NotStored(fault),), entries=(), console="", notice=None
        )
        return self._replace(outcome=told)


@dataclass(eq=False, slots=True)
class Batch:
    """What is decided in one turn, and becomes known at once.

    Attributes:
        decided: by connection: messages that follow each other, or something else.
    """

    decided: list[tuple[Connection, list[PostEntry] | Decided]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)


class Decisions:
    """Asks the conference."""

    def __init__(
        self, conference: Conference, held: Held, release_in: Callable[[float, Connection], None]
    ) -> None:
        """Decide for all connections but those that are held.

        Args:
            release_in: is to end the holding of a connection in so many seconds.
        """
        self._conference = conference
        self._held = held
        self._release_in = release_in
        self._paces: dict[str, Pace] = {}  # by user, of whom there are no more than accounts
        self.observer: Observer | None = None

    def decide(self, connection: Connection, requests: Requests, at: Instant, batch: Batch) -> None:
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
            elif type(request) is Locate and self._is_too_often(connection, at):
                self._held[connection] = [(request_id, request)]
                is_held = True
                continue
            elif replies is not None and isinstance(request, REPEATABLE):
                decided = self._decide_once(connection, request_id, request, at)
                if decided is None:
                    continue
                outcome = decided
            else:
                if self.observer is not None:
                    self.observer.request(request)
                outcome = self._conference.handle(connection.session, request_id, request, at)
            if isinstance(outcome, PostEntry):
                posts.append(outcome)
                continue
            if posts:
                batch.entries += posts
                batch.decided.append((connection, posts))
                posts = []
            batch.entries += outcome.entries
            batch.decided.append((connection, Decided(request_id, outcome, request is not None)))
            replies = connection.session.replies
            if outcome.changes_the_list and request is not None:
                self._held.setdefault(connection, [])
                is_held = True
        if posts:
            batch.entries += posts
            batch.decided.append((connection, posts))

    def _is_too_often(self, connection: Connection, at: Instant) -> bool:
        """Whether a question where somebody is waits: each disturbs the one who is asked for."""
        pace = self._paces.setdefault(connection.session.username or "", Pace())
        wait = pace.wait(at.monotonic)
        if wait:
            self._release_in(wait, connection)
        return wait > 0

    def _decide_once(
        self, connection: Connection, request_id: int, request: Request, at: Instant
    ) -> Outcome | None:
        """Ask the conference, unless this client has asked before (PROTOCOL 3.6).

        Returns:
            None: it is under way; the hub has this one arrive again.
        """
        replies = connection.session.replies
        assert replies is not None
        known = replies.recall(request_id, (connection, request))
        if known is True:
            return None
        if known:
            return Outcome((known,))
        if self.observer is not None:
            self.observer.request(request)
        decided = self._conference.handle(connection.session, request_id, request, at)
        outcome = outcome_of(decided) if isinstance(decided, PostEntry) else decided
        if not outcome.entries:
            return outcome
        origin = OriginEntry(replies.run, request_id, outcome.replies[0])
        return replace(outcome, entries=(*outcome.entries, origin))
