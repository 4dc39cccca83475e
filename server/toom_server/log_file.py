"""One message log on disk: appended, repaired, and read from a time on (SPEC S6, S9, S10, S13).

Keeps an index of times (time_index.py), never the messages themselves.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, Final

from toom_protocol.lines import Post
from toom_server.allocation import take_ahead
from toom_server.entries import LastPost
from toom_server.log_lines import block_from, blocks, is_still_so, place_after
from toom_server.log_scan import Scan, read_line, scan
from toom_server.tails import Tail
from toom_server.time_index import Indexed, TimeIndex, second_of

LOG_MODE: Final = 0o644  # people read the logs
INDEX_EVERY: Final = 1 << 20  # bytes of a log that are worth an index; less is read in no time
NOTHING: Final[Mapping[int, bytes]] = MappingProxyType({})


class LogFile:
    """A log of `number; timestamp; username; message` lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._name = str(path)  # for calls with each batch: a Path is converted each time
        self.last = LastPost()
        self.size = 0  # bytes that are committed
        self.edition = 0  # changes when somebody else has written to it: places are no longer so
        self._handle = -1  # for appending, while it is open
        self._identity = (0, 0)  # device and inode of what is open
        self._room = 0  # up to which size the disk has room for sure
        self._times = TimeIndex()
        self._noted: datetime | None = None  # the time that was noted last, in this very index
        self._indexed_to = 0  # up to which size an index has been written
        self._seen = Scan()  # by `look`, until it is mended

    def load(
        self,
        acknowledged: int | None,
        journal: Mapping[int, bytes] = NOTHING,
        index: Path | None = None,
    ) -> list[str]:
        """Read the file, repair a half-written last line, and say what was odd.

        Args: as of `look` and `torn_post`.
        """
        self.look(index)
        return self.mend(self.torn_post(acknowledged, journal))

    def look(self, index: Path | None = None, upto: int | None = None) -> None:
        """Read the file, and change nothing; `mend` must follow before anything is appended.

        Args:
            index: a file with what `indexed` gave once; it may be missing.
            upto: as if the log had so many bytes; all of them: None.
        """
        self._times, self._noted, self._room, self._indexed_to = TimeIndex(), None, 0, 0
        self._seen = Scan()
        with suppress(FileNotFoundError), self.path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size if upto is None else upto
            begin = self._restore(file, index, size)
            self._seen = scan(file, self._times, begin, size)
        self.last, self.size = self._seen.last, self._seen.size

    @property
    def is_torn(self) -> bool:
        """Whether `look` has seen a last line without newline."""
        return bool(self._seen.torn)

    @property
    def full_size(self) -> int:
        """The size when that line has its newline."""
        return self.size + len(self._seen.torn) + self.is_torn

    def torn_post(
        self, acknowledged: int | None, journal: Mapping[int, bytes] = NOTHING
    ) -> Post | None:
        """Give the message of the line without newline that `look` has seen; None: it is torn.

        Args:
            acknowledged: the last number whose reply may have left the server; None: not known.
            journal: lines by number that the journal has; a half of one is torn, whatever was
                acknowledged.
        Source: SPEC S13, PROTOCOL 6.3.
        """
        post = read_line(self._seen.torn)
        if post is None:
            return None
        whole = self._seen.torn + b"\n"
        if journal.get(post.number, whole) != whole:
            return None
        if acknowledged is None:  # a log alone: a whole line that follows the one before is kept
            return post if self.last.number in (0, post.number - 1) else None
        return post if post.number <= acknowledged else None

    def mend(self, torn_post: Post | None) -> list[str]:
        """Finish the last line, or cut it off, and say what `look` found odd.

        Raises:
            OSError: the file cannot be written.
        """
        warnings = []
        with suppress(FileNotFoundError), self.path.open("r+b") as file:
            if self.is_torn:
                if torn_post is None:
                    file.truncate(self.size)
                    what = "a half-written last line was cut off."
                else:
                    self.last = LastPost(torn_post.number, max(self.last.at, torn_post.at))
                    self._note(self.last.at, self.size)
                    self.size = self.full_size
                    file.seek(self.size - 1)
                    file.write(b"\n")
                    file.flush()
                    what = "the last line had no newline; it has one now."
                os.fsync(file.fileno())
                warnings.append(f"{self.path.name}: {what}")
        if odd := self._seen.odd:
            warnings.append(f"{self.path.name}: {odd} lines are no messages and are left alone.")
        self._seen = Scan()
        return warnings

    def indexed(self) -> bytes | None:
        """Give what a later `load` can begin from, when there is enough that is new in it."""
        if self.size < self._indexed_to + INDEX_EVERY:
            return None
        self._indexed_to = self.size
        return self._times.encode(Indexed(self.size, self.last.number, self.last.at))

    def _restore(self, file: BinaryIO, index: Path | None, size: int) -> Scan:
        """Give what an index tells of the log, if this is still the one that it tells about."""
        if index is None:
            return Scan()
        with suppress(OSError):
            what = self._times.decode(index.read_bytes())
            if what is not None and what.size <= size and is_still_so(file, self._times, what):
                self._indexed_to = what.size
                return Scan(what.size, LastPost(what.number, what.at))
        self._times = TimeIndex()
        return Scan()

    def prepare(self, length: int) -> bool:
        """See to it that so many bytes can be appended.

        Returns:
            Whether somebody else has written to the file.

        Raises:
            OSError: there is no room for them, or the file cannot be written.
        """
        was_edited = self._open() != self.size
        if was_edited:
            self._catch_up()
        if self.size + length > self._room:
            self._room = take_ahead(self._handle, self.size, length)
        return was_edited

    def append(self, tail: Tail, content: bytes) -> None:
        """Write what was prepared at the end; `sync` waits until it is on the disk.

        Args:
            content: of the tail, made once for the journal too.

        Raises:
            OSError: nothing of it stays in the file, as far as the disk allows.
        """
        try:
            _write_all(self._handle, content)
        except OSError:
            os.ftruncate(self._handle, self.size)
            raise
        latest = self.last.at
        for at, line in tail.marks:
            latest = max(latest, at)
            if latest != self._noted:
                self._note(latest, self.size + (tail.offset_of(line) if line else 0))
        self.last = LastPost(tail.last, latest)
        self.size += len(content)

    def sync(self) -> None:
        """Wait until the file is on the disk, where there still is one."""
        try:
            handle = os.open(self.path, os.O_WRONLY)
        except FileNotFoundError:
            return
        try:
            os.fdatasync(handle)
        finally:
            os.close(handle)

    def release(self) -> None:
        """Give room back that was taken ahead."""
        self.close()
        if self._room > self.size and self.path.exists():
            with suppress(OSError):
                if self.path.stat().st_size == self.size:
                    os.truncate(self.path, self.size)
        self._room = 0

    def close(self) -> None:
        """Let go of the descriptor; `prepare` takes one again."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _open(self) -> int:
        """See to it that what lies at the path is open; give its size."""
        try:
            there = os.stat(self._name)
        except FileNotFoundError:
            there = None
        if there is None or self._handle < 0 or (there.st_dev, there.st_ino) != self._identity:
            self.close()
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._handle = os.open(self.path, flags, LOG_MODE)
            there = os.fstat(self._handle)
            self._identity = (there.st_dev, there.st_ino)
        return there.st_size

    def forget_after(self, size: int, last: LastPost) -> None:
        """Cut the file back to an earlier end, when the rest of its batch failed."""
        os.truncate(self.path, size)
        self.size, self.last, self._room = size, last, 0
        self._times.cut(size)
        self._noted = None

    def later_than(self, since: datetime) -> Iterator[bytes]:
        """Yield blocks of whole lines that are strictly later, to the second (SPEC S10)."""
        start, end = self._times.after(second_of(since)), self.size
        if start is None:
            return
        with suppress(FileNotFoundError):  # somebody has deleted it: there is nothing to read
            yield from blocks(self.path, start, end)

    def place_after(self, number: int) -> int:
        """Give the offset behind the message of this number, by bisection of the file itself.

        In a log in which somebody has put numbers out of order it may be another place.

        Raises:
            OSError: the file cannot be read.
        """
        if number >= self.last.number or not self.path.exists():
            return self.size
        return place_after(self.path, number, self.size)

    def block_from(self, offset: int) -> tuple[bytes, int]:
        """Give some whole lines from an offset on, and where the next ones begin.

        Raises:
            OSError: the file cannot be read.
        """
        if offset >= self.size or not self.path.exists():
            return b"", self.size
        return block_from(self.path, offset, self.size)

    def _catch_up(self) -> None:
        """Look through the file again: somebody else has written to it under us."""
        there = LogFile(self.path)
        there.load(self.last.number)
        self.edition += 1
        self._times, self._noted, self.size = there._times, None, there.size
        self._room = self._indexed_to = 0

    def _note(self, at: datetime, offset: int) -> None:
        """From this place on it is this time."""
        self._times.note(second_of(at), offset)
        self._noted = at


def _write_all(handle: int, data: bytes) -> None:
    written = os.write(handle, data)
    while written < len(data):
        written += os.write(handle, memoryview(data)[written:])
