"""A look through a server's directory that changes nothing (`toom-server --check`).

Belongs here: what is in order and what is not. Does not: repairing it, which is the start's
business (store.py, SPEC S13).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from toom_protocol.errors import MalformedLine
from toom_protocol.lines import Post, parse_post
from toom_server.store import ROOM_LOG

BROADCAST_LOG: Final = "messagelog.txt"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line for people."""

    text: str
    fault: bool = False


def examine(directory: Path) -> Iterator[Finding]:
    """Look at every message log, in order of rooms.

    A log's numbers go up by one from the first on, its times never go back, and its last line has
    a newline (SPEC S4, S6, S13).
    """
    if not directory.is_dir():
        yield Finding(f"{directory}: no such directory", fault=True)
        return
    rooms = [
        (int(name[1]), path)
        for path in directory.iterdir()
        if (name := ROOM_LOG.fullmatch(path.name))
    ]
    for path in (directory / BROADCAST_LOG, *(path for _, path in sorted(rooms))):
        if not path.exists():
            yield Finding(f"{path.name}: not there; the first start makes it")
            continue
        try:
            yield from _examine_log(path)
        except OSError as exc:
            yield Finding(f"{path.name}: cannot be read: {exc.strerror}", fault=True)


def _examine_log(path: Path) -> Iterator[Finding]:
    last: Post | None = None
    count = 0
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            place = f"{path.name}, line {number}"
            try:
                post = parse_post(raw.decode().rstrip("\r\n"))
            except (MalformedLine, UnicodeDecodeError):
                yield Finding(f"{place}: no message", fault=True)
                continue
            count += 1
            if last is not None and post.number != last.number + 1:
                yield Finding(f"{place}: #{post.number} follows #{last.number}", fault=True)
            if last is not None and post.at < last.at:
                yield Finding(f"{place}: earlier than the line before", fault=True)
            if not raw.endswith(b"\n"):
                yield Finding(f"{place}: no newline at the end; a start repairs it", fault=True)
            last = post
    yield Finding(f"{path.name}: {count} messages")
