"""The write-ahead log: one file for everything that is acknowledged (PROTOCOL 6.2).

A record is written and synced before its replies leave; the text logs follow without a sync and are
completed from here at the next start. One sync serves a batch, however many logs it touches.

Belongs here: records and their order. Does not: the files they stand in (segments.py), what a
record means (records.py), what is made of it at a start (recovery.py).

Each record begins at a block of its own: what was acknowledged is never written again.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from toom_server.boot import boot
from toom_server.segments import BLOCK, Segment, SegmentFolder, Upkeep, skip_head

RECORD: Final = struct.Struct("<IIQI")  # magic; CRC of the rest; sequence; length
RECORD_MAGIC: Final = 0x4452434A
CHECKED_FROM: Final = 8  # bytes of a record's head that its CRC does not cover
WRITTEN: Final = "written"  # the file that tells up to which record the text logs are written
NUMBER: Final = struct.Struct("<Q")  # what is in it


@dataclass(frozen=True, slots=True)
class Record:
    """One batch.

    Attributes:
        sequence: counts records, from 1.
        same_boot: nothing written in its time can have been lost with the power.
    """

    sequence: int
    payload: bytes
    same_boot: bool


@dataclass(frozen=True, slots=True)
class Behind:
    """What a start leaves out."""

    is_torn: bool  # a record was being written when the server ended
    lost: int  # whole records behind one that is damaged or missing


class Journal:
    """The segments of one server; `records`, then `begin`, then write and keep batch by batch."""

    def __init__(self, folder: Path, upkeep: Upkeep = lambda work: work()) -> None:
        """Keep it in a folder; `upkeep` does slow work, best in a thread of its own."""
        self._folder = folder
        self._boot = boot()
        self._files = SegmentFolder(folder, self._boot, upkeep)
        self._segments: list[Segment] = []  # the last one is written to
        self._length = 0  # bytes of the record that is written and not kept yet
        self._doubtful = False  # a record that was refused may stand on the disk
        self._written = -1  # descriptor
        self.sequence = 0  # of the last record that is kept

    # --- at the start -------------------------------------------------------------------------

    def records(self, after: int) -> Iterator[Record]:
        """Yield every record later than `after`, in order, up to the first that is not whole.

        Raises:
            AnotherVersion: somebody must start the server that wrote it.
        """
        expected: int | None = None
        for first, path in self._files.names():
            if expected is not None and first != expected:
                return
            expected = first
            for record in self._read(path):
                if record.sequence != expected:
                    break
                expected += 1
                if record.sequence > after:
                    yield record

    def behind(self, last: int) -> Behind:
        """Look at what stands behind record `last`, the last one that is whole."""
        torn, lost = False, 0
        for _, path in self._files.names():
            with path.open("rb") as file:
                for offset in range(BLOCK, path.stat().st_size, BLOCK):
                    file.seek(offset)
                    head = file.read(RECORD.size)
                    if len(head) < RECORD.size or RECORD.unpack(head)[0] != RECORD_MAGIC:
                        continue
                    file.seek(offset)
                    record = _next_record(file, same_boot=False)
                    torn |= record is None
                    lost += record is not None and record.sequence > last
        return Behind(torn, lost)

    @property
    def written(self) -> int:
        """Up to which record the text logs were written, unless the power was lost since."""
        try:
            content = (self._folder / WRITTEN).read_bytes()
        except FileNotFoundError:
            return 0
        return int(NUMBER.unpack(content)[0]) if len(content) == NUMBER.size else 0

    def begin(self, last: int) -> None:
        """Write from now on, after record `last`; what was there before is no longer needed.

        Raises:
            OSError: there is no room, or the disk refuses.
        """
        self.remove()
        self.sequence = last
        self._segments = [self._files.make(self.sequence + 1)]
        self._doubtful = False
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
        self._written = os.open(self._folder / WRITTEN, flags, 0o600)
        os.pwrite(self._written, NUMBER.pack(last), 0)

    # --- batch by batch -----------------------------------------------------------------------

    def write(self, payload: bytes) -> None:
        """Write the next record; it counts once `sync` and `keep` have been called.

        Raises:
            OSError: nothing of it counts.
        """
        if not self._segments:
            self._segments = [self._files.make(self.sequence + 1)]
        if self._doubtful:
            self.discard()
        rest = struct.pack("<QI", self.sequence + 1, len(payload))
        crc = zlib.crc32(payload, zlib.crc32(rest))
        data = struct.pack("<II", RECORD_MAGIC, crc) + rest + payload
        length = -(-len(data) // BLOCK) * BLOCK
        segment = self._segments[-1]
        if segment.end + length > segment.size:
            segment = self._files.following(self.sequence + 1, segment, BLOCK + length)
            self._segments.append(segment)
        self._length = length
        view, offset = memoryview(data), segment.end
        while view:
            count = os.pwrite(segment.handle, view, offset)
            view, offset = view[count:], offset + count

    @property
    def handle(self) -> int:
        """The descriptor whose sync makes sure of what was written last."""
        return self._segments[-1].handle

    def keep(self) -> None:
        """The record counts, and the text logs have it: go on behind it.

        The note of that is never synced, since it matters only after a death that kept the
        system's memory; in the segment itself it would make each sync a longer one.
        """
        segment = self._segments[-1]
        segment.end += self._length
        self.sequence += 1
        os.pwrite(self._written, NUMBER.pack(self.sequence), 0)
        if segment.end > segment.size // 2:
            self._files.prepare(segment)

    def discard(self) -> None:
        """See to it that the record that was written last never counts.

        Raises:
            OSError: it may count after a restart; until this has succeeded nothing is written.
        """
        if not self._segments:
            return
        self._doubtful = True
        segment = self._segments[-1]
        if segment.end < segment.size:
            os.pwrite(segment.handle, bytes(BLOCK), segment.end)
            os.fdatasync(segment.handle)
        self._doubtful = False

    @property
    def has_full_segments(self) -> bool:
        """Whether a checkpoint would give room back."""
        return len(self._segments) > 1

    def forget(self, upto: int) -> None:
        """Remove the segments of which a checkpoint has everything."""
        while len(self._segments) > 1 and self._segments[1].first <= upto + 1:
            self._files.retire(self._segments.pop(0))

    def close(self) -> None:
        """Let go of the files."""
        for segment in self._segments:
            os.close(segment.handle)
        self._segments = []
        self._files.close()
        if self._written >= 0:
            os.close(self._written)
            self._written = -1

    def remove(self) -> None:
        """Close it and delete it: a checkpoint has everything."""
        self.close()
        self._files.remove()

    def _read(self, path: Path) -> Iterator[Record]:
        with path.open("rb") as file:
            if (its_boot := skip_head(path, file)) is None:
                return
            while record := _next_record(file, its_boot == self._boot):
                yield record


def _next_record(file: BinaryIO, same_boot: bool) -> Record | None:
    """Read the record that begins here, and go behind it; None: there is none that is whole."""
    head = file.read(RECORD.size)
    if len(head) < RECORD.size:
        return None
    magic, crc, sequence, length = RECORD.unpack(head)
    if magic != RECORD_MAGIC:
        return None
    payload = file.read(length)
    if len(payload) < length or zlib.crc32(payload, zlib.crc32(head[CHECKED_FROM:])) != crc:
        return None
    file.seek(-(RECORD.size + length) % BLOCK, os.SEEK_CUR)
    return Record(sequence, payload, same_boot)
