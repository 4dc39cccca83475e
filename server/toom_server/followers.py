"""Who hears what is said as it is said (PROTOCOL 3.5).

Each follower has a cursor in each log: the last number that they have been sent. Whoever is at the
end of a log gets each batch as it is kept, the same bytes for all of them; whoever is behind,
because they come back or read slowly, is fed from the log's file as fast as they read. So nothing
waits in memory for them but what their connection holds.

Belongs here: who has heard what. Does not: who may hear what (conference.py), files (log_shelf.py).
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from logging import ERROR
from typing import Final

from toom_protocol.codec import encode
from toom_protocol.errors import MalformedLine
from toom_protocol.lines import parse_post
from toom_protocol.marks import format_marks
from toom_protocol.messages import End, Marks, Message, Posted, Rest
from toom_server.connection import Connection
from toom_server.entries import RoomEntry
from toom_server.events import tell
from toom_server.outcomes import FollowPlan
from toom_server.store import Place, Store
from toom_server.tails import Additions, Tail

LINES_PER_FRAME: Final = 32 * 1024  # bytes; with a longest line still below codec.MAX_FIELD
PARTS_PER_TURN: Final = 8  # of what a follower has missed, before their other answers go on


class _Follower:
    def __init__(self, connection: Connection, username: str) -> None:
        self.connection = connection
        self.username = username
        self.marks: dict[int, int] = {}  # what the client has said that it has
        self.numbers: dict[int, int] = {}  # by log: the last message that was sent
        self.behind: dict[int, Place | None] = {}  # logs that are read from their files
        self.is_fed = False

    @property
    def is_in(self) -> bool:
        """Whether this connection is still the user's."""
        return self.connection.session.username == self.username


class Followers:
    """Everybody who follows."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._of_connection: dict[Connection, _Follower] = {}
        self._of_user: dict[str, _Follower] = {}
        self._at_end: defaultdict[int, dict[_Follower, None]] = defaultdict(dict)

    def __bool__(self) -> bool:
        """Tell whether anybody follows anything."""
        return bool(self._of_connection)

    def follow(self, connection: Connection, plan: FollowPlan) -> Iterator[Message]:
        """Let a client follow from now on, and give the answer, part by part."""
        username = connection.session.username
        if username is None:  # the session has gone on elsewhere meanwhile
            return iter((End(),))
        old = self._of_connection.get(connection)
        follower = _Follower(connection, username)
        if old is not None and old.username == username:
            follower.marks = old.marks
        last = {log: n for log in plan.logs if (n := self._store.last_number(log)) is not None}
        follower.marks |= {log: n for log, n in plan.marks.items() if log in last}
        self.left(connection)
        self._of_connection[connection] = self._of_user[username] = follower
        if plan.rest is Rest.LATER:
            return iter((End(),))
        for log, number in last.items():
            mark = follower.marks.get(log, 0 if plan.rest is Rest.BEGINNING else number)
            follower.numbers[log] = min(mark, number)
        marks = [Marks(part) for part in format_marks(follower.numbers)]
        follower.marks = {}
        for log, number in last.items():
            if follower.numbers[log] < number:
                follower.behind[log] = None
            else:
                self._at_end[log][follower] = None
        self._feed_soon(follower)
        return iter((*marks, End()))

    def left(self, connection: Connection) -> None:
        """Send nothing more to a connection."""
        follower = self._of_connection.pop(connection, None)
        if follower is None:
            return
        if self._of_user.get(follower.username) is follower:
            del self._of_user[follower.username]
        follower.behind.clear()
        for log in follower.numbers:
            self._at_end[log].pop(follower, None)
            if not self._at_end[log]:
                del self._at_end[log]

    def kept(self, additions: Additions) -> None:
        """Tell what a batch has brought, now that it is in the logs."""
        for entry in additions.entries:
            if isinstance(entry, RoomEntry):
                self._built(entry.room_id, entry.members)
        for log, tail in additions.tails.items():
            if log in self._at_end:
                self._post(log, tail)

    # --- those who are at the end -------------------------------------------------------------

    def _built(self, room_id: int, members: Sequence[str]) -> None:
        """Let the members of a new room who follow anything follow it from its beginning."""
        for member in members:
            follower = self._of_user.get(member)
            if follower is not None and follower.numbers and room_id not in follower.numbers:
                follower.numbers[room_id] = 0
                self._at_end[room_id][follower] = None

    def _post(self, log: int, tail: Tail) -> None:
        before, last = tail.first - 1, tail.last
        frames = b"".join(encode(0, Posted(log, lines)) for lines in _blocks(tail))
        fallen = []
        for follower in self._at_end[log]:
            number = follower.numbers[log]
            if number >= last:  # who has begun to follow since has it
                continue
            if number == before and follower.is_in and follower.connection.push(frames):
                follower.numbers[log] = last
            else:
                fallen.append(follower)
        for follower in fallen:
            if not follower.is_in:
                self.left(follower.connection)
                continue
            del self._at_end[log][follower]
            follower.behind[log] = None
            self._feed_soon(follower)

    # --- those who are behind -----------------------------------------------------------------

    def _feed_soon(self, follower: _Follower) -> None:
        if follower.behind and not follower.is_fed:
            follower.is_fed = True
            asyncio.get_running_loop().call_soon(self._feed, follower)

    def _feed(self, follower: _Follower) -> None:
        follower.is_fed = False
        if follower.behind and follower.is_in:
            follower.is_fed = True
            follower.connection.feed(self._parts(follower))

    def _parts(self, follower: _Follower) -> Iterator[Message]:
        """Yield some of what a follower has missed; more follows behind their other answers."""
        for _ in range(PARTS_PER_TURN):
            try:
                part = self._next_part(follower)
            except OSError as exc:  # they will come again, and say what they have
                tell(ERROR, "not-read", why=exc)
                follower.connection.abort()
                return
            if part is None:
                break
            yield part
        follower.is_fed = False
        self._feed_soon(follower)

    def _next_part(self, follower: _Follower) -> Posted | None:
        while follower.behind and follower.is_in:
            log, place = next(iter(follower.behind.items()))
            number = follower.numbers[log]
            lines, place = self._store.read_after(log, number, place)
            if not lines:  # all that is kept was sent
                del follower.behind[log]
                self._at_end[log][follower] = None
                continue
            follower.behind[log] = place
            fresh, follower.numbers[log] = _after(lines, number)
            return Posted(log, fresh)  # perhaps an empty one, so that others have their turn
        return None


def _blocks(tail: Tail) -> Iterator[bytes]:
    block = b""
    for line in tail.lines:
        block += (line + "\n").encode()
        if len(block) >= LINES_PER_FRAME:
            yield block
            block = b""
    if block:
        yield block


def _after(lines: bytes, number: int) -> tuple[bytes, int]:
    """Give the messages that come after a number, and the last number then."""
    fresh = []
    for line in lines.split(b"\n")[:-1]:
        try:
            post = parse_post(line.decode(errors="replace").rstrip("\r"))
        except MalformedLine:
            continue  # somebody wrote it into the log by hand
        if post.number > number:
            number = post.number
            fresh.append(line + b"\n")
    return b"".join(fresh), number
