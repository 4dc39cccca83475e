"""`userlog.txt`, replaced at once so that nobody sees a half of it (SPEC S3)."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from toom_server.log_file import LOG_MODE

RESERVE: Final = 4096  # bytes kept free for a longer list; about 60 more users


class UserLogFile:
    """Shows who is logged in."""

    def __init__(self, path: Path, fresh: Path) -> None:
        """Show it at a path; `fresh`, on the same disk, becomes it each time."""
        self._path = path
        self._fresh = fresh

    def replace(self, content: bytes) -> None:
        """Show this from now on.

        Raises:
            OSError: the earlier list is still shown.
        """
        fresh = self._fresh
        with fresh.open("r+b" if fresh.exists() else "wb") as file:
            file.write(content)
            file.truncate()
        fresh.chmod(LOG_MODE)
        fresh.replace(self._path)
        self._take_room(len(content))

    def _take_room(self, size: int) -> None:
        """Take room for the next list now: whoever leaves while the disk is full must go from it.

        Never more than asked for is written into it, so it is only ever cut.
        """
        with suppress(OSError), self._fresh.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size + RESERVE)
