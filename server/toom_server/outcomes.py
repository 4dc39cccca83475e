"""What the conference decides about one request, as values for the hub to carry out; and what
follows from a message that was accepted.
"""

from collections.abc import Callable, Iterable, Mapping
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
    left: bool = False  # this one logged it out, or its connection is gone
    audit: Mapping[str, Any] = field(default_factory=dict)  # for the log: arguments of `tell`


def tell_posts(posts: Iterable[PostEntry], announcements: list[str]) -> list[bytes]:
    """Say that messages are kept: to their client, and on the server's terminal (SPEC S6, S9).

    Args:
        announcements: gets the lines for the terminal.

    Returns:
        The frames for the client.
    """
    frames = []
    log, at, stamp = -1, None, ""
    for post_log, number, post_at, username, text, request_id in posts:
        if post_at is not at or post_log != log:
            log, at, stamp = post_log, post_at, format_timestamp(post_at)
            answer = _answers(log, stamp)
        frames.append(answer(request_id, number))
        if log == BROADCASTS:
            announcements.append(f'{username} broadcasted BCM #{number} "{text}" at {stamp}.')
        else:
            announcements.append(
                f'{username} sent SRM #{number} "{text}" to room {log} at {stamp}.'
            )
    return frames


@lru_cache(maxsize=1024)  # rooms that are busy in one second
def _answers(log: int, stamp: str) -> Callable[[int, int], bytes]:
    if log == BROADCASTS:
        return encode_numbered(BroadcastSent, stamp)
    return encode_numbered(RoomMessageSent, log, stamp)
