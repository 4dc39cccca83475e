"""Whole lines of a log's file, from some place on: read in blocks, sought by number (SPEC S10).

Belongs here: where lines begin, and how many are read at a time. Does not: which of them are wanted
(log_file.py), what is in all of them (log_scan.py).
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from toom_server.log_scan import read_line
from toom_server.time_index import Indexed, TimeIndex, second_of

BLOCK: Final = 24 * 1024  # bytes told at a time; with a longest line it stays below a frame's field
LONGEST_LINE: Final = 16 * 1024  # bytes; a message of SPEC S5 and a name of PROTOCOL 7.2 fit
PLACES: Final = 32  # of an index that are compared with the log


def place_after(path: Path, number: int, size: int) -> int:
    """Give the offset behind the message of this number, by bisection of the file itself.

    Args:
        size: bytes of the log.

    Raises:
        OSError: the file cannot be read.
    """
    low, high = 0, size  # the line that is sought begins in between
    with path.open("rb") as file:
        while low < high:
            middle = (low + high) // 2
            start, found = _message_from(file, middle, high)
            if found is None or found > number:
                high = middle
            else:
                low = start + 1
        return _start_of_line(file, low, size)


def block_from(path: Path, offset: int, size: int) -> tuple[bytes, int]:
    """Give some whole lines from an offset on, and where the next ones begin.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(min(BLOCK + LONGEST_LINE, size - offset))
    if not data:  # somebody has cut it off
        return b"", size
    end = data.rfind(b"\n") + 1
    return data[:end], offset + (end or len(data))


def is_still_so(file: BinaryIO, times: TimeIndex, what: Indexed) -> bool:
    """Whether a log has what an index tells: the last message, and some of its places.

    Not each line is looked at, so a text that somebody has replaced by one of the same length is
    not noticed, and need not be: every line still begins where the index says.
    """
    file.seek(max(0, what.size - LONGEST_LINE))
    end = file.read(min(LONGEST_LINE, what.size))
    if not end.endswith(b"\n") or file.tell() != what.size:  # or it is shorter by now
        return False
    post = read_line(end[:-1].split(b"\n")[-1])
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
        post = read_line(file.readline(LONGEST_LINE))
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
        if (post := read_line(raw)) is not None:
            return start, post.number
        start += len(raw) or end
    return end, None


def blocks(path: Path, offset: int, end: int) -> Iterator[bytes]:
    """Yield blocks of whole lines; a line longer than any message is somebody else's, left out.

    The file is opened for each block: whoever reads slowly keeps no descriptor.
    """
    rest, is_foreign = b"", False
    while offset < end and (data := _part(path, offset, min(BLOCK, end - offset))):
        offset += len(data)
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


def _part(path: Path, offset: int, length: int) -> bytes:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(handle, length, offset)
    finally:
        os.close(handle)
