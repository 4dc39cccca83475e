"""The headers of a batch, column by column: nothing happens per datagram (PROTOCOL 5.1).

Belongs here: the words of headers that stand in one buffer, and consecutive numbers as such words.
Does not: what the words mean (packets), the cipher (sealing).
"""

from __future__ import annotations

from functools import lru_cache
from itertools import repeat
from struct import Struct
from typing import Final

from toom_protocol.transfer.packets import BATCH

WORD: Final = 4  # bytes


def columns_of(wire: memoryview, datagram_size: int) -> tuple[memoryview, memoryview, memoryview]:
    """First words, packet numbers and chunk numbers of datagrams that stand one behind the other.

    A header is three words, a datagram a whole number of them: each column is one slice.
    """
    words, stride = wire.cast("I"), datagram_size // WORD
    return words[::stride], words[1::stride], words[2::stride]


def column(first: int, count: int) -> memoryview:
    """Consecutive numbers, none past MAX_NUMBER, as they stand in headers one behind the other."""
    ones, steps = _terms(count)
    return memoryview((first * ones + steps).to_bytes(count * WORD)).cast("I")


@lru_cache(maxsize=BATCH)
def _terms(count: int) -> tuple[int, int]:
    """So many words in one number: each of them 1, and 0, 1, 2 …; no sum of theirs overflows."""
    words = Struct(f"!{count}I")
    return int.from_bytes(words.pack(*repeat(1, count))), int.from_bytes(words.pack(*range(count)))
