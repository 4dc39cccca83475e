"""What is said, as it is said: `--live` (PROTOCOL 3.5). Pure.

Belongs here: what this client has heard of each log, and which messages are news. Does not: the
connection, the screen.
"""

from collections.abc import Iterator
from itertools import chain

from toom_protocol import messages as m
from toom_protocol.errors import MalformedLine, MalformedMark
from toom_protocol.lines import Post, parse_post
from toom_protocol.marks import format_marks, parse_marks
from toom_protocol.timestamps import format_timestamp

BROADCASTS = 0  # where the broadcasts stand among the rooms; PROTOCOL 3.2


class Feed:
    """Every message once and in order, over all connections; own ones, which had a reply, never."""

    def __init__(self) -> None:
        self._marks: dict[int, int] = {}  # by log: the last number that was heard
        self._own: set[tuple[int, int]] = set()  # that a reply has told, and no notice yet
        self._since: set[int] = set()  # logs of which something was heard since the last `Follow`
        self._has_followed = False

    def requests(self) -> Iterator[m.Follow]:
        """Give what to ask, one after the other: news alone, later also what was missed."""
        self._since.clear()
        rest = m.Rest.BEGINNING if self._has_followed else m.Rest.END
        before: tuple[str, ...] | None = None
        for marks in chain(format_marks(self._marks), [None]):
            if before is not None:
                yield m.Follow(before, rest if marks is None else m.Rest.LATER)
            before = marks
        if not self._marks:
            yield m.Follow((), rest)

    def answered(self, reply: m.Reply) -> None:
        """Note from where the server tells each log."""
        if isinstance(reply, m.End):
            self._has_followed = True
        elif isinstance(reply, m.Marks):
            try:
                numbers = parse_marks(reply.marks)
            except MalformedMark:
                return  # a server that speaks otherwise
            self._marks |= {log: n for log, n in numbers.items() if log not in self._since}

    def sent(self, reply: m.Reply) -> None:
        """Note a message of one's own, of which the reply has told."""
        match reply:
            case m.BroadcastSent(number, _):
                self._note_own(BROADCASTS, number)
            case m.RoomMessageSent(number, room_id, _):
                self._note_own(room_id, number)
            case _:
                pass

    def news(self, notice: m.Posted) -> list[str]:
        """Give the lines for the user."""
        log = notice.room_id
        self._since.add(log)
        found = []
        for line in notice.lines.decode(errors="replace").split("\n"):
            try:
                post = parse_post(line.rstrip("\r"))
            except MalformedLine:
                continue
            if post.number <= self._marks.get(log, 0):
                continue
            self._marks[log] = post.number
            if (log, post.number) in self._own:
                self._own.remove((log, post.number))
            else:
                found.append(_say(log, post))
        return found

    def _note_own(self, log: int, number: int) -> None:
        if number > self._marks.get(log, 0) or log not in self._marks:
            self._own.add((log, number))


def _say(log: int, post: Post) -> str:
    """Word a message as RDM does, with its room before it."""
    where = "" if log == BROADCASTS else f"room-{log}: "
    return f"{where}#{post.number}; {post.username}: {post.text} at {format_timestamp(post.at)}."
