"""One message log on disk: appended, repaired, and read from a time on (SPEC S6, S9, S10, S13).

Keeps one (second, offset) pair for each distinct second, never the messages themselves.
"""

import os
from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from toom_protocol.errors import MalformedLine
from toom_protocol.lines import Post, parse_post
from toom_server.entries import LastPost

BLOCK: Final = 24 * 1024  # bytes read at a time; with a longest line it stays below a frame's field
LOG_MODE: Final = 0o644  # people read the logs


class LogFile:
    """A log of `number; timestamp; username; message` lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last = LastPost()
        self.size = 0  # bytes that are committed
        self._seconds: list[datetime] = []
        self._offsets: list[int] = []

    def load(self, acknowledged: int | None) -> list[str]:
        """Read the file, repair a half-written last line, and say what was odd.

        Args:
            acknowledged: the last number whose reply may have left the server; None: not known.
        Source: SPEC S13, PROTOCOL 6.3.
        """
        warnings: list[str] = []
        odd = 0
        offset = 0
        if self.path.exists():
            with self.path.open("r+b") as file:
                for raw in file:
                    post = _read(raw)
                    if not raw.endswith(b"\n"):
                        raw, warning = self._repair(file.fileno(), offset, raw, post, acknowledged)
                        warnings.append(warning)
                    if raw and post is None:
                        odd += 1
                    elif raw and post is not None:
                        self._index(post, offset)
                    offset += len(raw)
        self.size = offset
        if odd:
            warnings.append(f"{self.path.name}: {odd} lines are no messages and are left alone.")
        return warnings

    def append(self, posts: list[Post], lines: bytes) -> None:
        """Write lines at the end and wait until they are on the disk.

        Raises:
            OSError: nothing of it stays in the file, as far as the disk allows.
        """
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, LOG_MODE)
        try:
            try:
                _write_all(handle, lines)
                os.fdatasync(handle)
            except OSError:
                os.ftruncate(handle, self.size)
                raise
        finally:
            os.close(handle)
        offset = self.size
        for post, line in zip(posts, lines.splitlines(keepends=True), strict=False):
            self._index(post, offset)
            offset += len(line)
        self.size += len(lines)

    def forget_after(self, size: int, last: LastPost) -> None:
        """Cut the file back to an earlier end, when the rest of its batch failed."""
        os.truncate(self.path, size)
        self.size, self.last = size, last
        while self._offsets and self._offsets[-1] >= size:
            self._offsets.pop()
            self._seconds.pop()

    def later_than(self, since: datetime) -> Iterator[bytes]:
        """Yield blocks of whole lines that are strictly later, to the second (SPEC S10)."""
        position = bisect_right(self._seconds, since)
        if position == len(self._seconds):
            return
        offset, end = self._offsets[position], self.size
        with self.path.open("rb") as file:
            file.seek(offset)
            while offset < end:
                block = file.read(min(BLOCK, end - offset))
                if not block:
                    return  # somebody shortened the file under us
                if not block.endswith(b"\n"):
                    block += file.readline()
                offset += len(block)
                yield block

    def _index(self, post: Post, offset: int) -> None:
        at = max(self.last.at, post.at)
        if not self._seconds or at > self._seconds[-1]:
            self._seconds.append(at)
            self._offsets.append(offset)
        self.last = LastPost(post.number, at)

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


def _read(raw: bytes) -> Post | None:
    try:
        return parse_post(raw.decode(errors="replace").rstrip("\r\n"))
    except MalformedLine:
        return None


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
