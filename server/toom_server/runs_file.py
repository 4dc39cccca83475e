"""`.toom/runs`: what became of commands before the last checkpoint (PROTOCOL 3.6, 6.2).

Belongs here: when what it says is true, and the file itself. Does not: the table in it (runs.py).
"""

import os
from collections.abc import Sequence
from pathlib import Path

from toom_protocol.messages import Reply
from toom_server.boot import boot
from toom_server.checkpoint import sync_directory
from toom_server.records import Origin
from toom_server.recovery import Replay
from toom_server.runs import ANY_BOOT, Runs
from toom_server.store import Durability


class RunsFile:
    """Keeps the table in memory and on disk."""

    def __init__(self, folder: Path, durability: Durability) -> None:
        self._folder = folder
        self._path = folder / "runs"
        self._durability = durability
        self._runs = Runs()

    def load(self, replay: Replay, written: int) -> dict[bytes, Sequence[tuple[int, Reply]]]:
        """Give what became of commands (PROTOCOL 3.6), where all of it is known for sure.

        Args:
            written: the last record of the journal that must be there.
        """
        has_end = replay.sequence >= written
        is_whole = has_end and (replay.same_boot or self._durability is Durability.DISK)
        known = Runs() if is_whole else None
        if has_end and self._path.exists():
            known = Runs.decode(self._path.read_bytes(), boot())
        self._runs = known or Runs()
        if known is not None:
            self.note(replay.origins)
        return dict(self._runs.replies())

    def note(self, origins: Sequence[Origin]) -> None:
        """Note for whom something was done."""
        for origin in origins:
            self._runs.note(origin.run, origin.frame)

    def content(self) -> bytes:
        """Give what `write` is to put into the file."""
        return self._runs.encode(ANY_BOOT if self._durability is Durability.DISK else boot())

    def write(self, content: bytes) -> None:
        """Before the checkpoint, since the journal's records before it may go then."""
        if self._durability is Durability.NONE or not self._runs:  # without a journal: no promise
            self._path.unlink(missing_ok=True)
            return
        fresh = self._folder / "runs.new"
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fdatasync(file.fileno())
        fresh.replace(self._path)
        sync_directory(self._folder)  # a checkpoint must not be there before it
