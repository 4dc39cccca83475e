"""Notices: what the server says unasked, with request id 0; kinds from 128 on (PROTOCOL 3.3)."""

from dataclasses import dataclass
from typing import ClassVar

from toom_protocol.messages.reasons import Cause


@dataclass(frozen=True, slots=True)
class Expected:
    """A presenter will come with this ticket within `TICKET_LIFETIME` (PROTOCOL 3.4)."""

    KIND: ClassVar = 128
    username: str
    address: str
    udp_port: int
    ticket: int
    key: bytes
    public_key: bytes = b""  # the presenter's; empty: their client has none

    def __repr__(self) -> str:
        """Show everything but the key."""
        return f"Expected({self.username!r}, {self.address}:{self.udp_port}, ticket={self.ticket})"


@dataclass(frozen=True, slots=True)
class SentAway:
    """The server ends this connection, and says why."""

    KIND: ClassVar = 129
    cause: Cause


@dataclass(frozen=True, slots=True)
class Posted:
    """What was said in a log that the client follows: whole lines, UTF-8 (PROTOCOL 3.5)."""

    KIND: ClassVar = 130
    room_id: int  # 0: the broadcasts
    lines: bytes


Notice = Expected | SentAway | Posted
