"""What the conference decides about one request, as values for the hub to carry out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from toom_protocol.messages import Expected, Reply
from toom_server.entries import Entry


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
