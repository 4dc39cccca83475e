"""A store on a disk that is full when a test says so."""

from collections.abc import Sequence

from toom_server.entries import Entry
from toom_server.file_store import FileStore
from toom_server.store import StoreError


class FullDisk(FileStore):
    """A store whose disk can be told to be full."""

    full = False

    def begin(self, entries: Sequence[Entry]) -> None:
        if self.full:
            raise StoreError("The server's disk refuses: No space left on device.")
        super().begin(entries)

    def publish(self, userlog: bytes) -> None:
        if self.full:
            raise StoreError("The server's disk refuses: No space left on device.")
        super().publish(userlog)
