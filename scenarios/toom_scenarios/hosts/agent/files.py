"""Files in a host's working directory, to and from the runner.

Belongs here: generators of answers, each asked for the next when there is room on the way. Does
not: sending them (loop.py).
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from .wire import CHUNK, DATA, END, FILE, WINDOW, pack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    Answers = Iterator[tuple[int, bytes]]  # kind and content of each message

UNSIZED: Final = 1 << 20  # bytes taken of a file whose size the kernel gives as 0


def opened(name: bytes, *, insist: bool = False) -> tuple[int, int]:
    """A file to read, and its size; what is no regular file is not there.

    Args:
        insist: take back the right to read, where it was given up.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK  # no waiting for the other end of a FIFO
    try:
        file = os.open(name, flags)
    except PermissionError:
        if not insist:
            raise
        os.chmod(name, stat.S_IRUSR | stat.S_IWUSR)
        file = os.open(name, flags)
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode):
        os.close(file)
        raise FileNotFoundError(2, "no regular file")
    return file, found.st_size


def content_of(file: int, size: int) -> Iterator[bytes]:
    """A file as long as it is now: it may grow without end while it is read."""
    try:
        left = size or UNSIZED
        while left > 0 and (data := os.read(file, min(CHUNK, left))):
            left -= len(data)
            yield data
    finally:
        os.close(file)


def all_files() -> Iterator[tuple[bytes, os.stat_result]]:
    """Whatever is no folder under the working directory."""
    for folder, _, names in os.walk(b"."):
        for name in names:
            place = os.path.join(folder, name)[2:]
            with suppress(OSError):  # a program may rename or remove while we look
                yield place, os.lstat(place)


def reading(name: bytes) -> Answers:
    """READ: DATA."""
    for data in content_of(*opened(name)):
        yield DATA, data


def listing() -> Answers:
    """LIST: a FILE for each."""
    for name, found in all_files():
        yield FILE, pack(name, found.st_size, b"", b"")


def collecting(largest: bytes) -> Answers:
    """COLLECT: for each regular file FILE, and unless that tells all, DATA and END."""
    for name, found in list(all_files()):
        if not stat.S_ISREG(found.st_mode):
            continue
        try:
            file, size = opened(name, insist=True)
        except OSError as error:
            yield FILE, pack(name, found.st_size, b"", str(error.strerror).encode())
            continue
        if largest and size > int(largest):
            yield FILE, pack(name, size, digest(content_of(file, size)), b"")
        else:
            yield FILE, pack(name, size, b"", b"")
            for data in content_of(file, size):
                yield DATA, data
            yield END, b""


def digest(chunks: Iterator[bytes]) -> bytes:
    """SHA-256, in hexadecimal."""
    import hashlib  # only where it is needed: it takes longer to load than all the rest

    found = hashlib.sha256()
    for chunk in chunks:
        found.update(chunk)
    return found.hexdigest().encode()


class Job:
    """Answers that are sent bit by bit."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.credit = WINDOW


class Writing:
    """A file that the runner is sending. The first trouble is kept until its end."""

    def __init__(self, name: bytes) -> None:
        self.trouble: OSError | None = None
        self.file = -1
        try:
            if folder := os.path.dirname(name):
                os.makedirs(folder, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK
            self.file = os.open(name, flags, 0o644)
        except OSError as error:
            self.trouble = error

    def take(self, data: bytes) -> None:
        try:
            while data and self.trouble is None:
                data = data[os.write(self.file, data) :]
        except OSError as error:
            self.trouble = error

    def end(self) -> None:
        """Raises OSError: something went wrong on the way."""
        if self.file >= 0:
            os.close(self.file)
        if self.trouble is not None:
            raise self.trouble
