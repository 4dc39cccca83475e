"""Where a scenario's time goes: a clock with named buckets.

Belongs here: booking. Code that takes time says for what, with `with on(HOSTS):` or `@on(HOSTS)`;
what lies inside belongs to the outermost, so the buckets add up to no more than the whole. Whoever
runs a scenario opens the book with `accounted()`; where none is open, and in other threads, nothing
is booked. Does not: adding up a run (bench/spending.py).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

HOSTS: Final = "hosts"  # making networks, containers, namespaces
PROGRAMS: Final = "programs"  # starting programs at terminals, until a server listens
ANSWERS: Final = "answers"  # waiting for what a program prints, writes or does
PROMISED: Final = "promised"  # waits whose length is what SPEC promises
FORCED: Final = "forced"  # waits by time that promise nothing, such as for the clock's next second
FILES: Final = "files"  # files and commands in hosts
OTHERS: Final = "others"  # waiting for scenarios on which this one builds
EVIDENCE: Final = "evidence"  # freezing the hosts and collecting what they hold
REMOVAL: Final = "removal"  # removing hosts and networks

BUCKETS: Final = (
    *(HOSTS, PROGRAMS, ANSWERS, PROMISED, FORCED),
    *(FILES, OTHERS, EVIDENCE, REMOVAL),
)

DECIMALS: Final = 3  # of a second, where it is written down


class Spent:
    """The seconds of one scenario, by bucket."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._open = False

    @contextmanager
    def on(self, bucket: str) -> Iterator[None]:
        """Book the time of the block, unless it lies inside another one.

        Args:
            bucket: one of `BUCKETS`.
        """
        if bucket not in BUCKETS:
            raise ValueError(f"no bucket {bucket!r}")
        if self._open:
            yield
            return
        self._open = True
        began = time.monotonic()
        try:
            yield
        finally:
            self._open = False
            taken = time.monotonic() - began
            self._seconds[bucket] = self._seconds.get(bucket, 0.0) + taken

    def seconds(self) -> dict[str, float]:
        """What was booked, in the order of `BUCKETS`; nothing for a bucket that was not used."""
        return {
            bucket: round(self._seconds[bucket], DECIMALS)
            for bucket in BUCKETS
            if bucket in self._seconds
        }

    def packed(self) -> str:
        """The same as text, for another process."""
        return json.dumps(self.seconds())


def unpacked(text: str) -> dict[str, float]:
    """Take back what `Spent.packed` gave."""
    return {str(bucket): float(seconds) for bucket, seconds in json.loads(text).items()}


_BOOK: Final[ContextVar[Spent | None]] = ContextVar("book", default=None)


@contextmanager
def accounted() -> Iterator[Spent]:
    """Open a book: what this thread does until the end of the block is booked there."""
    book = Spent()
    before = _BOOK.get()
    _BOOK.set(book)
    try:
        yield book
    finally:
        _BOOK.set(before)


@contextmanager
def on(bucket: str) -> Iterator[None]:
    """Book the time of a block, or of a function, in the open book."""
    book = _BOOK.get()
    if book is None:
        yield
    else:
        with book.on(bucket):
            yield
