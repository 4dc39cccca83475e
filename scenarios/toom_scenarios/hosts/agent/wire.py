"""The language between the runner and the agent in a host: messages in a stream of bytes.

Belongs here: the messages and their form, for both ends. Does not: sockets, threads, what is done
(agent.py, link.py). It travels into each host with the agent, so it needs Python alone and imports
nearly nothing.

Each request has a channel of its own, chosen by the runner; the answers come on the same one.
Whoever sends DATA may send WINDOW bytes of it on a channel, and more when CREDIT comes back: so a
program that prints without end is held up, and nothing else is. (The runner's own DATA need none:
what is typed is answered by TAKEN, and files are taken at once.)
"""

from __future__ import annotations

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

# What the runner asks. OPEN and RUN end when their program is closed, the rest with DONE or FAILED.
OPEN: Final = 1  # rows, columns, environment, argv: a program at a new terminal
RUN: Final = 2  # environment, argv: a program without one
SIGNAL: Final = 3  # channel of the program, number
CLOSE: Final = 4  # channel of the program: end its whole session
READ: Final = 5  # name
WRITE: Final = 6  # name; then DATA and END
REMOVE: Final = 7  # name
LIST: Final = 8  # answered by FILE without DATA
COLLECT: Final = 9  # bytes, of larger files only the digest; answered by FILE, DATA, END for each
STOP: Final = 10  # halt every other process of this host where it stands
FREEZE: Final = 11  # end every other process of this host
RESET: Final = 12  # lifetime: be as new, or fail; answered by DONE with the working directory
CREDIT: Final = 13  # bytes
# What either side sends.
DATA: Final = 20  # typed, printed, or in a file
END: Final = 21  # of a file, or of what a terminal shows
# What the agent answers.
HELLO: Final = 30  # working directory
EXIT: Final = 31  # status; negative: the signal
TAKEN: Final = 32  # the terminal has taken what was typed; GONE: there is none any more
FILE: Final = 33  # name, size, digest or nothing, trouble or nothing
DONE: Final = 34
FAILED: Final = 35  # errno, text
NAMES: Final = {value: name for name, value in globals().items() if name.isupper()}

GONE: Final = b"gone"
HEAD: Final = struct.Struct(">BII")  # kind, channel, length of the content
LENGTH: Final = struct.Struct(">I")
LARGEST: Final = 1 << 20  # bytes in a message; more is nonsense
CHUNK: Final = 1 << 16  # bytes read or sent at once
WINDOW: Final = 1 << 18  # bytes of DATA on a channel that nobody has taken yet


class Nonsense(ValueError):
    """The other end does not speak this language."""


def message(kind: int, channel: int, content: bytes = b"") -> bytes:
    """One message, as it travels."""
    return HEAD.pack(kind, channel, len(content)) + content


class Messages:
    """Cuts a stream of bytes into messages, however it comes in pieces."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, int, bytes]]:
        """The messages that are whole now: kind, channel, content.

        Raises:
            Nonsense: this is no such stream.
        """
        self._rest += data
        while len(self._rest) >= HEAD.size:
            kind, channel, length = HEAD.unpack_from(self._rest)
            if kind not in NAMES or length > LARGEST:
                raise Nonsense(f"a message of kind {kind} and {length} bytes")
            end = HEAD.size + length
            if len(self._rest) < end:
                return
            content = bytes(self._rest[HEAD.size : end])
            del self._rest[:end]
            yield kind, channel, content


def pack(*fields: bytes | int) -> bytes:
    """Several values as the content of one message; numbers in decimal."""
    texts = [b"%d" % field if isinstance(field, int) else field for field in fields]
    return b"".join(LENGTH.pack(len(text)) + text for text in texts)


def unpack(content: bytes) -> list[bytes]:
    """What was packed.

    Raises:
        Nonsense: it was not packed.
    """
    fields, at = [], 0
    while at < len(content):
        begin = at + LENGTH.size
        if begin > len(content):
            raise Nonsense("half a length")
        at = begin + LENGTH.unpack_from(content, begin - LENGTH.size)[0]
        if at > len(content):
            raise Nonsense("a field ends behind its message")
        fields.append(content[begin:at])
    return fields
