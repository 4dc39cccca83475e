"""What became of a batch: told to clients, on the server's terminal, to those who follow.

Belongs here: who hears what. Does not: when (hub.py), what follows from a request (decisions.py).
"""

from collections.abc import Callable, Mapping
from typing import Any

from toom_protocol.codec import encode, request_id_of
from toom_protocol.messages import NotStored
from toom_server.connection import Connection
from toom_server.decisions import Batch, Decided
from toom_server.events import tell
from toom_server.followers import Followers
from toom_server.line_writer import LineWriter
from toom_server.outcomes import FollowPlan, Session
from toom_server.reading import parts_of
from toom_server.store import Store


class Delivery:
    """Tells everybody whom it concerns."""

    def __init__(
        self,
        connections: Mapping[Session, Connection],
        store: Store,
        console: LineWriter,
        arrive: Callable[[Connection, int, Any], None],
    ) -> None:
        """Tell those who are connected.

        Args:
            arrive: takes a request again that had to wait for what is told now.
        """
        self._connections = connections
        self._store = store
        self._console = console
        self._arrive = arrive
        self._followers = Followers(store)
        self._shown: list[str] = []  # lines for the server's terminal

    def deliver(
        self,
        batch: Batch,
        fault: str | None,
        changed: Callable[[tuple[Connection, Decided]], None],
    ) -> None:
        """Tell what became of a batch.

        Args:
            fault: why nothing of it is kept; None: all of it is.
            changed: gets who came and went, which is told when the list says so.
        """
        speaker: Connection | None = None  # whose messages follow each other
        answers: list[bytes] = []
        for connection, what in batch.decided:
            if speaker is not None and (connection is not speaker or isinstance(what, Decided)):
                speaker.answer(answers, len(answers))
                speaker, answers = None, []
            if not isinstance(what, Decided):
                answer, shown = what
                if fault is None:
                    self._shown.append(shown)
                else:
                    answer = encode(request_id_of(answer), NotStored(fault))
                speaker = connection
                answers.append(answer)
            elif fault is not None and what.outcome.entries:
                self.tell(connection, what.refused(fault))
            elif what.outcome.changes_the_list:
                changed((connection, what))
            else:
                self.tell(connection, what)
        if speaker is not None:
            speaker.answer(answers, len(answers))
        if self._followers and fault is None:
            self._followers.kept(batch.additions)
        self.show()

    def tell(self, connection: Connection, decided: Decided) -> None:
        """Tell what follows from one request that is no message."""
        request_id, outcome, is_owed = decided
        if outcome.notice is not None:
            target, notice = outcome.notice
            if target in self._connections:
                self._connections[target].notify(notice)
        if outcome.console:
            self._shown.append(outcome.console)
        if outcome.audit:
            tell(**outcome.audit)
        if not is_owed:
            return
        if isinstance(outcome.read, FollowPlan):
            connection.stream(request_id, self._followers.follow(connection, outcome.read))
            return
        if outcome.read is not None:
            connection.stream(request_id, parts_of(outcome.read, self._store))
            return
        if outcome.replaces is not None and outcome.replaces in self._connections:
            self._connections[outcome.replaces].abort()
        replies = connection.session.replies
        if replies is not None and outcome.replies:
            for whose, request in replies.told(request_id, outcome.replies[0]):
                self._arrive(whose, request_id, request)
        connection.answer([encode(request_id, reply) for reply in outcome.replies], 1)

    def show(self) -> None:
        """Put the lines that have gathered on the server's terminal, all at once."""
        if self._shown:
            self._console.say(*self._shown)
            self._shown.clear()

    def left(self, connection: Connection) -> None:
        """A connection has ended: it follows nothing any more."""
        self._followers.left(connection)

    def close(self) -> None:
        """Let the terminal have its last lines."""
        self._console.close()
