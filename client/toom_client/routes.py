"""Who gets which datagram: all transfers share one socket, and a header says whose it is.

Belongs here: the table, and so who is not heard at all (PROTOCOL 5.10). Does not: the socket
(datagrams), what a datagram says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toom_client.tickets import Address
from toom_protocol.transfer.packets import OVERHEAD, first_word, split_by_transfer

if TYPE_CHECKING:
    from toom_client.roster import Transfer


class Routes:
    """Finds a transfer by the first word of a header, which holds type and connection."""

    def __init__(self) -> None:
        self.strays = 0
        """Datagrams that belong to no transfer."""
        self.heard: dict[Transfer, None] = {}
        """Those that were given something, in order; whoever has looked after them empties it."""
        self._hearers: dict[int, Transfer] = {}

    def add(self, transfer: Transfer) -> bool:
        """Give a transfer what it hears; False where another has its number already."""
        words = [first_word(kind, transfer.connection) for kind in transfer.hears]
        if any(word in self._hearers for word in words):
            return False
        for word in words:
            self._hearers[word] = transfer
        return True

    def remove(self, transfer: Transfer) -> None:
        """Give it nothing more."""
        for kind in transfer.hears:
            del self._hearers[first_word(kind, transfer.connection)]

    def deliver(
        self,
        buffer: memoryview,
        size: int,
        segment: int,
        source: Address,
        *,
        now: float,
        marked: bool,
    ) -> None:
        """Give each transfer its own, from wherever it comes: the keys tell (PROTOCOL 5.12)."""
        for word, start, end in split_by_transfer(buffer, size, segment):
            transfer = self._hearers.get(word)
            if transfer is None or end - start < OVERHEAD:
                self.strays += 1
            else:
                self.heard[transfer] = None
                transfer.receive(buffer, start, end, segment, source, now=now, marked=marked)
