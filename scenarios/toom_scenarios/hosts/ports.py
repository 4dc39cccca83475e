"""Ports of 127.0.0.1, for hosts that have no address of their own.

Belongs here: a pool shared by every runner of this machine. A port is a locked file; the lock dies
with the runner.
"""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from contextlib import closing
from pathlib import Path
from typing import IO, Final

from ..errors import Broken

FIRST: Final = 21000  # below the ports that Linux gives out by itself (32768 and up)
COUNT: Final = 4000


class PortPool:
    """Ports taken by one stage."""

    def __init__(self) -> None:
        self._locks: list[IO[str]] = []
        self._folder = Path(tempfile.gettempdir()) / f"toom-ports-{os.getuid()}"

    def take(self) -> int:
        """A port that is free for TCP and for UDP and that no other stage has."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        start = os.getpid() * 37 % COUNT  # so that runners seldom try the same one first
        for step in range(COUNT):
            port = FIRST + (start + step) % COUNT
            lock = open(self._folder / str(port), "w")  # noqa: SIM115 - held until close()
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
                continue
            if _is_free(port):
                self._locks.append(lock)
                return port
            lock.close()
        raise Broken(f"no free port from {FIRST} to {FIRST + COUNT - 1}")

    def close(self) -> None:
        """Give them all back."""
        while self._locks:
            self._locks.pop().close()


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with closing(socket.socket(socket.AF_INET, kind)) as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
