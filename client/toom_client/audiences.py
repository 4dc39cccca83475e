"""The files on their way in: how many from whom, and what each may count on.

Belongs here: who is crowded out (PROTOCOL 3.4), shares of the socket's buffer. Does not: the
transfers themselves (listening).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from toom_client.berths import Berths

if TYPE_CHECKING:
    from toom_client.listening import Listening
    from toom_client.roster import Transfer

# Announced by one presenter and not begun: more than a server lets one user announce in the 30 s
# for which an announcement stands (PROTOCOL 2.5).
MAX_FROM_ONE: Final = 600


class Audiences:
    """Those transfers of one client in which it is the audience."""

    def __init__(self, buffer: int, berths: Berths) -> None:
        """Begin with none.

        Args:
            buffer: bytes that the socket holds of what has come.
            berths: that know which files come.
        """
        self._buffer = buffer
        self._berths = berths
        self._all: list[Listening] = []
        self._shared_at: int | None = None  # the changes of berths then; None: share anew

    def add(self, newest: Listening) -> Listening | None:
        """Take one more; of too many from one presenter give the oldest that never began."""
        self._all.append(newest)
        self._shared_at = None
        name = newest.presenter
        idle = [other for other in self._all if other.expecting and other.presenter == name]
        return idle[0] if len(idle) > MAX_FROM_ONE else None

    def remove(self, transfer: Transfer) -> None:
        """Let go of a transfer, if it is one of them."""
        self._all = [other for other in self._all if other is not transfer]
        self._shared_at = None

    def count_from(self, presenter: str) -> int:
        """How many are announced or under way; any thread may ask."""
        return sum(listening.presenter == presenter for listening in list(self._all))

    def share_buffer(self) -> None:
        """The socket's buffer is for all senders alike, however many files each of them sends."""
        if self._shared_at == self._berths.changes:
            return
        self._shared_at, files = self._berths.changes, self._berths.under_way
        for listening in self._all:
            share = self._buffer // max(len(files), 1)
            listening.share_buffer(share // max(files[listening.presenter], 1))
