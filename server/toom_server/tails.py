"""What a batch adds to what must last: the lines of each log, rooms, origins (PROTOCOL 6.2). Pure.

Belongs here: what is written at once. Does not: where it is written, what may be said (talk.py).
"""

from dataclasses import dataclass, field
from datetime import datetime

from toom_server.entries import Entry


class Tail:
    """Lines that follow each other, to be written at the end of one log."""

    __slots__ = ("at", "first", "lines", "marks")

    def __init__(self, first: int) -> None:
        """Begin with the number of the first line."""
        self.first = first
        self.lines: list[str] = []
        self.marks: list[tuple[datetime, int]] = []  # a time, and the first line that has it
        self.at: datetime | None = None  # the time of the last line

    def turn_to(self, at: datetime) -> None:
        """The lines that are added from now on have this time."""
        self.at = at
        self.marks.append((at, len(self.lines)))

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


@dataclass(eq=False, slots=True)
class Additions:
    """Kept whole or not at all.

    Attributes:
        tails: what is said, by log.
        entries: what else must last, in order.
    """

    tails: dict[int, Tail] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether there is anything to keep."""
        return bool(self.tails or self.entries)
