"""What client and server say to each other, as frozen values (PROTOCOL 3).

A message's class variable `KIND` is its number on the wire; its fields are numbered from 1 in the
order in which they stand, so a new field goes to the end and has a default.
Belongs here: what can be said; each of it can be had from this package. Does not: bytes (codec.py),
wording for people (the client).
"""

from dataclasses import dataclass

from toom_protocol.messages.notices import Expected, Notice, Posted, SentAway
from toom_protocol.messages.reasons import Cause, LogChoice, LoginFault, Rest, RoomFault
from toom_protocol.messages.replies import (
    ActiveLines,
    BroadcastSent,
    End,
    Kept,
    Located,
    LoggedIn,
    LoggedOut,
    LoginFailed,
    LogLines,
    Marks,
    NotActive,
    NotStored,
    Pong,
    Refused,
    Reply,
    RoomBuilt,
    RoomExists,
    RoomMessageRefused,
    RoomMessageSent,
    RoomRefused,
    Unsupported,
)
from toom_protocol.messages.requests import (
    PUBLIC_KEY_SIZE,
    VERSION,
    Broadcast,
    BuildRoom,
    Follow,
    Keep,
    ListActive,
    Locate,
    LogIn,
    LogOut,
    Ping,
    ReadMessages,
    Request,
    Resume,
    RoomMessage,
)

__all__ = [
    "ActiveLines",
    "Broadcast",
    "BroadcastSent",
    "BuildRoom",
    "Cause",
    "End",
    "Expected",
    "Follow",
    "Keep",
    "Kept",
    "ListActive",
    "Locate",
    "Located",
    "LogChoice",
    "LogIn",
    "LogLines",
    "LogOut",
    "LoggedIn",
    "LoggedOut",
    "LoginFailed",
    "LoginFault",
    "Marks",
    "Message",
    "NotActive",
    "NotStored",
    "Notice",
    "PUBLIC_KEY_SIZE",
    "Ping",
    "Pong",
    "Posted",
    "ReadMessages",
    "Refused",
    "Reply",
    "Request",
    "Rest",
    "Resume",
    "RoomBuilt",
    "RoomExists",
    "RoomFault",
    "RoomMessage",
    "RoomMessageRefused",
    "RoomMessageSent",
    "RoomRefused",
    "SentAway",
    "Unknown",
    "Unsupported",
    "VERSION",
]

Message = Request | Reply | Notice


@dataclass(frozen=True, slots=True)
class Unknown:
    """A frame of a kind that this version does not know; never sent (PROTOCOL 2.3)."""

    kind: int
