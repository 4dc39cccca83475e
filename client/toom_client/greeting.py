"""Who comes to an audience: the hello of the announced presenter, and its answer (PROTOCOL 5.3).

Belongs here: hellos, the welcomes that are owed. Does not: the handshake itself (hello), whether
the file is taken (place).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from toom_client.chance import fresh_keys
from toom_client.control import ControlChannel, Send
from toom_client.tickets import Address, Ticket
from toom_protocol.transfer.frames import Offer
from toom_protocol.transfer.hello import AudienceHandshake
from toom_protocol.transfer.noise import KeyPair, Keys
from toom_protocol.transfer.packets import PacketType

if TYPE_CHECKING:
    from toom_client.tracing import TraceFile

MAX_WELCOMES: Final = 16  # owed at a time; of more the oldest is dropped, its hello comes again


class Greeting:
    """Hears hellos; each genuine one is answered, since the answer may have been lost."""

    def __init__(self, ticket: Ticket, static: KeyPair, control: ControlChannel) -> None:
        """Expect a hello, which opens the control channel.

        Args:
            static: this client's keys since it logged in.
        """
        self.owed: deque[Address] = deque(maxlen=MAX_WELCOMES)
        """Where a welcome is to go."""
        self._handshake = AudienceHandshake(
            ticket.number, ticket.key, static=static, presenter=ticket.public_key
        )
        self._control = control

    @property
    def keys(self) -> Keys | None:
        """Of both directions; None until a genuine hello has come."""
        return self._handshake.keys

    @property
    def datagram_size(self) -> int:
        """Bytes of the longest hello that has come: the path takes datagrams of this size."""
        return self._handshake.datagram_size

    def hear(
        self, datagram: bytes, source: Address, *, announced: bool, now: float
    ) -> tuple[int, Offer]:
        """Take a hello; give its packet number and the offer in it.

        Args:
            announced: it comes from where the server has seen the presenter.

        Raises:
            MalformedPacket: it is none of this presenter.
        """
        heard = self._handshake.receive(datagram, fresh_keys, now=now, announced=announced)
        self.owed.append(source)
        if self._control.theirs is None and self.keys is not None:
            self._control.open(self.keys)
        return heard

    def answer(self, send: Send, trace: TraceFile | None, *, now: float) -> None:
        """Send the welcomes that are owed."""
        while self.owed:
            welcome = self._handshake.welcome
            if trace is not None:
                trace.said(PacketType.WELCOME, 0, (), len(welcome), now=now)
                trace.agreed()
            send(welcome, len(welcome), self.owed.popleft(), False)
