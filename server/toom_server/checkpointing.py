"""Checkpoints: everything on the disk but for what the journal has since (PROTOCOL 6.2).

Belongs here: what is synced and written for one, and when the next may begin. Does not: the file
itself (checkpoint.py), the journal.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from logging import ERROR
from pathlib import Path
from typing import Final

from toom_server import checkpoint
from toom_server.checkpoint import Checkpoint, sync_directory
from toom_server.events import tell
from toom_server.log_file import LogFile
from toom_server.log_shelf import LogShelf
from toom_server.rooms_file import RoomsFile
from toom_server.runs_file import RunsFile
from toom_server.segments import Upkeep

CHECKPOINT_AGAIN: Final = 5.0  # seconds after the disk has refused one


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """A moment between two batches, as a checkpoint will tell it."""

    checkpoint: Checkpoint
    dirty: Sequence[LogFile]
    indexes: Mapping[int, bytes]
    runs: bytes


class Checkpointing:
    """Writes one at a time, at once or beside the conference."""

    def __init__(
        self,
        directory: Path,
        hidden: Path,
        logs: LogShelf,
        rooms: RoomsFile,
        runs: RunsFile,
        upkeep: Upkeep,
    ) -> None:
        self._directory = directory
        self._hidden = hidden
        self._logs = logs
        self._rooms = rooms
        self._runs = runs
        self._upkeep = upkeep
        self._is_under_way = False
        self._again = 0.0  # when one may be tried after a failure; monotonic seconds
        self._covered: int | None = None

    def take_covered(self) -> int | None:
        """Give up to which record one that was begun has everything; None: nothing new is known."""
        covered, self._covered = self._covered, None
        return covered

    def write(self, sequence: int) -> None:
        """Write one here and now.

        Args:
            sequence: the journal's last record.

        Raises:
            OSError: the earlier one still counts.
        """
        snapshot = self._snapshot(sequence)
        try:
            self._write(snapshot)
        except OSError:  # it is tried again, and must sync these logs then
            self._logs.put_back_dirty(snapshot.dirty)
            raise

    def begin(self, sequence: int) -> None:
        """Write one beside the conference, unless one is being written."""
        if self._is_under_way or time.monotonic() < self._again:
            return
        self._is_under_way = True
        snapshot = self._snapshot(sequence)

        def work() -> None:
            try:
                self._write(snapshot)
                self._covered = snapshot.checkpoint.sequence
            except OSError as exc:  # the journal keeps everything until the next one
                self._logs.put_back_dirty(snapshot.dirty)
                self._again = time.monotonic() + CHECKPOINT_AGAIN
                tell(ERROR, "not-stored", file=".toom/checkpoint", why=exc.strerror)
            finally:
                self._is_under_way = False

        self._upkeep(work)

    def _snapshot(self, sequence: int) -> _Snapshot:
        logs = self._logs
        told = Checkpoint(sequence, logs.extents())
        return _Snapshot(told, logs.take_dirty(), logs.indexes(), self._runs.content())

    def _write(self, snapshot: _Snapshot) -> None:
        for log in snapshot.dirty:
            log.sync()
        self._rooms.sync()
        sync_directory(self._directory)
        self._runs.write(snapshot.runs)
        checkpoint.write(self._hidden, snapshot.checkpoint)
        for key, index in snapshot.indexes.items():  # only to be quick: it needs no sync
            fresh = self._hidden / "index.new"
            fresh.write_bytes(index)
            fresh.replace(self._hidden / f"index-{key}")
