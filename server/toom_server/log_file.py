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

from toom_protocol.errors import MalformedLine
from toom_protocol.lines import Post, parse_post
from toom_server.allocation import take_ahead
from toom_server.entries import LastPost
from toom_server.tails import Tail
from toom_server.time_index import Indexed, TimeIndex, second_of

BLOCK: Final = 24 * 1024  # bytes told at a time; with a longest line it stays below a frame's field
LONGEST_LINE: Final = 16 * 1024  # bytes; a message of SPEC S5 and a name of PROTOCOL 7.2 fit
LOG_MODE: Final = 0o644  # people read the logs
NEWLINE: Final = ord("\n")
INDEX_EVERY: Final = 1 << 20  # bytes of a log that are worth an index; less is read in no time
PLACES: Final = 32  # of an index that are compared with the log
NOTHING: Final[Mapping[int, bytes]] = MappingProxyType({})


class LogFile:
    """A log of `number; timestamp; username; message` lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last = LastPost()
        self.size = 0  # bytes that are committed
        self.edition = 0  # changes when somebody else has written to it: places are no longer so
        self._handle = -1  # for appending, while it is open
        self._identity = (0, 0)  # device and inode of what is open
        self._room = 0  # up to which size the disk has room for sure
        self._times = TimeIndex()
        self._indexed_to = 0  # up to which size an index has been written

    def load(
        self,
        acknowledged: int | None,
        journal: Mapping[int, bytes] = NOTHING,
        index: Path | None = None,
    ) -> list[str]:
        """Read the file, repair a half-written last line, and say what was odd.

        Args:
            acknowledged: the last number whose reply may have left the server; None: not known.
            journal: lines by number that the journal has; a half of one is cut off, whatever was
                acknowledged.
            index: a file with what `indexed` gave once; it may be missing.
        Source: SPEC S13, PROTOCOL 6.3.
        """
        warnings: list[str] = []
        odd = 0
        is_repaired = False
        offset = self._restore(index)
        number, stamp = self.last.number, b""
        if self.path.exists():
            with self.path.open("r+b") as file:
                file.seek(offset)
                for raw in file:
                    if stamp and _continues(raw, number + 1, stamp):  # most lines: quick
                        number += 1
                        offset += len(raw)
                        continue
                    self.last = LastPost(number, self.last.at)
                    post = _read(raw)
                    if not raw.endswith(b"\n"):
                        whole = raw + b"\n"
                        if post is not None and journal.get(post.number, whole) != whole:
                            acknowledged = 0
                        raw, warning = self._repair(file.fileno(), offset, raw, post, acknowledged)
                        warnings.append(warning)
                        is_repaired = True
                    if raw and post is None:
                        odd += 1
                    elif raw and post is not None:
                        self._index(post, offset)
                        number, stamp = post.number, raw.split(b"; ", 2)[1]
                    offset += len(raw)
                    if is_repaired:
                        break  # the newline just written is no line of its own
        self.last = LastPost(number, self.last.at)
        self.size = offset
        if odd:
            warnings.append(f"{self.path.name}: {odd} lines are no messages and are left alone.")
        return warnings

    def indexed(self) -> bytes | None:
        """Give what a later `load` can begin from, when there is enough that is new in it."""
        if self.size < self._indexed_to + INDEX_EVERY:
            return None
        self._indexed_to = self.size
        return self._times.encode(Indexed(self.size, self.last.number, self.last.at))

    def _restore(self, index: Path | None) -> int:
        """Begin from an index, if the log is still the one that it tells about.

        Returns:
            The offset from which the log must be read; 0 when there is no such index.
        """
        self._times, self._room, self._indexed_to = TimeIndex(), 0, 0
        self.last = LastPost()
        if index is None:
            return 0
        with suppress(OSError), self.path.open("rb") as file:
            what = self._times.decode(index.read_bytes())
            if what is not None and _is_still_so(file, self._times, what):
                self.last = LastPost(what.number, what.at)
                self._indexed_to = what.size
                return what.size
        self._times = TimeIndex()
        return 0

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
        for at, line in tail.marks:
            self._note(at, self.size + (tail.offset_of(line) if line else 0))
        self.last = LastPost(tail.last, self.last.at)
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
            there = os.stat(self.path)
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

    def later_than(self, since: datetime) -> Iterator[bytes]:
        """Yield blocks of whole lines that are strictly later, to the second (SPEC S10)."""
        start, end = self._times.after(second_of(since)), self.size
        if start is None:
            return
        try:
            with self.path.open("rb") as file:
                file.seek(start)
                yield from _blocks(file, end - start)
        except FileNotFoundError:  # somebody has deleted it: there is nothing to read
            return

    def place_after(self, number: int) -> int:
        """Give the offset behind the message of this number, by bisection of the file itself.

        In a log in which somebody has put numbers out of order it may be another place.

        Raises:
            OSError: the file cannot be read.
        """
        if number >= self.last.number or not self.path.exists():
            return self.size
        low, high = 0, self.size  # the line that is sought begins in between
        with self.path.open("rb") as file:
            while low < high:
                middle = (low + high) // 2
                start, found = _message_from(file, middle, high)
                if found is None or found > number:
                    high = middle
                else:
                    low = start + 1
            return _start_of_line(file, low, self.size)

    def block_from(self, offset: int) -> tuple[bytes, int]:
        """Give some whole lines from an offset on, and where the next ones begin.

        Raises:
            OSError: the file cannot be read.
        """
        length = min(BLOCK + LONGEST_LINE, self.size - offset)
        if length <= 0 or not self.path.exists():
            return b"", self.size
        with self.path.open("rb") as file:
            file.seek(offset)
            data = file.read(length)
        end = data.rfind(b"\n") + 1
        return data[:end], offset + (end or max(len(data), 1))

    def _catch_up(self) -> None:
        """Look through the file again: somebody else has written to it under us."""
        there = LogFile(self.path)
        there.load(self.last.number)
        self.edition += 1
        self._times, self.size = there._times, there.size
        self._room = self._indexed_to = 0

    def _index(self, post: Post, offset: int) -> None:
        self._note(post.at, offset)
        self.last = LastPost(post.number, self.last.at)

    def _note(self, at: datetime, offset: int) -> None:
        """From this place on it is this time, or the latest one if that is later."""
        latest = max(self.last.at, at)
        self._times.note(second_of(latest), offset)
        self.last = LastPost(self.last.number, latest)

    def _repair(
        self, handle: int, offset: int, raw: bytes, post: Post | None, acknowledged: int | None
    ) -> tuple[bytes, str]:
        """Finish a last line that is whole but for its newline; cut off one that is torn."""
        if acknowledged is None:  # a log alone: a whole line that follows the one before is kept
            is_kept = post is not None and self.last.number in (0, post.number - 1)
        else:
            is_kept = post is not None and post.number <= acknowledged
        if is_kept:
            os.pwrite(handle, b"\n", offset + len(raw))
            os.fsync(handle)
            return raw + b"\n", f"{self.path.name}: the last line had no newline; it has one now."
        os.ftruncate(handle, offset)
        os.fsync(handle)
        return b"", f"{self.path.name}: a half-written last line was cut off."


def _continues(raw: bytes, number: int, stamp: bytes) -> bool:
    """Whether a line is the message of this number and timestamp, in its usual form."""
    head = b"%d; %b; " % (number, stamp)
    if not raw.startswith(head) or raw[-1] != NEWLINE:
        return False
    end_of_name = raw.find(b";", len(head))
    return end_of_name > len(head) and raw[end_of_name + 1 : end_of_name + 2] == b" "


def _is_still_so(file: BinaryIO, times: TimeIndex, what: Indexed) -> bool:
    """Whether a log has what an index tells: the last message, and some of its places.

    Not each line is looked at, so a text that somebody has replaced by one of the same length is
    not noticed, and need not be: every line still begins where the index says.
    """
    file.seek(max(0, what.size - LONGEST_LINE))
    end = file.read(min(LONGEST_LINE, what.size))
    if not end.endswith(b"\n") or file.tell() != what.size:  # or it is shorter by now
        return False
    post = _read(end[:-1].split(b"\n")[-1])
    if post is None or post.number != what.number:
        return False
    if not times.offsets:
        return False
    step = max(1, len(times.offsets) // PLACES)
    for position in (*range(0, len(times.offsets), step), -1):
        offset = times.offsets[position]
        file.seek(max(0, offset - 1))
        if offset and file.read(1) != b"\n":
            return False
        post = _read(file.readline(LONGEST_LINE))
        if post is None or second_of(post.at) != times.seconds[position]:
            return False
    return True


def _start_of_line(file: BinaryIO, offset: int, end: int) -> int:
    """Give where the first line begins at an offset or later."""
    if offset == 0:
        return 0
    file.seek(offset - 1)
    while (rest := file.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
        pass
    return min(file.tell(), end)


def _message_from(file: BinaryIO, offset: int, end: int) -> tuple[int, int | None]:
    """Give offset and number of the first message that begins at an offset or later."""
    start = _start_of_line(file, offset, end)
    while start < end:
        file.seek(start)
        raw = file.readline(LONGEST_LINE)
        if (post := _read(raw)) is not None:
            return start, post.number
        start += len(raw) or end
    return end, None


def _read(raw: bytes) -> Post | None:
    try:
        return parse_post(raw.decode(errors="replace").rstrip("\r\n"))
    except MalformedLine:
        return None


def _blocks(file: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield blocks of whole lines; a line longer than any message is somebody else's, left out."""
    rest, left, is_foreign = b"", size, False
    while left > 0 and (data := file.read(min(BLOCK, left))):
        left -= len(data)
        if is_foreign:  # the rest of a line that is left out
            _, newline, data = data.partition(b"\n")
            is_foreign = not newline
        lines, newline, rest = (rest + data).rpartition(b"\n")
        block = lines + newline
        if len(block) > LONGEST_LINE and max(map(len, block.split(b"\n"))) >= LONGEST_LINE:
            block = b"\n".join(line for line in block.split(b"\n") if len(line) < LONGEST_LINE)
        if len(rest) > LONGEST_LINE:
            rest, is_foreign = b"", True
        if block:
            yield block


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
