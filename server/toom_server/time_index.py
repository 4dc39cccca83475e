"""From a time to a place in a log: one pair of second and offset for each distinct second.

Sixteen bytes each, so that a log of any size costs little, and a search is one bisection. Belongs
here: the pairs, and their form in `.toom/index-…`. Does not: reading logs (log_file.py).
"""

import struct
import zlib
from array import array
from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

MAGIC: Final = b"TOOMIDX1"
HEAD: Final = struct.Struct("<8sIQQqQ")  # magic; CRC of the rest; size; number; last; pairs
CHECKED_FROM: Final = 12  # bytes of the head that the CRC does not cover
DAY: Final = 86_400  # seconds


def second_of(at: datetime) -> int:
    """Give a local time as a number that grows with it."""
    return at.toordinal() * DAY + at.hour * 3600 + at.minute * 60 + at.second


def time_of(second: int) -> datetime:
    """Give the local time of such a number."""
    return datetime.fromordinal(second // DAY) + timedelta(seconds=second % DAY)


@dataclass(frozen=True, slots=True)
class Indexed:
    """How much of a log an index tells about."""

    size: int  # bytes
    number: int  # of the last message in it
    at: datetime  # the latest time in it


class TimeIndex:
    """The pairs of one log, in order."""

    def __init__(self) -> None:
        self.seconds = array("q")
        self.offsets = array("q")

    def note(self, second: int, offset: int) -> None:
        """A message of this second begins at this offset; only the first of a second counts."""
        if not self.seconds or second > self.seconds[-1]:
            self.seconds.append(second)
            self.offsets.append(offset)

    def after(self, second: int) -> int | None:
        """Where messages begin that are strictly later; None: there are none."""
        position = bisect_right(self.seconds, second)
        return self.offsets[position] if position < len(self.offsets) else None

    def cut(self, size: int) -> None:
        """Forget what lies behind an earlier end of the log."""
        while self.offsets and self.offsets[-1] >= size:
            self.offsets.pop()
            self.seconds.pop()

    def encode(self, what: Indexed) -> bytes:
        """Give the bytes of `.toom/index-…`."""
        pairs = self.seconds.tobytes() + self.offsets.tobytes()
        head = HEAD.pack(MAGIC, 0, what.size, what.number, second_of(what.at), len(self.seconds))
        crc = zlib.crc32(pairs, zlib.crc32(head[CHECKED_FROM:]))
        return MAGIC + struct.pack("<I", crc) + head[CHECKED_FROM:] + pairs

    def decode(self, data: bytes) -> Indexed | None:
        """Take the pairs out of such bytes; None: they are no index."""
        if len(data) < HEAD.size:
            return None
        magic, crc, size, number, last, count = HEAD.unpack_from(data)
        pairs = data[HEAD.size :]
        if magic != MAGIC or len(pairs) != 16 * count or not 0 < last < DAY * 3_652_060:
            return None
        if zlib.crc32(pairs, zlib.crc32(data[CHECKED_FROM : HEAD.size])) != crc:
            return None
        self.seconds, self.offsets = array("q"), array("q")
        self.seconds.frombytes(pairs[: 8 * count])
        self.offsets.frombytes(pairs[8 * count :])
        return Indexed(size, number, time_of(last))
