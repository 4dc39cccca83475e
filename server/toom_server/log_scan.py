"""A log from one place to its end, many lines at a time (SPEC S6, S13; PROTOCOL 6.3).

Most lines are messages in their usual form, and of the lines next to each other many are of one
second: those are taken together by one match of an expression, and every other line is looked at
alone. So a start without an index reads faster than most disks.

Belongs here: which lines are messages, how many are not, where each second begins. Does not: what
is made of them (log_file.py).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from toom_protocol.errors import MalformedLine, MalformedTimestamp
from toom_protocol.lines import Post, parse_post
from toom_protocol.timestamps import parse_timestamp
from toom_server.entries import LastPost
from toom_server.time_index import TimeIndex, second_of, time_of

BLOCK: Final = 1 << 18  # bytes read at a time; more is no quicker
# Whole lines that are messages of one second, the first of which tells it: to the minute, second.
# Greedy where it could be possessive: Python 3.11 before .5 matches possessive groups wrongly.
_RUN: Final = re.compile(
    rb"[0-9]{1,18}; ([0-9]{1,2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}):([0-5][0-9])"
    rb"; [^;\n]+; .*\n"
    rb"(?:[0-9]{1,18}; \1:\2; [^;\n]+; .*\n)*"
)


@dataclass(slots=True)
class Scan:
    """What was found.

    Attributes:
        size: bytes up to the end of the last whole line.
        last: the last message, at the latest time so far.
        odd: how many whole lines are no messages.
        torn: what stands after the last newline.
    """

    size: int = 0
    last: LastPost = LastPost()
    odd: int = 0
    torn: bytes = b""


def scan(file: BinaryIO, times: TimeIndex, begin: Scan, upto: int) -> Scan:
    """Read a log, and note in `times` where each second begins.

    Args:
        file: a log.
        times: knows the places before `begin`.
        begin: what is known of the lines before.
        upto: the size at which to stop; a line ends there, or the file.
    """
    number, latest = begin.last.number, second_of(begin.last.at)
    found = Scan(begin.size, odd=begin.odd)
    minute, start_of_minute = b"", 0
    for block in _blocks(file, begin.size, upto):
        place = 0
        run: re.Match[bytes] | None = None  # the last one, while its number is not looked up
        while place < len(block):
            match = _RUN.match(block, place)
            if match is not None and match[1] != minute:
                minute = match[1]
                start_of_minute = _second(minute + b":00")
            if match is not None and start_of_minute:
                second, run, behind = start_of_minute + int(match[2]), match, match.end()
            elif behind := block.find(b"\n", place) + 1:
                post = read_line(block[place:behind])
                if post is None:
                    found.odd += 1
                    second = 0
                else:
                    number, second, run = post.number, second_of(post.at), None
            else:
                found.torn = block[place:]
                break
            if second > latest:
                latest = second
                times.note(second, found.size + place)
            place = behind
        if run is not None:
            last_line = block.rfind(b"\n", run.start(), run.end() - 1) + 1 or run.start()
            number = int(block[last_line : block.index(b";", last_line)])
        found.size += place
    found.last = LastPost(number, time_of(latest))
    return found


def read_line(raw: bytes) -> Post | None:
    """Read one line; None: it is no message."""
    try:
        return parse_post(raw.decode(errors="replace").rstrip("\r\n"))
    except MalformedLine:
        return None


def _blocks(file: BinaryIO, size: int, upto: int) -> Iterator[bytes]:
    """Yield the rest of a log in blocks of whole lines; the last may end with half of one."""
    file.seek(size)
    while size < upto:
        block = file.read(min(BLOCK, upto - size))
        size += len(block)
        if size < upto:
            rest = file.readline(upto - size)
            size += len(rest)
            block += rest
        if not block:
            return
        yield block


def _second(stamp: bytes) -> int:
    """Give the second of a timestamp, or 0: there is no such time."""
    try:
        return second_of(parse_timestamp(stamp.decode()))
    except MalformedTimestamp:
        return 0
