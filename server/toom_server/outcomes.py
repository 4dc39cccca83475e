"""What the conference is asked, and decides about one request, as values for the hub to carry out;
and what follows from a message that was accepted.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from toom_protocol.codec import encode_numbered
from toom_protocol.messages import BroadcastSent, Expected, Reply, Rest, RoomMessageSent
from toom_protocol.timestamps import format_timestamp
from toom_server.entries import BROADCASTS, Entry, PostEntry
from toom_server.replies import Replies


@dataclass(eq=False, slots=True)
class Session:
    """One TCP connection, as the conference knows it."""

    address: str
    username: str | None = None  # set while logged in
    udp_port: int = 0
    public_key: bytes = b""  # vouched for to whoever exchanges files with this user; PROTOCOL 5.8
    replies: Replies[Any] | None = None  # set when it can be resumed: its request ids are unique


class Instant(NamedTuple):
    """One moment on the server's two clocks."""

    monotonic: float  # seconds; for blocks
    local: datetime  # local time without microseconds; for timestamps


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """Which logs RDM reads: everything later than `since`, log by log."""

    logs: tuple[int, ...]
    since: datetime


@dataclass(frozen=True, slots=True)
class FollowPlan:
    """Which logs a client wants to follow, and the last number that it has of some of them."""

    logs: tuple[int, ...]
    marks: Mapping[int, int]
    rest: Rest


@dataclass(frozen=True, slots=True)
class Outcome:
    """What follows from one request; nothing of it is told before `entries` are kept."""

    replies: tuple[Reply, ...] = ()
    entries: tuple[Entry, ...] = ()
    read: ReadPlan | FollowPlan | None = None  # answered in parts
    notice: tuple[Session, Expected] | None = None
    console: str = ""  # the line for the server's terminal
    entered: bool = False  # this request logged its session in
    left: bool = False  # this one logged it out, or its connection is gone
    moved: bool = False  # this one goes on elsewhere than before
    replaces: Session | None = None  # this one's connection is to be ended
    audit: Mapping[str, Any] = field(default_factory=dict)  # for the log: arguments of `tell`

    @property
    def changes_the_list(self) -> bool:
        """Whether userlog.txt is to be written before this is told (SPEC S3)."""
        return self.entered or self.left or self.moved


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


def outcome_of(post: PostEntry) -> Outcome:
    """Give of a message what other requests have, for one that is to be remembered."""
    stamp = format_timestamp(post.at)
    reply: Reply = BroadcastSent(post.number, stamp)
    if post.log != BROADCASTS:
        reply = RoomMessageSent(post.number, post.log, stamp)
    lines: list[str] = []
    tell_posts([post], lines)
    return Outcome((reply,), (post,), console=lines[0])


@lru_cache(maxsize=1024)  # rooms that are busy in one second
def _answers(log: int, stamp: str) -> Callable[[int, int], bytes]:
    if log == BROADCASTS:
        return encode_numbered(BroadcastSent, stamp)
    return encode_numbered(RoomMessageSent, log, stamp)
