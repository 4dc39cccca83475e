"""What client and server say to each other, as frozen values (PROTOCOL 3).

A message's class variable `KIND` is its number on the wire; its fields are numbered from 1 in the
order in which they stand here, so a new field goes to the end and has a default.
Belongs here: what can be said. Does not: bytes (codec.py), wording for people (the client).
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

VERSION = 1  # of the whole TCP protocol; PROTOCOL 2.1
PUBLIC_KEY_SIZE = 32  # bytes of a client's X25519 key; PROTOCOL 5.8


class LoginFault(IntEnum):
    """Why a log-in was refused (SPEC S2)."""

    WRONG = 1  # unknown name or wrong password; the same on purpose
    NOW_BLOCKED = 2  # this failure has blocked the account
    BLOCKED = 3  # the account was blocked before
    ALREADY = 4  # right password, but the account is in use
    NO_SESSION = 5  # the token of `Resume` is not known (any more); log in with the password


class RoomFault(IntEnum):
    """Why a room message was refused (SPEC S9)."""

    NO_SUCH_ROOM = 1
    NOT_A_MEMBER = 2


class LogChoice(IntEnum):
    """Which messages RDM reads (SPEC S10)."""

    BROADCASTS = 1
    ROOMS = 2


class Rest(IntEnum):
    """From where a client follows the logs that it has not named (PROTOCOL 3.5)."""

    LATER = 0  # another `Follow` comes, which names more of them
    BEGINNING = 1
    END = 2


class Cause(IntEnum):
    """Why the server ends a connection."""

    NO_LOG_IN = 1  # nobody has logged in for `LOGIN_LIMIT`; PROTOCOL 2.4
    FULL = 2  # the system grants the server no more connections
    TOO_MANY = 3  # there are as many from this address as the server was told to take


# --- requests: client to server, 1 to 63 (PROTOCOL 3.1) -------------------------------------------


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


# --- replies: server to client, 64 to 127 (PROTOCOL 3.2) ------------------------------------------


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


# --- notices: server to client, unasked, request id 0, 128 and above (PROTOCOL 3.3) ---------------


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


@dataclass(frozen=True, slots=True)
class Unknown:
    """A frame of a kind that this version does not know; never sent (PROTOCOL 2.3)."""

    kind: int


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
Notice = Expected | SentAway | Posted
Message = Request | Reply | Notice
