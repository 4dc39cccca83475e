"""One server at a time in a directory: the lock in its hidden folder (PROTOCOL 6.3)."""

import errno
import fcntl
import os
from pathlib import Path

from toom_server.store import DirectoryInUse


class DirectoryLock:
    """A file that is locked while a server works."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)  # looked at with each batch
        self._handle = -1
        self._identity = (0, 0)  # device and inode

    def take(self) -> None:
        """Take it, in place of the one that was held.

        Raises:
            DirectoryInUse: another server has it.
        """
        lock = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            where = Path(self._path).parent.parent
            raise DirectoryInUse(errno.EBUSY, f"another server works in {where}") from None
        self.close()
        there = os.fstat(lock)
        self._handle, self._identity = lock, (there.st_dev, there.st_ino)

    @property
    def is_held(self) -> bool:
        """Whether the lock that we hold is the one that another server would try to take."""
        try:
            there = os.stat(self._path)  # three times quicker than a Path
        except OSError:
            return False
        return (there.st_dev, there.st_ino) == self._identity

    @property
    def is_anothers(self) -> bool:
        """Whether another server has put its own in the place of ours."""
        return not self.is_held and os.path.exists(self._path)

    def close(self) -> None:
        """Let the next server in."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
