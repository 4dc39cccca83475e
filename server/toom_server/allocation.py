"""Room on the disk, taken before it is needed: what was promised always fits (PROTOCOL 6.2).

Belongs here: asking the kernel for blocks. Does not: what is written into them.
"""

import ctypes
import errno
import os
from typing import Final

UNIT: Final = 4096  # bytes; file systems give room in blocks of this size or smaller
MOST_AHEAD: Final = 1 << 20  # bytes that are taken ahead for one log at most
SHARE: Final = 8  # a log is given an eighth of its size ahead
KEEP_SIZE: Final = 1  # FALLOC_FL_KEEP_SIZE of fallocate(2): the file does not look longer
# Where a file system or kernel cannot take room ahead: writing may then fail later (log_file.py).
CANNOT: Final = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})

_libc = ctypes.CDLL(None, use_errno=True)
_fallocate = getattr(_libc, "fallocate64", None) or getattr(_libc, "fallocate", None)
if _fallocate is not None:
    _fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


def take_ahead(handle: int, size: int, length: int) -> int:
    """Take room for `length` more bytes after `size`, and some to spare where the disk has it.

    Returns:
        Up to which size the file may grow now without asking again.

    Raises:
        OSError: there is no room for these bytes.
    """
    end = -(-(size + length) // UNIT) * UNIT
    spare = min(MOST_AHEAD, size // SHARE // UNIT * UNIT)
    if spare:
        try:
            return _take(handle, size, end + spare)
        except OSError:  # what is needed may fit still
            pass
    return _take(handle, size, end)


def _take(handle: int, size: int, end: int) -> int:
    if _fallocate is None or _fallocate(handle, KEEP_SIZE, size, end - size) == 0:
        return end
    fault = ctypes.get_errno()
    if fault in CANNOT:
        return end
    raise OSError(fault, os.strerror(fault))


def fill(handle: int, size: int) -> None:
    """Write zeros over the whole of a new file: later writes change no metadata, and cannot fail
    for want of room.

    Raises:
        OSError: there is no room.
    """
    zeros = memoryview(bytes(min(size, MOST_AHEAD)))
    offset = 0
    while offset < size:
        offset += os.pwrite(handle, zeros[: size - offset], offset)
