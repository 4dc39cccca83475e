"""What the conference is asked, and what it decides, as values for the hub to carry out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from toom_protocol.messages import Expected, Reply, Rest
from toom_server.entries import Entry
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
