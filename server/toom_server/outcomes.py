"""What the conference decides about one request, as values for the hub to carry out; and what
follows from a message that was accepted.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from toom_protocol.codec import encode_numbered
from toom_protocol.messages import BroadcastSent, Expected, Reply, RoomMessageSent
from toom_protocol.timestamps import format_timestamp
from toom_server.entries import BROADCASTS, Entry, PostEntry


@dataclass(eq=False, slots=True)
class Session:
    """One TCP connection, as the conference knows it."""

    address: str
    username: str | None = None  # set while logged in
    udp_port: int = 0


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """Which logs RDM reads: everything later than `since`, log by log."""

    logs: tuple[int, ...]
    since: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """What follows from one request; nothing of it is told before `entries` are kept."""

    replies: tuple[Reply, ...] = ()
    entries: tuple[Entry, ...] = ()
    read: ReadPlan | None = None
    notice: tuple[Session, Expected] | None = None
    console: str = ""  # the line for the server's terminal
    entered: bool = False  # this request logged its session in
    audit: Mapping[str, Any] = field(default_factory=dict)  # for the log: arguments of `tell`


def answer_to(post: PostEntry) -> bytes:
    """Give the frame that tells a client that its message is kept (SPEC S6, S9)."""
    return _answers(post.log, format_timestamp(post.at))(post.request_id, post.number)


@lru_cache(maxsize=1024)  # rooms that are busy in one second
def _answers(log: int, stamp: str) -> Callable[[int, int], bytes]:
    if log == BROADCASTS:
        return encode_numbered(BroadcastSent, stamp)
    return encode_numbered(RoomMessageSent, log, stamp)


def announcement_of(post: PostEntry) -> str:
    """Give the line for the server's terminal (SPEC S6, S9)."""
    log, number, at, username, text, _ = post
    stamp = format_timestamp(at)
    if log == BROADCASTS:
        return f'{username} broadcasted BCM #{number} "{text}" at {stamp}.'
    return f'{username} sent SRM #{number} "{text}" to room {log} at {stamp}.'
