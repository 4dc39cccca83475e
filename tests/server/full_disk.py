"""A store on a disk that is full when a test says so."""

from toom_server.file_store import FileStore
from toom_server.store import StoreError
from toom_server.tails import Additions


class FullDisk(FileStore):
    """A store whose disk can be told to be full."""

    full = False

    def begin(self, additions: Additions) -> None:
        if self.full:
            raise StoreError("The server's disk refuses: No space left on device.")
        super().begin(additions)

    def publish(self, userlog: bytes) -> None:
        if self.full:
            raise StoreError("The server's disk refuses: No space left on device.")
        super().publish(userlog)
