"""The one door to all that must last (PROTOCOL 6): `load` once, then batch by batch.

Belongs here: what is promised to whoever hands something over. Does not: how it is kept
(file_store.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from toom_server.entries import History
from toom_server.tails import Additions


class Durability(StrEnum):
    """What a reply promises."""

    DISK = "disk"  # it outlasts a loss of power
    SYSTEM = "system"  # it outlasts the server's death, and not the system's
    NONE = "none"  # as `system`, but a batch may be there in part; there is no journal


class StoreError(Exception):
    """The batch could not be kept and nothing of it was; the text is for the user."""


class DirectoryInUse(OSError):
    """Another server works in this directory."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a log, as long as nobody else writes to it."""

    edition: int
    offset: int


class Store(Protocol):
    """Keeps what must last."""

    def load(self) -> History:
        """Give what was kept, and open for commits."""

    def begin(self, additions: Additions) -> None:
        """Take a batch, which is kept whole or not at all; `finish` or `abandon` follows.

        Raises:
            StoreError: nothing of the batch is kept; neither follows.
        """

    @property
    def unsynced(self) -> int | None:
        """The descriptor that must be synced between `begin` and `finish`; None: none need be."""

    def finish(self) -> None:
        """Write the text logs; when this returns, the replies of the batch may leave.

        Raises:
            StoreError: nothing of the batch is kept.
        """

    def abandon(self) -> None:
        """Take the batch back."""

    def publish(self, userlog: bytes) -> None:
        """Show who is logged in; may be called in a thread.

        This need not last, since nobody is logged in after a restart.

        Raises:
            StoreError: the earlier list is still shown.
        """

    def keep_hold(self) -> None:
        """See to it that no other server can work here; called now and then."""

    def read(self, log: int, since: datetime) -> Iterator[bytes]:
        """Yield blocks of whole lines of a log that are later than a time."""

    def last_number(self, log: int) -> int | None:
        """Give the number of the last message that stands in a log; None: there is no such log."""

    def read_after(self, log: int, number: int, place: Place | None) -> tuple[bytes, Place]:
        """Give some whole lines of a log, and where the next ones begin.

        Args:
            number: the last message that is known; where it ends is looked up without a place.
            place: where the last call has ended.

        Returns:
            No lines, when there are none; some may be no messages, or known ones.

        Raises:
            OSError: the log cannot be read.
        """
