"""Choices, read off the bytes that a fuzzer gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


class Source:
    """Choices, read off bytes."""

    def __init__(self, data: bytes) -> None:
        self._bytes = self._read(data)
        self.is_empty = not data

    def _read(self, data: bytes) -> Iterator[int]:
        for number, byte in enumerate(data, start=1):
            self.is_empty = number == len(data)
            yield byte

    def number(self, below: int) -> int:
        """A number from 0; 0 when there is nothing left."""
        return (
            (next(self._bytes, 0) * 256 + next(self._bytes, 0)) % below
            if below > 256
            else (next(self._bytes, 0) % below)
        )

    def text(self, most: int) -> bytes:
        """A few bytes."""
        return bytes(next(self._bytes, 0) for _ in range(self.number(most)))

    def word(self) -> int:
        """Any number of 32 bits, often one at an edge."""
        match self.number(4):
            case 0:
                return self.number(256)
            case 1:
                return (1 << 32) - 1 - self.number(256)
            case 2:
                return (1 << 31) - 128 + self.number(256)
            case _:
                return self.number(1 << 16) << 16 | self.number(1 << 16)

    def one_of(self, some: Sequence[T]) -> T:
        """One of them."""
        return some[self.number(len(some))]
