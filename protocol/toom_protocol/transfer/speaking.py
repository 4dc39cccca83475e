"""How one end numbers what it sends (PROTOCOL 5.1).

Belongs here: the next packet number, and when something was last sent. Does not: what is sent.
"""

from __future__ import annotations

import math

from toom_protocol.transfer.frames import Frame, Hold
from toom_protocol.transfer.packets import DataRun, PacketType
from toom_protocol.transfer.paths import Address
from toom_protocol.transfer.patience import KEEP_ALIVE, Control


class Speaker:
    """Gives each packet of one direction its number, data and control alike."""

    def __init__(self, kind: PacketType, *, now: float, first: int = 0) -> None:
        """Begin.

        Args:
            kind: of the control datagrams: PRESENTER_CONTROL or AUDIENCE_CONTROL.
            first: where the numbers begin.
        """
        self.next_number = first
        self.spoke = now
        """When this end last said something that its peer surely hears, if it lives."""
        self.holds = False
        """Whether the user has paused, which each control datagram says again."""
        self._kind = kind

    @property
    def ping_due(self) -> float:
        """When a word of this end is due, were it only that it lives (PROTOCOL 5.7)."""
        return self.spoke + KEEP_ALIVE

    def hold(self, holds: bool) -> None:
        """Pause or go on: the peer is to hear of it now, and in all that is said from now on."""
        self.holds = holds
        self.spoke = -math.inf

    def say(self, *frames: Frame, now: float) -> Control:
        """A control datagram to where the peer is."""
        self.spoke = now
        return self.say_to(None, *frames)

    def say_to(self, address: Address | None, *frames: Frame) -> Control:
        """A control datagram to an address that may be the peer's."""
        self.next_number += 1
        said = (*frames, Hold()) if self.holds else frames
        return Control(self._kind, self.next_number - 1, said, address)

    def run(self, chunk: int, count: int, *, now: float) -> DataRun:
        """Data packets for so many chunks."""
        run = DataRun(self.next_number, chunk, count)
        self.next_number += count
        self.spoke = now
        return run
