"""The files of the journal: made full, used one after the other, used again (PROTOCOL 6.2).

Belongs here: files of fixed size, their first block and their names. Does not: the records in them
(journal.py).

A segment is filled when it is made, so that a sync of it changes no metadata. Its first block names
its first record and the boot in which it was written. The next segment is prepared while there is
time, of one that is no longer needed if there is one: what stands in it has lower numbers than any
that could be looked for.
"""

import os
import struct
from collections.abc import Callable
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
SPARE: Final = "spare"  # the file that will be the next segment

Upkeep = Callable[[Callable[[], None]], object]  # does slow work, best in a thread of its own


class AnotherVersion(ValueError):
    """A segment was written by another version of the server."""


@dataclass(slots=True)
class Segment:
    """One file of the journal.

    Attributes:
        first: its first record.
        end: where the next record goes.
    """

    path: Path
    handle: int
    size: int
    first: int
    end: int = BLOCK

    def remove(self) -> None:
        """Close and delete it."""
        os.close(self.handle)
        self.path.unlink(missing_ok=True)


class SegmentFolder:
    """Where segments lie, and the spare one."""

    def __init__(self, folder: Path, boot: bytes, upkeep: Upkeep) -> None:
        self._folder = folder
        self._boot = boot
        self._upkeep = upkeep
        self._spare: Segment | None = None
        self._spare_due = False

    def names(self) -> list[tuple[int, Path]]:
        """Give every segment that is there, by its first record, in order."""
        paths = self._folder.glob("journal-*") if self._folder.exists() else ()
        found = []
        for path in paths:
            with suppress(ValueError):
                found.append((int(path.name.removeprefix("journal-"), 16), path))
        return sorted(found)

    def make(self, first: int, wanted: int | None = None, least: int = SMALLEST) -> Segment:
        """Make an empty segment for record `first`, smaller than wanted where room is scarce.

        Raises:
            OSError: there is no room, or the disk refuses.
        """
        size = max(SMALLEST, least, min(wanted or FIRST_SIZE, self._fair()))
        path = self._path(first)
        handle = _filled(path, size)
        try:
            os.pwrite(handle, HEAD.pack(MAGIC, first, self._boot), 0)
            os.fsync(handle)
            sync_directory(self._folder)
        except OSError:
            os.close(handle)
            path.unlink(missing_ok=True)
            raise
        return Segment(path, handle, size, first)

    def following(self, first: int, last: Segment, least: int) -> Segment:
        """Give an empty segment to follow the last one: the spare one, if there is one that does.

        Args:
            first: its first record.
            last: the segment before.
            least: bytes that it must have.
        """
        spare, self._spare = self._spare, None
        if spare is None or spare.size < least or not spare.path.exists():
            if spare is not None:
                self._upkeep(spare.remove)
            return self.make(first, min(2 * last.size, LARGEST), least=least)
        os.pwrite(spare.handle, HEAD.pack(MAGIC, first, self._boot), 0)
        path = self._path(first)
        spare.path.rename(path)
        sync_directory(self._folder)
        return Segment(path, spare.handle, spare.size, first)  # the head is synced with the record

    def prepare(self, last: Segment) -> None:
        """Have the segment that will follow this one made, unless it is there or being made."""
        if self._spare is None and not self._spare_due:
            self._spare_due = True
            self._upkeep(lambda: self._make_spare(last))

    def retire(self, segment: Segment) -> None:
        """Take back a segment whose records are no longer needed."""
        if self._spare is None and not self._spare_due and segment.size == LARGEST:
            spare = self._folder / SPARE
            segment.path.rename(spare)
            self._spare = Segment(spare, segment.handle, segment.size, 0)
        else:
            self._upkeep(segment.remove)

    def close(self) -> None:
        """Let go of the spare one."""
        if self._spare is not None:
            os.close(self._spare.handle)
            self._spare = None

    def remove(self) -> None:
        """Delete every segment; none is in use."""
        self.close()
        for _, path in self.names():
            path.unlink()
        (self._folder / SPARE).unlink(missing_ok=True)

    def _path(self, first: int) -> Path:
        return self._folder / f"journal-{first:016x}"

    def _make_spare(self, last: Segment) -> None:
        """Fill the next segment ahead of time, where there is room for one (in the upkeep)."""
        size = min(2 * last.size, LARGEST)
        try:
            if self._fair() >= size:
                path = self._folder / SPARE
                self._spare = Segment(path, _filled(path, size), size, 0)
        except OSError:  # when it is needed one will be made, smaller perhaps
            pass
        finally:
            self._spare_due = False

    def _fair(self) -> int:
        """How many bytes a segment may take of what is free on the disk."""
        disk = os.statvfs(self._folder)
        return disk.f_bavail * disk.f_frsize // SHARE_OF_FREE // BLOCK * BLOCK


def skip_head(path: Path, file: BinaryIO) -> bytes | None:
    """Read the first block of a segment; give the boot in which it was written.

    Returns:
        None: it is no segment.

    Raises:
        AnotherVersion: somebody must start the server that wrote it.
    """
    head = file.read(BLOCK)
    if len(head) < BLOCK:
        return None
    magic, _, its_boot = HEAD.unpack_from(head)
    if magic != MAGIC and magic.startswith(KIN):
        raise AnotherVersion(f"{path.name} is of another version")
    return bytes(its_boot) if magic == MAGIC else None


def _filled(path: Path, size: int) -> int:
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
