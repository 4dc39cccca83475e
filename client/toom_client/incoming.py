"""A file on its way in: hidden until it is whole and verified (PROTOCOL 5.7).

Belongs here: every call to the file system that an audience makes, and what its errors mean. Does
not: which chunk is written when (block_store), what is known of an earlier try (resuming).
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from toom_client.files import LEAVES, UNFINISHED, FileFault, hidden_folder, is_too_old
from toom_client.resuming import Record
from toom_protocol.transfer.frames import LEAF_SIZE
from toom_protocol.transfer.packets import BATCH
from toom_protocol.transfer.reasons import Reason

BLOCK: Final = 512  # bytes in which stat(2) counts what a file takes of the disk
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class IncomingFile:
    """A file on its way in: it lies in the hidden folder until `commit` puts it in its place.

    `prepare` and `commit` may wait for the disk and run in a worker, `sync` in another one; the
    rest is quick and belongs to one other thread. After `discard` nothing appears under the final
    name any more.
    """

    def __init__(self, directory: Path, filename: str, size: int, chunk_size: int) -> None:
        self.filename = filename
        self.leaves = b""
        """Of the first blocks, which an earlier try has left; known after `prepare`."""
        self.unsynced = 0
        """Bytes written since the last `sync` was begun; who begins one sets it back."""
        self._directory = directory
        self._size = size
        self._chunk_size = chunk_size
        self._descriptor = -1
        self._unfinished: Path | None = None
        self._record: Record | None = None
        self._whole = 0  # bytes from the first one on that are here for sure
        self._keeps = False  # what is unfinished stays for another try, if it is of use
        self._lost: Reason | None = None  # why the disk has not taken all; it says so but once
        self._discarded = False
        self._working = False  # a worker uses the descriptor: it closes it, nobody else
        self._lock = threading.Lock()
        self._syncing = threading.Lock()  # held for long; taken before the other one

    def prepare(self) -> None:
        """Open the unfinished file and take the space it needs, before the first byte comes.

        Raises:
            FileFault: NAME_IS_DIRECTORY, NO_SPACE, CANNOT_WRITE, GIVEN_UP after `discard`.
        """
        with self._work():
            self._refuse_directory()
            self._open_unfinished(hidden_folder(self._directory))
            if is_too_old(os.fstat(self._descriptor)):
                os.ftruncate(self._descriptor, 0)
            if self._record is not None:
                self.leaves = self._record.load(self._descriptor)
                self._whole = self._bytes_of(len(self.leaves) // LEAF_SIZE)
            if not self.leaves:
                os.ftruncate(self._descriptor, 0)
            if self._size:
                self._allocate()

    def _open_unfinished(self, folder: Path) -> None:
        """Open what an earlier try has left of this file, unless another client goes on with it."""
        # 0666: what the umask leaves is right for the finished file; the folder is 0700.
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        stem = hashlib.blake2b(self.filename.encode(), digest_size=8).hexdigest()
        path = folder / f"{stem}{UNFINISHED}"
        self._descriptor = os.open(path, flags, 0o666)
        if _is_ours(self._descriptor, path):
            record = path.with_suffix(LEAVES)
            self._record = Record(record, self.filename, self._size, self._chunk_size)
        else:
            os.close(self._descriptor)
            path = folder / f"{secrets.token_hex(8)}{UNFINISHED}"
            self._descriptor = os.open(path, flags | os.O_EXCL, 0o666)
        self._unfinished = path

    def _bytes_of(self, blocks: int) -> int:
        return min(blocks * BATCH * self._chunk_size, self._size)

    def note(self, leaf: bytes) -> None:
        """The next block from the first one on is here: another try need not fetch it again."""
        self._whole = min(self._whole + BATCH * self._chunk_size, self._size)
        if self._record is not None:
            self._record.note(leaf)

    def begin_anew(self) -> None:
        """What an earlier try has left is of another file."""
        self.leaves, self._whole = b"", 0
        if self._record is not None:
            self._record.restart()

    def write(self, content: memoryview, offset: int) -> None:
        """Write at `offset`.

        Raises:
            FileFault: NO_SPACE, CANNOT_WRITE.
        """
        try:
            written = os.pwrite(self._descriptor, content, offset)
        except OSError as error:
            raise FileFault(_reason(error)) from error
        if written != len(content):
            raise FileFault(Reason.NO_SPACE)
        self.unsynced += written

    def read(self, offset: int, size: int) -> bytes:
        """Read back what was written, to hash it.

        Raises:
            FileFault: CANNOT_READ.
        """
        try:
            return os.pread(self._descriptor, size, offset)
        except OSError as error:
            raise FileFault(Reason.CANNOT_READ) from error

    def sync(self) -> None:
        """Have the disk take what is written so far, so that `commit` has little to wait for.

        Raises:
            FileFault: NO_SPACE, CANNOT_WRITE, and the file is lost; GIVEN_UP after `discard`.
        """
        with self._syncing:
            with self._lock:
                if self._discarded:
                    raise FileFault(Reason.GIVEN_UP)
                descriptor = os.dup(self._descriptor)  # `discard` need not wait for the disk
            try:
                os.fdatasync(descriptor)
            except OSError as error:
                self._lost = _reason(error)
                raise FileFault(self._lost) from error
            finally:
                os.close(descriptor)

    def commit(self) -> None:
        """Make the file durable and give it its name, atomically.

        Raises:
            FileFault: NAME_IS_DIRECTORY, NO_SPACE, CANNOT_WRITE, GIVEN_UP after `discard`.
        """
        with self._work(), self._syncing:
            if self._lost is not None:
                raise FileFault(self._lost)
            os.fsync(self._descriptor)
            if os.fstat(self._descriptor).st_size != self._size:  # somebody has cut it
                raise FileFault(Reason.CANNOT_WRITE)
            with self._lock:
                if self._discarded or self._unfinished is None:
                    raise FileFault(Reason.GIVEN_UP)
                self._refuse_directory()
                os.replace(self._unfinished, self._directory / self.filename)
                self._unfinished = None
                self._keeps = False
            _sync_directory(self._directory)

    def discard(self, *, keep: bool = False) -> None:
        """Remove what is unfinished and close the file; safe at any stage, also after `commit`.

        Args:
            keep: leave it for another try of the same file, where that would be of use.
        """
        with self._lock:
            self._discarded = True
            self._keeps = keep
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
        taken = os.fstat(self._descriptor).st_blocks * BLOCK  # by an earlier try
        if self._size > taken + disk.f_bavail * disk.f_frsize:
            raise FileFault(Reason.NO_SPACE)
        os.posix_fallocate(self._descriptor, 0, self._size)

    def _clean_up(self) -> None:
        unfinished, self._unfinished = self._unfinished, None
        descriptor, self._descriptor = self._descriptor, -1
        record, self._record = self._record, None
        # Asked now: a worker may have been looking still how much is of use.
        keeps = self._keeps and unfinished is not None and self._whole > 0 and record is not None
        keeps = keeps and self._lost is None
        with suppress(OSError):
            if record is not None:
                record.close() if keeps else record.remove()
        with suppress(OSError):
            if unfinished is not None and keeps:
                os.ftruncate(descriptor, self._whole)  # the rest of the room is given back
            elif unfinished is not None:
                unfinished.unlink()
        if descriptor >= 0:
            with suppress(OSError):  # a sync may have it open still: another try need not wait
                fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)

    def _refuse_directory(self) -> None:
        final = self._directory / self.filename
        if final.is_dir() and not final.is_symlink():
            raise FileFault(Reason.NAME_IS_DIRECTORY)


def _is_ours(descriptor: int, path: Path) -> bool:
    """Take hold of an unfinished file, unless another client has, or has finished it meanwhile."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        there, here = path.lstat(), os.fstat(descriptor)
    except (BlockingIOError, FileNotFoundError):
        return False
    return stat.S_ISREG(here.st_mode) and os.path.samestat(there, here)


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
