"""Which chunks of the file are here: a bitmap over a sliding window, so memory stays flat.

Belongs here: what is new, and how far the file is whole. Does not: the chunks' bytes.
"""

from __future__ import annotations

from typing import Final

WINDOW: Final = 16384  # chunks (19 MB) past the first hole: covers 100 ms at 1.5 Gbit/s


class ChunkMap:
    """The chunks that have arrived, of `total`; only `window` past the first hole are taken."""

    def __init__(self, total: int, *, window: int = WINDOW) -> None:
        self.total = total
        self.contiguous = 0
        """All chunks below this number are here."""
        self._window = window
        self._credit = min(total, window)
        self._base = 0  # the chunk of the bitmap's first byte; never above `contiguous`
        self._here = bytearray(2 * window if total else 0)

    @property
    def credit(self) -> int:
        """Chunks below this number are taken (PROTOCOL 5.4)."""
        return self._credit

    @property
    def whole(self) -> bool:
        return self.contiguous == self.total

    def skip(self, count: int) -> None:
        """Take the first `count` chunks for here, before any has come."""
        self.contiguous = self._base = min(count, self.total)
        self._credit = min(self.total, self.contiguous + self._window)

    def add(self, chunk: int, count: int) -> list[tuple[int, int]]:
        """Take `count` chunks from `chunk` on; return the pieces of them that are new.

        A chunk that is here already must not be written again: it may have been hashed.
        """
        start = max(chunk, self.contiguous) - self._base
        end = min(chunk + count, self.credit) - self._base
        if start >= end:
            return []
        pieces = self._missing(start, end)
        self._here[start:end] = b"\1" * (end - start)
        if chunk <= self.contiguous:
            self._advance()
        return pieces

    def forget(self, chunk: int, count: int) -> None:
        """Count chunks that are here for missing; what was credited stays so (PROTOCOL 5.4)."""
        end = min(chunk + count, self.total)
        if chunk < self._base:
            self._here[:0] = b"\1" * (self._base - chunk)
            self._base = chunk
        self._here[chunk - self._base : end - self._base] = bytes(end - chunk)
        self.contiguous = min(self.contiguous, chunk)

    def _missing(self, start: int, end: int) -> list[tuple[int, int]]:
        pieces = []
        while (start := self._here.find(0, start, end)) >= 0:
            stop = self._here.find(1, start, end)
            stop = end if stop < 0 else stop
            pieces.append((self._base + start, stop - start))
            start = stop
        return pieces

    def _advance(self) -> None:
        # The bitmap reaches a whole window past the credit, so a hole is always found.
        hole = self._here.find(0, self.contiguous - self._base)
        self.contiguous = self._base + hole
        self._credit = max(self._credit, min(self.total, self.contiguous + self._window))
        if hole >= self._window:
            del self._here[:hole]
            self._here += bytes(max(2 * self._window - len(self._here), 0))
            self._base += hole
