"""The control datagrams of one end of a transfer, once both ends have keys (PROTOCOL 5.2).

Belongs here: sealing and sending them, the seal that opens the peer's. Does not: what they say (the
engines), how keys come to be (hello), the chunks of the file (outgoing, listening).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from toom_client.tickets import Address
from toom_protocol.transfer.noise import Keys
from toom_protocol.transfer.packets import PacketType
from toom_protocol.transfer.patience import Control
from toom_protocol.transfer.sealing import ControlSeal

if TYPE_CHECKING:
    from toom_client.tracing import TraceFile

Send = Callable[[bytes | memoryview, int, Address, bool], bool]
"""Sends datagrams of so many bytes, the last perhaps shorter, that stand one behind the other;
says whether routers may mark them (ECN).

False: the system says that they are too long for the path."""

BeginTrace = Callable[[float], "TraceFile | None"]
"""Begins the trace of a transfer at a time in seconds; None where it cannot."""


class ControlChannel:
    """What one end says to the other and hears from it, both sealed."""

    def __init__(self, connection: int, *, speaker: PacketType, hearer: PacketType) -> None:
        """Wait for keys.

        Args:
            speaker: the type of what this end says.
            hearer: the type of what it hears.
        """
        self.theirs: ControlSeal | None = None
        """Opens what the peer says; None until there are keys."""
        self._ours: ControlSeal | None = None
        self._connection = connection
        self._speaker, self._hearer = speaker, hearer

    def open(self, keys: Keys) -> None:
        """Both ends have keys: from now on they understand each other."""
        self._ours = ControlSeal(keys.send, connection=self._connection, speaker=self._speaker)
        self.theirs = ControlSeal(keys.receive, connection=self._connection, speaker=self._hearer)

    def say(
        self,
        items: Iterable[Control],
        send: Send,
        peer: Address,
        trace: TraceFile | None,
        *,
        now: float,
    ) -> None:
        """Send what the engine wants said; without keys there is nobody to hear it."""
        if self._ours is None:
            return
        for item in items:
            datagram = self._ours.seal(item.packet_number, item.frames)
            if trace is not None:
                trace.said(item.kind, item.packet_number, item.frames, len(datagram), now=now)
            send(datagram, len(datagram), item.address or peer, False)
