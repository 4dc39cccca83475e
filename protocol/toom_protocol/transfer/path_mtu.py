"""Whether the path has begun to lose whatever is long (PROTOCOL 5.13).

Belongs here: noticing it. Does not: what is done then (sending), how long datagrams are at the
beginning (hello).

Source: RFC 8899 4.3 (black hole detection), 5.2 (states).
"""

from __future__ import annotations

from typing import Final

from toom_protocol.transfer.frames import Range

SIGNS: Final = 3  # probe timeouts in a row; RFC 8899 5.1.2 MAX_PROBES


class BlackHole:
    """Compares what became of long and of short datagrams that were sent side by side.

    At each probe timeout a ping goes with the probes. When the ping is acknowledged and they are
    not, three times in a row, and nothing else that is long is either, it is their length. An
    outage, or a peer that stands still, takes the ping too.
    """

    def __init__(self) -> None:
        self._signs = 0
        self._short = -1  # packet number of the ping that was sent with the last probes

    def probed(self, short: int) -> None:
        """Probes have been sent, and a ping with this number behind them."""
        self._short = short

    def is_there(self, ranges: tuple[Range, ...], *, delivered: bool) -> bool:
        """Take an acknowledgement; whether long datagrams are lost.

        Args:
            delivered: it says that something long has arrived which was not known to have.
        """
        if delivered:
            self._signs, self._short = 0, -1
        elif self._short >= 0 and any(start <= self._short < end for start, end in ranges):
            self._signs, self._short = self._signs + 1, -1
        return self._signs >= SIGNS
