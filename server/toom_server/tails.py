"""What a batch adds to each log: its lines, in order (PROTOCOL 6.2). Pure.

Belongs here: lines of one log that are written at once. Does not: where they are written.
"""

from collections.abc import Iterable
from datetime import datetime

from toom_protocol.lines import format_post
from toom_protocol.timestamps import format_timestamp
from toom_server.entries import Entry, PostEntry


class Tail:
    """Lines that follow each other, to be written at the end of one log."""

    __slots__ = ("_at", "_lines", "_stamp", "first", "last", "marks")

    def __init__(self, number: int) -> None:
        self.first = number  # of the first line
        self.last = number  # of the last line
        self.marks: list[tuple[datetime, int]] = []  # a time, and the first line that has it
        self._lines: list[str] = []
        self._at: datetime | None = None
        self._stamp = ""

    def add(self, number: int, at: datetime, username: str, text: str) -> None:
        """Add the next line."""
        if at is not self._at:
            self.marks.append((at, len(self._lines)))
            self._at, self._stamp = at, format_timestamp(at)
        self._lines.append(format_post(number, self._stamp, username, text))
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
    tails: dict[int, Tail] = {}
    for entry in entries:
        if isinstance(entry, PostEntry):
            log, number, at, username, text, _ = entry
            tail = tails.get(log)
            if tail is None:
                tail = tails[log] = Tail(number)
            tail.add(number, at, username, text)
    return tails
