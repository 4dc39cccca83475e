"""The place of one file that comes: its name, and what lies there unfinished (PROTOCOL 5.7).

Belongs here: whether an offered file is taken, who else has its name, jobs for the worker. Does
not: calls to the file system (incoming), what has come of it (block_store).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from toom_client.berths import Berths
from toom_client.files import FileFault
from toom_client.incoming import IncomingFile
from toom_client.rules import Rules
from toom_protocol import filenames
from toom_protocol.transfer.frames import Offer
from toom_protocol.transfer.reasons import Reason

# Bytes of a file that wait for the disk before it is told to take them: the disk works while more
# comes, instead of when all has come; a disk of 100 MB/s takes so much in 80 ms.
SYNC_EVERY: Final = 8 << 20

Then = Callable[[FileFault | None], None]
Work = Callable[[Callable[[], None], Then], None]
"""Runs the first in a worker, then the second in the transfers' thread with what it raised."""


class Place:
    """Taken with `take`, then the file is put there with `commit`; `leave` ends it at any stage."""

    def __init__(
        self,
        presenter: str,
        directory: Path,
        *,
        berths: Berths,
        work: Work,
        sync: Work,
        rules: Rules,
    ) -> None:
        """Take nothing yet.

        Args:
            berths: for all files on their way in; shared by all of one client.
            sync: as `work`, for what may take long and nobody waits for.
        """
        self.file: IncomingFile | None = None
        """What lies here; None before it is taken and after it is left."""
        self.has_begun = False
        """Whether it comes; else it waits for its turn, if there is one."""
        self._syncs = False  # the worker is at it
        self._presenter = presenter
        self._directory = directory
        self._berths = berths
        self._work = work
        self._sync = sync
        self._rules = rules

    def take(self, offer: Offer, chunk_size: int, then: Then) -> Reason | None:
        """Begin to make room for an offered file.

        Args:
            then: told when it is the file's turn and there is room, or why there is none.

        Returns:
            Why the file is not taken at all; None where it is.
        """
        name = filenames.presenter_filename(self._presenter, offer.filename)
        fault = self._rules.fault_in(self._presenter, offer.size, len(self._berths))
        if name is None:
            return Reason.BAD_NAME
        if fault is not None:
            return fault
        file = IncomingFile(self._directory, name, offer.size, chunk_size)

        def begin() -> None:
            self.has_begun = True
            self._work(file.prepare, then)

        fault = self._berths.take(self._presenter, name, begin)
        if fault is None:
            self.file = file
        return fault

    def keep_up(self, then: Then) -> None:
        """Have the disk take what has come, where that is much and it is not at it already.

        Args:
            then: told how it went, if anything was done.
        """
        file = self.file
        if file is None or file.unsynced < SYNC_EVERY or self._syncs:
            return
        file.unsynced, self._syncs = 0, True

        def synced(fault: FileFault | None) -> None:
            self._syncs = False
            then(fault)

        self._sync(file.sync, synced)

    def commit(self, then: Then) -> None:
        """Begin to put the file, which is whole and verified, under its final name."""
        if self.file is not None:
            self._work(self.file.commit, then)

    def leave(self, *, keep: bool) -> None:
        """Let go: nothing of the file stays but what stands under its final name.

        Args:
            keep: what has come stays hidden, for another try of the same file.
        """
        file, self.file = self.file, None
        if file is not None:
            file.discard(keep=keep)
            self._berths.leave(self._presenter, file.filename)
