"""What a batch adds to each log: its lines, in order (PROTOCOL 6.2). Pure.

Belongs here: lines of one log that are written at once. Does not: where they are written.
"""

from collections.abc import Iterable
from datetime import datetime

from toom_protocol.lines import POST_LINE
from toom_protocol.timestamps import format_timestamp
from toom_server.entries import Entry, PostEntry


class Tail:
    """Lines that follow each other, to be written at the end of one log."""

    __slots__ = ("_lines", "first", "last", "marks")

    def __init__(self, first: int) -> None:
        """Begin with the number of the first line."""
        self.first = first
        self.last = first - 1  # the number of the last line
        self.marks: list[tuple[datetime, int]] = []  # a time, and the first line that has it
        self._lines: list[str] = []

    def extend(self, posts: Iterable[PostEntry]) -> None:
        """Add lines."""
        lines = self._lines
        at, stamp = None, ""
        for _, number, post_at, username, text, _ in posts:
            if post_at is not at:
                at, stamp = post_at, format_timestamp(post_at)
                self.marks.append((at, len(lines)))
            lines.append(POST_LINE % (number, stamp, username, text))
            self.last = number

    @property
    def content(self) -> bytes:
        """All of it, with newlines."""
        return ("\n".join(self._lines) + "\n").encode()

    def offset_of(self, line: int) -> int:
        """How many bytes are before a line, counted from 0."""
        return sum(len(text.encode()) + 1 for text in self._lines[:line])


def tails_of(entries: Iterable[Entry]) -> dict[int, Tail]:
    """Give, by log, what is to be added to it."""
    posts: dict[int, list[PostEntry]] = {}
    for entry in entries:
        if isinstance(entry, PostEntry):
            if entry.log in posts:
                posts[entry.log].append(entry)
            else:
                posts[entry.log] = [entry]
    tails = {}
    for log, said in posts.items():
        tails[log] = tail = Tail(said[0].number)
        tail.extend(said)
    return tails
