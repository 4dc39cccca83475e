"""The lines of the log files that people read (SPEC S3, S6, S9; PROTOCOL 4.1).

One function writes a line, one reads it; a line carries no newline here.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from toom_protocol.errors import MalformedLine, MalformedTimestamp
from toom_protocol.timestamps import format_timestamp, parse_timestamp

_POST: Final = re.compile(r"([0-9]{1,18}); ([^;]+); ([^;]+); (.*)", re.DOTALL)
_ACTIVE: Final = re.compile(r"([0-9]{1,18}); ([^;]+); ([^;]+); ([^;]+); ([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Post:
    """What somebody said: a line of messagelog.txt or of a room's log."""

    number: int
    at: datetime
    username: str
    text: str


@dataclass(frozen=True, slots=True)
class ActiveUser:
    """Who is logged in: a line of userlog.txt."""

    sequence: int
    at: datetime
    username: str
    address: str
    udp_port: int


def format_post(post: Post) -> str:
    """Write `number; timestamp; username; message` (SPEC S6)."""
    return f"{post.number}; {format_timestamp(post.at)}; {post.username}; {post.text}"


def parse_post(line: str) -> Post:
    """Read a line of a message log; the message is all after the third `; `.

    Raises:
        MalformedLine: the line has another form.
    """
    found = _POST.fullmatch(line)
    if found is None:
        raise MalformedLine(f"no message line: {line[:80]!r}")
    number, at, username, text = found.groups()
    return Post(int(number), _time(at, line), username, text)


def format_active_user(user: ActiveUser) -> str:
    """Write `sequence; timestamp; username; client IP; client UDP port` (SPEC S3)."""
    at = format_timestamp(user.at)
    return f"{user.sequence}; {at}; {user.username}; {user.address}; {user.udp_port}"


def parse_active_user(line: str) -> ActiveUser:
    """Read a line of userlog.txt.

    Raises:
        MalformedLine: the line has another form.
    """
    found = _ACTIVE.fullmatch(line)
    if found is None:
        raise MalformedLine(f"no line of an active user: {line[:80]!r}")
    sequence, at, username, address, udp_port = found.groups()
    return ActiveUser(int(sequence), _time(at, line), username, address, int(udp_port))


def _time(text: str, line: str) -> datetime:
    try:
        return parse_timestamp(text)
    except MalformedTimestamp as exc:
        raise MalformedLine(f"{exc} in {line[:80]!r}") from exc
