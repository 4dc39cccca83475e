"""Requests: what a client asks of the server; kinds 1 to 63 (PROTOCOL 3.1)."""

from dataclasses import dataclass
from typing import ClassVar

from toom_protocol.messages.reasons import LogChoice, Rest

VERSION = 1  # of the whole TCP protocol; PROTOCOL 2.1
PUBLIC_KEY_SIZE = 32  # bytes of a client's X25519 key; PROTOCOL 5.8


@dataclass(frozen=True, slots=True)
class LogIn:
    """Who I am and where my UDP port is (SPEC S2)."""

    KIND: ClassVar = 1
    username: str
    password: str
    udp_port: int
    version: int = VERSION
    instance: bytes = b""  # random for each run of a client; tells its connections apart
    public_key: bytes = (
        b""  # by which peers know me; empty: of a client before these (PROTOCOL 5.8)
    )

    def __repr__(self) -> str:
        """Show everything but the password: requests end up in logs."""
        return f"LogIn(username={self.username!r}, udp_port={self.udp_port})"


@dataclass(frozen=True, slots=True)
class LogOut:
    """OUT (SPEC S11)."""

    KIND: ClassVar = 2


@dataclass(frozen=True, slots=True)
class Broadcast:
    """BCM: text for everybody (SPEC S6)."""

    KIND: ClassVar = 3
    text: str


@dataclass(frozen=True, slots=True)
class ListActive:
    """ATU (SPEC S7)."""

    KIND: ClassVar = 4


@dataclass(frozen=True, slots=True)
class BuildRoom:
    """SRB: a room of the caller and these users, as typed (SPEC S8)."""

    KIND: ClassVar = 5
    usernames: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RoomMessage:
    """SRM: text for one room (SPEC S9)."""

    KIND: ClassVar = 6
    room_id: int
    text: str


@dataclass(frozen=True, slots=True)
class ReadMessages:
    """RDM: messages strictly later than a time, `1 Jun 2022 16:01:20` (SPEC S10)."""

    KIND: ClassVar = 7
    choice: LogChoice
    since: str


@dataclass(frozen=True, slots=True)
class Locate:
    """UPD's question: is this user active, and where (SPEC S12)?"""

    KIND: ClassVar = 8
    username: str


@dataclass(frozen=True, slots=True)
class Ping:
    """I am alive (PROTOCOL 2.4)."""

    KIND: ClassVar = 9


@dataclass(frozen=True, slots=True)
class Keep:
    """Let me take this session up again on another connection (PROTOCOL 3.6)."""

    KIND: ClassVar = 10
    instance: bytes  # random for each run of a client: whose request ids they are


@dataclass(frozen=True, slots=True)
class Resume:
    """I am the user to whom this token was given: my session goes on here (PROTOCOL 3.6)."""

    KIND: ClassVar = 11
    token: bytes
    udp_port: int
    version: int = VERSION
    public_key: bytes = b""  # as in `LogIn`

    def __repr__(self) -> str:
        """Show everything but the token."""
        return f"Resume(udp_port={self.udp_port})"


@dataclass(frozen=True, slots=True)
class Follow:
    """Tell me unasked what is said from now on, and what I have missed (PROTOCOL 3.5)."""

    KIND: ClassVar = 12
    marks: tuple[str, ...]  # `LOG NUMBER`: the last message of a log that I have
    rest: Rest = Rest.LATER


Request = (
    LogIn
    | LogOut
    | Broadcast
    | ListActive
    | BuildRoom
    | RoomMessage
    | ReadMessages
    | Locate
    | Ping
    | Keep
    | Resume
    | Follow
)
