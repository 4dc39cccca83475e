"""The files at both ends of a transfer: one opened to be sent, one that is not finished yet.

Belongs here: every call to the file system that a transfer makes, and what its errors mean. Does
not: which chunk is read when (outgoing), wording for the terminal (transfers).
"""

from __future__ import annotations

import errno
import os
import stat
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from toom_protocol import filenames
from toom_protocol.transfer.reasons import Reason

HIDDEN: Final = ".toom"  # the folder for unfinished data, beside the received files; SPEC S12
UNFINISHED: Final = ".part"
LEAVES: Final = ".leaves"  # what is known of it; PROTOCOL 5.7
KEPT: Final = 24 * 3600.0  # seconds that unfinished data may wait; SPEC S12


class FileFault(Exception):
    """A file cannot be read, written or put in its place; carries the reason the peer is told."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.name)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A regular file that is open for reading, as it was when it was opened."""

    descriptor: int
    filename: str
    size: int
    modified: int  # ns

    def read_into(self, buffer: memoryview, offset: int) -> None:
        """Fill a buffer with what stands at `offset`.

        Raises:
            FileFault: CANNOT_READ; FILE_CHANGED where the file has become shorter.
        """
        try:
            size = os.preadv(self.descriptor, [buffer], offset)
        except OSError as error:
            raise FileFault(Reason.CANNOT_READ) from error
        if size != len(buffer):
            raise FileFault(Reason.FILE_CHANGED)

    def check_unchanged(self) -> None:
        """Raises FileFault when the file was written to since it was opened."""
        status = os.fstat(self.descriptor)
        if (status.st_size, status.st_mtime_ns) != (self.size, self.modified):
            raise FileFault(Reason.FILE_CHANGED)

    def close(self) -> None:
        os.close(self.descriptor)


def open_for_sending(directory: Path, filename: str) -> OpenedFile | str:
    """Open a file of the working directory, or say in one line why it cannot be sent.

    Source: SPEC S12 ("no such file, a directory or anything else that is no regular file, an
    unreadable file … one clear line").
    """
    shown = filenames.shown(filename)
    fault = filenames.fault_in(filename)
    if fault is not None:
        return f"{shown} cannot be sent: {fault.value}"
    try:
        # O_NONBLOCK: opening a FIFO that nobody writes to would wait for ever.
        descriptor = os.open(directory / filename, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return f"{shown} does not exist"
    except OSError as error:
        return f"{shown} cannot be read: {os.strerror(error.errno or errno.EIO)}"
    status = os.fstat(descriptor)
    file = OpenedFile(descriptor, filename, status.st_size, status.st_mtime_ns)
    refusal = _refusal(file, status.st_mode)
    if refusal is None:
        return file
    file.close()
    return f"{shown} {refusal}"


def _refusal(file: OpenedFile, mode: int) -> str | None:
    """Why an open file cannot be sent; None when it can."""
    if stat.S_ISDIR(mode):
        return "is a directory"
    if not stat.S_ISREG(mode):
        return "is not a regular file"
    try:
        # What the kernel makes up as it is read, as in /proc, says that it is empty.
        made_up = file.size == 0 and os.pread(file.descriptor, 1, 0)
        return "is not a regular file: it has no size" if made_up else None
    except OSError as error:
        return f"cannot be read: {os.strerror(error.errno or errno.EIO)}"


def hidden_folder(directory: Path) -> Path:
    """The folder for unfinished data, made where it is missing.

    Raises:
        OSError: it cannot be made, or something else than a directory has its name.
    """
    folder = directory / HIDDEN
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    if not stat.S_ISDIR(folder.lstat().st_mode):  # a symbolic link could lead anywhere
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    return folder


def sweep(directory: Path, *, now: float | None = None) -> None:
    """Remove unfinished data older than a day, whoever left it (SPEC S12)."""
    folder = directory / HIDDEN
    with suppress(OSError):
        if folder.is_symlink():
            return
        for suffix in (UNFINISHED, LEAVES):
            for path in folder.glob(f"*{suffix}"):
                with suppress(OSError):
                    if is_too_old(path.lstat(), now=now):
                        path.unlink()


def is_too_old(status: os.stat_result, *, now: float | None = None) -> bool:
    """Whether unfinished data was last written to so long ago that it is to go."""
    return status.st_mtime < (time.time() if now is None else now) - KEPT
