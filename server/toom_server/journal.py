"""The write-ahead log: one file for everything that is acknowledged (PROTOCOL 6.2).

A record is written and synced before its replies leave; the text logs follow without a sync and are
completed from here at the next start. One sync serves a batch, however many logs it touches.

Belongs here: segments, records, their order. Does not: what a record means (records.py), what is
made of it at a start (recovery.py).

A segment is a file of fixed size, filled when it is made, so that a sync of it changes no metadata.
It begins with a block that names its first record and the boot in which it was written. Each record
begins at a block of its own: what was acknowledged is never written again. The next segment is
prepared while there is time, of one that is no longer needed if there is one: what stands in it
has lower numbers than any that could be looked for.
"""

import os
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from toom_server.allocation import fill
from toom_server.checkpoint import sync_directory

BLOCK: Final = 4096  # bytes; the largest unit that disks write at once
FIRST_SIZE: Final = 1 << 20  # bytes of the first segment; each next one is twice as large,
LARGEST: Final = 64 << 20  # up to this: seconds of the heaviest load
SMALLEST: Final = 16 * BLOCK  # on a disk that has hardly any room
SHARE_OF_FREE: Final = 16  # a segment takes at most a sixteenth of what is free
HEAD: Final = struct.Struct("<8sQ16s")  # magic; first sequence; boot
MAGIC: Final = b"TOOMJRN1"
KIN: Final = MAGIC[:-1]  # with another last byte it is of another version
RECORD: Final = struct.Struct("<IIQI")  # magic; CRC of the rest; sequence; length
RECORD_MAGIC: Final = 0x4452434A
CHECKED_FROM: Final = 8  # bytes of a record's head that its CRC does not cover
SPARE: Final = "spare"  # the file that will be the next segment
WRITTEN: Final = "written"  # the file that tells up to which record the text logs are written
NUMBER: Final = struct.Struct("<Q")  # what is in it
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")  # random(4): another one after each boot


class AnotherVersion(ValueError):
    """A segment was written by another version of the server."""


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


def boot() -> bytes:
    """Give 16 bytes that name this run of the kernel; random ones where it does not tell."""
    try:
        return bytes.fromhex(BOOT_ID.read_text().strip().replace("-", ""))[:16]
    except (OSError, ValueError):
        return os.urandom(16)


class _Segment:
    def __init__(self, path: Path, handle: int, size: int, first: int) -> None:
        self.path, self.handle, self.size, self.first = path, handle, size, first
        self.end = BLOCK  # where the next record goes

    def remove(self) -> None:
        os.close(self.handle)
        self.path.unlink(missing_ok=True)


class Journal:
    """The segments of one server; `records`, then `begin`, then write and keep batch by batch."""

    def __init__(
        self, folder: Path, upkeep: Callable[[Callable[[], None]], object] = lambda work: work()
    ) -> None:
        """Keep it in a folder; `upkeep` does slow work, best in a thread of its own."""
        self._folder = folder
        self._upkeep = upkeep
        self._spare: _Segment | None = None
        self._spare_due = False
        self._boot = boot()
        self._segments: list[_Segment] = []  # the last one is written to
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
        for first, path in sorted(self._names()):
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
        for _, path in sorted(self._names()):
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
        self._segments = [self._make(FIRST_SIZE)]
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
            self._segments = [self._make(FIRST_SIZE)]
        if self._doubtful:
            self.discard()
        rest = struct.pack("<QI", self.sequence + 1, len(payload))
        crc = zlib.crc32(payload, zlib.crc32(rest))
        data = struct.pack("<II", RECORD_MAGIC, crc) + rest + payload
        length = -(-len(data) // BLOCK) * BLOCK
        segment = self._segments[-1]
        if segment.end + length > segment.size:
            segment = self._next(BLOCK + length)
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
        if segment.end > segment.size // 2 and self._spare is None and not self._spare_due:
            self._spare_due = True
            self._upkeep(self._make_spare)

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
            segment = self._segments.pop(0)
            if self._spare is None and not self._spare_due and segment.size == LARGEST:
                spare = self._folder / SPARE
                segment.path.rename(spare)
                self._spare = _Segment(spare, segment.handle, segment.size, 0)
            else:
                self._upkeep(segment.remove)

    def close(self) -> None:
        """Let go of the files."""
        for segment in self._segments:
            os.close(segment.handle)
        self._segments = []
        if self._spare is not None:
            os.close(self._spare.handle)
            self._spare = None
        if self._written >= 0:
            os.close(self._written)
            self._written = -1

    def remove(self) -> None:
        """Close it and delete it: a checkpoint has everything."""
        self.close()
        for _, path in self._names():
            path.unlink()
        (self._folder / SPARE).unlink(missing_ok=True)

    # --- segments -----------------------------------------------------------------------------

    def _names(self) -> list[tuple[int, Path]]:
        paths = self._folder.glob("journal-*") if self._folder.exists() else ()
        found = []
        for path in paths:
            with suppress(ValueError):
                found.append((int(path.name.removeprefix("journal-"), 16), path))
        return found

    def _next(self, least: int) -> _Segment:
        """Give an empty segment for the next record: the spare one, if there is one that does."""
        spare, self._spare = self._spare, None
        if spare is None or spare.size < least or not spare.path.exists():
            if spare is not None:
                self._upkeep(spare.remove)
            return self._make(min(2 * self._segments[-1].size, LARGEST), least=least)
        first = self.sequence + 1
        os.pwrite(spare.handle, HEAD.pack(MAGIC, first, self._boot), 0)
        path = self._folder / f"journal-{first:016x}"
        spare.path.rename(path)
        sync_directory(self._folder)
        return _Segment(path, spare.handle, spare.size, first)  # the head is synced with the record

    def _make_spare(self) -> None:
        """Fill the next segment ahead of time, where there is room for one (in the upkeep)."""
        size = min(2 * self._segments[-1].size, LARGEST)
        try:
            if self._fair() >= size:
                path = self._folder / SPARE
                self._spare = _Segment(path, self._filled(path, size), size, 0)
        except OSError:  # when it is needed one will be made, smaller perhaps
            pass
        finally:
            self._spare_due = False

    def _fair(self) -> int:
        """How many bytes a segment may take of what is free on the disk."""
        disk = os.statvfs(self._folder)
        return disk.f_bavail * disk.f_frsize // SHARE_OF_FREE // BLOCK * BLOCK

    def _make(self, wanted: int, least: int = SMALLEST) -> _Segment:
        """Make an empty segment for the next record, smaller than wanted where room is scarce."""
        size = max(SMALLEST, least, min(wanted, self._fair()))
        first = self.sequence + 1
        path = self._folder / f"journal-{first:016x}"
        handle = self._filled(path, size)
        try:
            os.pwrite(handle, HEAD.pack(MAGIC, first, self._boot), 0)
            os.fsync(handle)
            sync_directory(self._folder)
        except OSError:
            os.close(handle)
            path.unlink(missing_ok=True)
            raise
        return _Segment(path, handle, size, first)

    def _filled(self, path: Path, size: int) -> int:
        """Make a file full of zeros; give its descriptor."""
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            fill(handle, size)
            os.fsync(handle)
        except OSError:
            os.close(handle)
            path.unlink(missing_ok=True)
            raise
        return handle

    def _read(self, path: Path) -> Iterator[Record]:
        with path.open("rb") as file:
            head = file.read(BLOCK)
            if len(head) < BLOCK:
                return
            magic, _, its_boot = HEAD.unpack_from(head)
            if magic != MAGIC and magic.startswith(KIN):
                raise AnotherVersion(f"{path.name} is of another version")
            if magic != MAGIC:
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
