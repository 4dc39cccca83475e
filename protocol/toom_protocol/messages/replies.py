"""Replies: what the server answers; kinds 64 to 127 (PROTOCOL 3.2)."""

from dataclasses import dataclass
from typing import ClassVar

from toom_protocol.messages.reasons import LoginFault, RoomFault


@dataclass(frozen=True, slots=True)
class Unsupported:
    """The answer to a kind of request that this server does not know."""

    KIND: ClassVar = 64
    kind: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The request cannot be done, for a reason that is a sentence for the user."""

    KIND: ClassVar = 65
    reason: str


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Welcome; the user stands in userlog.txt (SPEC S2)."""

    KIND: ClassVar = 66
    username: str


@dataclass(frozen=True, slots=True)
class LoginFailed:
    """The log-in is refused (SPEC S2)."""

    KIND: ClassVar = 67
    fault: LoginFault


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """Bye; the line in userlog.txt is gone (SPEC S11)."""

    KIND: ClassVar = 68


@dataclass(frozen=True, slots=True)
class BroadcastSent:
    """The broadcast stands in the log (SPEC S6)."""

    KIND: ClassVar = 69
    number: int
    at: str


@dataclass(frozen=True, slots=True)
class ActiveLines:
    """Part of ATU's answer: whole lines of userlog.txt, UTF-8; `End` closes it (SPEC S7)."""

    KIND: ClassVar = 70
    lines: bytes


@dataclass(frozen=True, slots=True)
class RoomBuilt:
    """The room exists and so does its log (SPEC S8)."""

    KIND: ClassVar = 71
    room_id: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RoomRefused:
    """Faults of the names that SRB was given (SPEC S8)."""

    KIND: ClassVar = 72
    unknown: tuple[str, ...]
    offline: tuple[str, ...]
    oneself: int = 0  # 1 when the caller named themselves


@dataclass(frozen=True, slots=True)
class RoomExists:
    """A room with exactly these members is there already (SPEC S8)."""

    KIND: ClassVar = 73
    room_id: int


@dataclass(frozen=True, slots=True)
class RoomMessageSent:
    """The message stands in the room's log (SPEC S9)."""

    KIND: ClassVar = 74
    number: int
    room_id: int
    at: str


@dataclass(frozen=True, slots=True)
class RoomMessageRefused:
    """No such room, or not yours (SPEC S9)."""

    KIND: ClassVar = 75
    fault: RoomFault


@dataclass(frozen=True, slots=True)
class LogLines:
    """Part of RDM's answer: whole lines of one log, UTF-8; room 0 is the broadcasts (SPEC S10)."""

    KIND: ClassVar = 76
    room_id: int
    lines: bytes


@dataclass(frozen=True, slots=True)
class End:
    """Closes an answer that comes in parts."""

    KIND: ClassVar = 77


@dataclass(frozen=True, slots=True)
class Located:
    """Where the audience is, with the ticket that both ends of the transfer show (PROTOCOL 3.4)."""

    KIND: ClassVar = 78
    username: str
    address: str
    udp_port: int
    ticket: int
    key: bytes
    public_key: bytes = b""  # the audience's; empty: their client has none

    def __repr__(self) -> str:
        """Show everything but the key."""
        return f"Located({self.username!r}, {self.address}:{self.udp_port}, ticket={self.ticket})"


@dataclass(frozen=True, slots=True)
class NotActive:
    """The user is offline or unknown (SPEC S12)."""

    KIND: ClassVar = 79
    username: str


@dataclass(frozen=True, slots=True)
class NotStored:
    """The server could not write to its disk: the command was not done (SPEC S13)."""

    KIND: ClassVar = 80
    reason: str


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to `Ping`."""

    KIND: ClassVar = 81


@dataclass(frozen=True, slots=True)
class Kept:
    """The session can be resumed with this token (PROTOCOL 3.6)."""

    KIND: ClassVar = 82
    token: bytes
    remembers: int = 0  # 1: what became of this instance's earlier commands is known

    def __repr__(self) -> str:
        """Show everything but the token."""
        return f"Kept(remembers={self.remembers})"


@dataclass(frozen=True, slots=True)
class Marks:
    """Part of the answer to `Follow`: after which message of each log the client hears all."""

    KIND: ClassVar = 83
    marks: tuple[str, ...]  # `LOG NUMBER`


Reply = (
    Unsupported
    | Refused
    | LoggedIn
    | LoginFailed
    | LoggedOut
    | BroadcastSent
    | ActiveLines
    | RoomBuilt
    | RoomRefused
    | RoomExists
    | RoomMessageSent
    | RoomMessageRefused
    | LogLines
    | End
    | Located
    | NotActive
    | NotStored
    | Pong
    | Kept
    | Marks
)
