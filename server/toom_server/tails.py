"""What a batch adds to each log: its lines, in order (PROTOCOL 6.2). Pure.

Belongs here: lines of one log that are written at once. Does not: where they are written.
"""

from collections.abc import Iterable
from datetime import datetime

from toom_protocol.timestamps import format_timestamp
from toom_server.entries import Entry, PostEntry


class Tail:
    """Lines that follow each other, to be written at the end of one log."""

    __slots__ = ("first", "lines", "marks")

    def __init__(self, first: int) -> None:
        """Begin with the number of the first line."""
        self.first = first
        self.marks: list[tuple[datetime, int]] = []  # a time, and the first line that has it
        self.lines: list[str] = []

    @property
    def last(self) -> int:
        """The number of the last line."""
        return self.first + len(self.lines) - 1

    @property
    def content(self) -> bytes:
        """All of it, with newlines."""
        return ("\n".join(self.lines) + "\n").encode()

    def offset_of(self, line: int) -> int:
        """How many bytes are before a line, counted from 0."""
        return sum(len(text.encode()) + 1 for text in self.lines[:line])


def tails_of(entries: Iterable[Entry]) -> dict[int, Tail]:
    """Give, by log, what is to be added to it."""
    tails: dict[int, Tail] = {}
    current, at, stamp = -1, None, ""
    for entry in entries:  # each message passes here: nothing is done twice that need not be
        if type(entry) is not PostEntry:
            continue
        log, number, post_at, username, text, _ = entry
        if log != current:
            current, at = log, None
            tail = tails[log] if log in tails else Tail(number)
            tails[log] = tail
            lines = tail.lines
        if post_at is not at:
            at, stamp = post_at, format_timestamp(post_at)
            tail.marks.append((at, len(lines)))
        lines.append(f"{number}; {stamp}; {username}; {text}")  # as `format_post` does
    return tails
