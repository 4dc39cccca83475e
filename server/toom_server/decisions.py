"""What is decided in one turn: the requests of a batch, in order of arrival (PROTOCOL 3.6).

Belongs here: in which order the conference is asked, and what is not asked again. Does not: when a
turn is (hub.py), what is decided (conference.py).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from toom_protocol.messages import (
    Broadcast,
    BuildRoom,
    Locate,
    LogIn,
    NotStored,
    Ping,
    Request,
    RoomMessage,
    Unknown,
)
from toom_server.conference import Conference
from toom_server.connection import Connection
from toom_server.entries import BROADCASTS, OriginEntry
from toom_server.observer import Observer
from toom_server.outcomes import Instant, Outcome
from toom_server.pace import Pace
from toom_server.replies import DONE, REPEATABLE
from toom_server.tails import Additions
from toom_server.talk import SAYINGS, Said

# A request with its number; None: the connection is gone.
Arrival = tuple[Connection, int, Request | Unknown | None]
# Connections whose password is being proved, whose coming or going is being written down, or who
# ask too often where others are; and what they have sent since.
Held = dict[Connection, list[tuple[int, Request | Unknown]]]


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
        decided: in order; most are messages that were accepted.
        additions: of all of it.
    """

    decided: list[tuple[Connection, Said | Decided]] = field(default_factory=list)
    additions: Additions = field(default_factory=Additions)


class Decisions:
    """Asks the conference."""

    def __init__(
        self,
        conference: Conference,
        held: Held,
        release_in: Callable[[float, Connection], None],
        prove: Callable[[Connection, int, LogIn], None],
    ) -> None:
        """Decide for all connections but those that are held.

        Args:
            release_in: is to end the holding of a connection in so many seconds.
            prove: is to prove a password, then call `proved`, have the log-in arrive again, and end
                the holding.
        """
        self._conference = conference
        self._talk = conference.talk
        self._held = held
        self._release_in = release_in
        self._prove = prove
        self._proved: set[Connection] = set()  # what they asked arrives again, before their end
        self._paces: dict[str, Pace] = {}  # by user, of whom there are no more than accounts
        self.observer: Observer | None = None

    def decide(self, arrivals: Iterable[Arrival], at: Instant) -> Batch:
        """Ask the conference; what a client sends while it is held waits."""
        batch = Batch()
        tails, decided = batch.additions.tails, batch.decided
        held, say, observer, local = self._held, self._talk.say, self.observer, at.local
        for arrival in arrivals:
            connection, request_id, request = arrival
            session = connection.session
            if (  # messages first: there are more of them than of all else
                isinstance(request, SAYINGS)
                and session.username is not None
                and session.replies is None
                and not (held and connection in held)
            ):
                if observer is not None:
                    observer.request(request)
                said = say(session.username, request_id, request, local, tails)
                if isinstance(said, tuple):
                    decided.append((connection, said))
                    continue
                outcome: Outcome | None = Outcome((said,))
            else:
                outcome = self._decide_other(arrival, at, batch)
            if outcome is not None:
                is_owed = request is not None
                batch.additions.entries += outcome.entries
                decided.append((connection, Decided(request_id, outcome, is_owed)))
                if outcome.changes_the_list and is_owed:
                    held.setdefault(connection, [])
        return batch

    def hold_back(self, arrivals: list[Arrival]) -> list[Arrival]:
        """Let those wait that a batch had no room for and whose connection it has begun to hold.

        What the same client sends from now on is held at once, and must come behind them.

        Returns:
            The others.
        """
        if not (arrivals and self._held):
            return arrivals
        return [each for each in arrivals if not self._has_held(*each)]

    def _has_held(
        self, connection: Connection, request_id: int, request: Request | Unknown | None
    ) -> bool:
        """Let a request wait if its connection is held."""
        if connection not in self._held or request is None or isinstance(request, Ping):
            return False
        self._held[connection].append((request_id, request))
        return True

    def _decide_other(self, arrival: Arrival, at: Instant, batch: Batch) -> Outcome | None:
        """Ask about one request; None: it waits."""
        connection, request_id, request = arrival
        session = connection.session
        if request is None:
            return self._conference.leave(session, at)
        if self._has_held(*arrival):
            return None
        if type(request) is LogIn and self._must_prove(connection, request, at):
            self._held[connection] = []
            self._prove(connection, request_id, request)
            return None
        if type(request) is Locate and self._is_too_often(connection, at):
            self._held[connection] = [(request_id, request)]
            return None
        if isinstance(request, REPEATABLE) and session.replies is not None:
            return self._decide_once(connection, request_id, request, at, batch)
        if self.observer is not None and not isinstance(request, Unknown):
            self.observer.request(request)
        return self._conference.handle(session, request, at)

    def proved(self, connection: Connection) -> None:
        """The password has been proved, right or wrong, of the log-in that arrives next."""
        self._proved.add(connection)

    def _must_prove(self, connection: Connection, request: LogIn, at: Instant) -> bool:
        if connection in self._proved:
            self._proved.discard(connection)
            return False
        return self._conference.must_prove(connection.session, request, at.monotonic)

    def _is_too_often(self, connection: Connection, at: Instant) -> bool:
        """Whether a question where somebody is waits: each disturbs the one who is asked for."""
        pace = self._paces.setdefault(connection.session.username or "", Pace())
        wait = pace.wait(at.monotonic)
        if wait:
            self._release_in(wait, connection)
        return wait > 0

    def _decide_once(
        self,
        connection: Connection,
        request_id: int,
        request: Broadcast | RoomMessage | BuildRoom,
        at: Instant,
        batch: Batch,
    ) -> Outcome | None:
        """Ask the conference, unless this client has asked before (PROTOCOL 3.6).

        Returns:
            None: it is under way; the hub has this one arrive again.
        """
        session = connection.session
        replies = session.replies
        assert replies is not None
        known = replies.recall(request_id, (connection, request))
        if known is True:
            return None
        if known:
            return Outcome((known,))
        if self.observer is not None:
            self.observer.request(request)
        if session.username is None or isinstance(request, BuildRoom):
            outcome = self._conference.handle(session, request, at)
        else:
            outcome = self._say_once(session.username, request_id, request, at, batch)
        if not isinstance(reply := outcome.replies[0], DONE):
            return outcome
        return replace(
            outcome, entries=(*outcome.entries, OriginEntry(replies.run, request_id, reply))
        )

    def _say_once(
        self,
        username: str,
        request_id: int,
        message: Broadcast | RoomMessage,
        at: Instant,
        batch: Batch,
    ) -> Outcome:
        """Say a message whose answer is to be remembered."""
        said = self._talk.say(username, request_id, message, at.local, batch.additions.tails)
        if not isinstance(said, tuple):
            return Outcome((said,))
        log = message.room_id if isinstance(message, RoomMessage) else BROADCASTS
        return Outcome((self._talk.last_answer(log),), console=said[1])
