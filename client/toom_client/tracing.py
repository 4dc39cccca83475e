"""The files in which `--trace` keeps what transfers do (PROTOCOL 5.11).

Belongs here: names, modes, buffers, full disks. Does not: what a record says (trace).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from toom_client.progress import Progress
from toom_protocol.transfer.trace import Role, Trace

FLUSHED_EVERY: Final = 1.0  # seconds
BUFFER: Final = 1 << 16  # characters that are written at once, however soon they come


class Traces:
    """Opens a file for each transfer in one directory."""

    def __init__(self, directory: Path) -> None:
        """Make the directory if it is missing, and see whether files can be made in it.

        Raises:
            OSError: they cannot.
        """
        directory.mkdir(mode=0o700, exist_ok=True)
        self._directory = directory
        attempt = directory / f".{secrets.token_hex(8)}"
        os.close(_create(attempt))
        attempt.unlink()

    def begin(
        self, connection: int, role: Role, peer: str, *, now: float, log: Callable[[str], None]
    ) -> TraceFile:
        """Begin the trace of one transfer.

        Args:
            now: seconds, the clock of all that the trace is told.
            log: told in one line when the disk refuses; the transfer goes on without a trace.

        Raises:
            OSError: the file cannot be made.
        """
        began = datetime.now(UTC)
        name = f"{began:%Y%m%dT%H%M%S.%fZ}-{connection:07x}-{role}.sqlog"
        trace = TraceFile(_create(self._directory / name), now=now, log=log)
        trace.header(connection, role, peer, began=began.isoformat(timespec="milliseconds"))
        return trace


class TraceFile(Trace):
    """A trace that is written to a file; what the disk refuses ends it, and nothing else."""

    def __init__(self, descriptor: int, *, now: float, log: Callable[[str], None]) -> None:
        super().__init__(self._append, now=now)
        self._descriptor = descriptor
        self._log = log
        self._records: list[str] = []
        self._length = 0  # characters in them
        self._flushed = now

    def tick(self, progress: Progress | None, *, now: float) -> None:
        """Once a second say how far the file has come, and write what has waited."""
        if now < self._flushed + FLUSHED_EVERY:
            return
        self._flushed = now
        if progress is not None:
            data = {
                "bytes": progress.done,
                "size": progress.size,
                "rate": round(progress.rate),
                "retransmitted": progress.retransmitted,
            }
            self.event("toom:progress", data, now=now)
        self._flush()

    def close(self) -> None:
        """Write the rest; what comes later is dropped."""
        self._flush()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _append(self, records: str) -> None:
        self._records.append(records)
        self._length += len(records)
        if self._length >= BUFFER:
            self._flush()

    def _flush(self) -> None:
        content = "".join(self._records).encode("ascii")
        self._records.clear()
        self._length = 0
        if self._descriptor < 0:
            return
        written = 0
        try:
            while written < len(content):
                written += os.write(self._descriptor, content[written:])
        except OSError as error:
            self._stop(error, written)

    def _stop(self, error: OSError, written: int) -> None:
        """Leave whole records: what was written of the last piece may end anywhere."""
        descriptor, self._descriptor = self._descriptor, -1
        with suppress(OSError):
            end = os.lseek(descriptor, 0, os.SEEK_END)
            os.ftruncate(descriptor, end - written)
        os.close(descriptor)
        self._log(f"event=trace-stopped reason={os.strerror(error.errno or 0)!r}")


def _create(path: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(path, flags, 0o600)
