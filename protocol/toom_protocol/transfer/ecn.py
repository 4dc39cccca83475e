"""Whether routers may mark data instead of dropping it, and whether their marks are believed.

Belongs here: when packets leave as ECN-capable (PROTOCOL 5.16), what counts as a mark. Does not:
the bits of the IP header (the shell), what a mark does to the pace (congestion).

Source: RFC 3168 5, RFC 9000 13.4.2.
"""

from __future__ import annotations

import enum
from typing import Final

TESTED: Final = 64  # acknowledged packets; with all of them marked the path marks anything
SILENT_PROBES: Final = 2  # unanswered in a row: it may be the marks that do not pass


class State(enum.Enum):
    """What is known of the path; named as in qlog."""

    TESTING = "testing"
    CAPABLE = "capable"
    FAILED = "failed"


class Marking:
    """Believes the marks of one path until they show that they cannot be true."""

    def __init__(self, base: int = 0) -> None:
        """Begin.

        Args:
            base: marks that the audience counted before, on another path.
        """
        self.state = State.TESTING
        self.seen = base
        """Marks that the audience has counted since the transfer began."""
        self._base = base

    @property
    def on(self) -> bool:
        """Whether data leaves as ECN-capable."""
        return self.state is not State.FAILED

    def count(self, seen: int) -> int:
        """Take the audience's count; give the marks of this path that are believed."""
        if self.on:
            self.seen = max(self.seen, seen)
        return self.seen - self._base

    def judge(self, arrived: int) -> None:
        """Compare with how many packets of this path have arrived, late ones too."""
        marked = self.seen - self._base
        if marked > arrived:
            self.fail()
        elif self.state is State.TESTING and arrived >= TESTED:
            self.state = State.FAILED if marked >= arrived else State.CAPABLE

    def probed(self, probes: int) -> None:
        """So many probes in a row have not been answered."""
        if probes >= SILENT_PROBES:
            self.fail()

    def fail(self) -> None:
        """Send without from now on, on this path."""
        self.state = State.FAILED
