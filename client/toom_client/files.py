"""The files at both ends of a transfer: one opened to be sent, one that is not finished yet.

Belongs here: every call to the file system that a transfer makes, and what its errors mean. Does
not: which chunk is written when (listening), wording for the terminal (transfers).
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from toom_protocol import filenames
from toom_protocol.transfer.reasons import Reason

HIDDEN: Final = ".toom"  # the folder for unfinished data, beside the received files; SPEC S12
UNFINISHED: Final = ".part"
KEPT: Final = 24 * 3600.0  # seconds that unfinished data may wait; SPEC S12
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


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

    def read(self, offset: int, size: int) -> bytes:
        """Read `size` bytes at `offset`.

        Raises:
            FileFault: CANNOT_READ; FILE_CHANGED where the file has become shorter.
        """
        try:
            content = os.pread(self.descriptor, size, offset)
        except OSError as error:
            raise FileFault(Reason.CANNOT_READ) from error
        if len(content) != size:
            raise FileFault(Reason.FILE_CHANGED)
        return content

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
    if stat.S_ISREG(status.st_mode):
        return OpenedFile(descriptor, filename, status.st_size, status.st_mtime_ns)
    os.close(descriptor)
    if stat.S_ISDIR(status.st_mode):
        return f"{shown} is a directory"
    return f"{shown} is not a regular file"


class IncomingFile:
    """A file on its way in: it lies in the hidden folder until `commit` puts it in its place.

    `prepare` and `commit` may wait for the disk and run in a worker; the rest is quick and belongs
    to one other thread. After `discard` nothing appears under the final name any more.
    """

    def __init__(self, directory: Path, filename: str, size: int) -> None:
        self.filename = filename
        self._directory = directory
        self._size = size
        self._descriptor = -1
        self._unfinished: Path | None = None
        self._discarded = False
        self._working = False  # a worker uses the descriptor: it closes it, nobody else
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Create the unfinished file and take the space it needs, before the first byte comes.

        Raises:
            FileFault: NAME_IS_DIRECTORY, NO_SPACE, CANNOT_WRITE, GIVEN_UP after `discard`.
        """
        with self._work():
            self._refuse_directory()
            path = hidden_folder(self._directory) / f"{secrets.token_hex(8)}{UNFINISHED}"
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            # 0666: what the umask leaves is right for the finished file; the folder is 0700.
            self._descriptor = os.open(path, flags, 0o666)
            self._unfinished = path
            if self._size:
                self._allocate()

    def write(self, parts: list[memoryview], offset: int) -> None:
        """Write consecutive pieces at `offset`.

        Raises:
            FileFault: NO_SPACE, CANNOT_WRITE.
        """
        wanted = sum(len(part) for part in parts)
        try:
            written = os.pwritev(self._descriptor, parts, offset)
        except OSError as error:
            raise FileFault(_reason(error)) from error
        if written != wanted:
            raise FileFault(Reason.NO_SPACE)

    def read(self, offset: int, size: int) -> bytes:
        """Read back what was written, to hash it.

        Raises:
            FileFault: CANNOT_READ.
        """
        try:
            return os.pread(self._descriptor, size, offset)
        except OSError as error:
            raise FileFault(Reason.CANNOT_READ) from error

    def commit(self) -> None:
        """Make the file durable and give it its name, atomically.

        Raises:
            FileFault: NAME_IS_DIRECTORY, NO_SPACE, CANNOT_WRITE, GIVEN_UP after `discard`.
        """
        with self._work():
            os.fsync(self._descriptor)
            if os.fstat(self._descriptor).st_size != self._size:  # somebody has cut it
                raise FileFault(Reason.CANNOT_WRITE)
            with self._lock:
                if self._discarded or self._unfinished is None:
                    raise FileFault(Reason.GIVEN_UP)
                self._refuse_directory()
                os.replace(self._unfinished, self._directory / self.filename)
                self._unfinished = None
            _sync_directory(self._directory)

    def discard(self) -> None:
        """Remove what is unfinished and close the file; safe at any stage, also after `commit`."""
        with self._lock:
            self._discarded = True
            if not self._working:
                self._clean_up()

    @contextmanager
    def _work(self) -> Iterator[None]:
        with self._lock:
            if self._discarded:
                raise FileFault(Reason.GIVEN_UP)
            self._working = True
        try:
            yield
        except OSError as error:
            raise FileFault(_reason(error)) from error
        finally:
            with self._lock:
                self._working = False
                if self._discarded:
                    self._clean_up()

    def _allocate(self) -> None:
        # Asked first: where the file system cannot allocate, the C library writes into every
        # block instead, and would fill the disk before it noticed.
        disk = os.fstatvfs(self._descriptor)
        if self._size > disk.f_bavail * disk.f_frsize:
            raise FileFault(Reason.NO_SPACE)
        os.posix_fallocate(self._descriptor, 0, self._size)

    def _clean_up(self) -> None:
        unfinished, self._unfinished = self._unfinished, None
        descriptor, self._descriptor = self._descriptor, -1
        if unfinished is not None:
            with suppress(OSError):
                unfinished.unlink()
        if descriptor >= 0:
            os.close(descriptor)

    def _refuse_directory(self) -> None:
        final = self._directory / self.filename
        if final.is_dir() and not final.is_symlink():
            raise FileFault(Reason.NAME_IS_DIRECTORY)


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
    limit = (time.time() if now is None else now) - KEPT
    with suppress(OSError):
        if folder.is_symlink():
            return
        for path in folder.glob(f"*{UNFINISHED}"):
            with suppress(OSError):
                if path.lstat().st_mtime < limit:
                    path.unlink()


def _reason(error: OSError) -> Reason:
    if error.errno in _FULL:
        return Reason.NO_SPACE
    return Reason.NAME_IS_DIRECTORY if error.errno == errno.EISDIR else Reason.CANNOT_WRITE


def _sync_directory(directory: Path) -> None:
    """Make a rename durable; where the file system cannot, the file is still in its place."""
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
