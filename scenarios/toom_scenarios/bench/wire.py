"""What the benchmarks say to our server, and how its answers are told apart (PROTOCOL 2 and 3).

The scenarios import no protocol, so that they can judge any implementation: these few frames are
made here. Belongs here: bytes. Does not: sockets that wait for many (crowd.py), what is measured.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator
from typing import Final

from ..errors import Broken

# PROTOCOL 2.1, 3.1 to 3.3
PREFACE: Final = b"TOOM\x01"
LOG_IN: Final = 1
LOG_OUT: Final = 2
BROADCAST: Final = 3
LIST_ACTIVE: Final = 4
BUILD_ROOM: Final = 5
ROOM_MESSAGE: Final = 6
READ_MESSAGES: Final = 7
PING: Final = 9
LOGGED_IN: Final = 66
LOGGED_OUT: Final = 68
BROADCAST_SENT: Final = 69
ACTIVE_LINES: Final = 70
ROOM_BUILT: Final = 71
ROOM_MESSAGE_SENT: Final = 74
LOG_LINES: Final = 76
END: Final = 77
PONG: Final = 81
PARTS: Final = frozenset({ACTIVE_LINES, LOG_LINES})  # of an answer that `END` closes
NOTICES: Final = 128  # kinds from here on answer nothing

PASSWORD: Final = "pw"
UDP_PORT: Final = 8000
REQUEST_ID: Final = 7  # of every request: one is under way at a time, or nobody asks which
HEAD: Final = struct.Struct("!IBI")  # length of what follows; kind; request id
FIELD: Final = struct.Struct("!BH")  # number; length of the value
KIND: Final = 4  # where the kind stands in a frame
BODY: Final = HEAD.size - 4  # where the fields begin behind the length


def frame(kind: int, *fields: bytes) -> bytes:
    """A request of Toom; a field of 8 bytes is a number as well."""
    return _frame(kind, enumerate(fields, 1))


def build_room(names: Iterable[str]) -> bytes:
    """SRB: its list is one field, repeated."""
    return _frame(BUILD_ROOM, ((1, name.encode()) for name in names))


def _frame(kind: int, fields: Iterable[tuple[int, bytes]]) -> bytes:
    body = b"".join(FIELD.pack(number, len(value)) + value for number, value in fields)
    return HEAD.pack(BODY + len(body), kind, REQUEST_ID) + body


def number(value: int) -> bytes:
    """A number on Toom's wire."""
    return struct.pack("!Q", value)


def user(index: int) -> str:
    """The name of an account."""
    return f"u{index}"


def log_in(index: int) -> bytes:
    """The request that lets a user in."""
    return frame(LOG_IN, user(index).encode(), PASSWORD.encode(), number(UDP_PORT))


def greeting(index: int) -> bytes:
    """What the user of this index says first on a connection."""
    return PREFACE + log_in(index)


def fields(answer: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of a frame without its length, in order."""
    at = BODY
    while at < len(answer):
        name, size = FIELD.unpack_from(answer, at)
        at += FIELD.size
        yield name, answer[at : at + size]
        at += size


def first_number(answer: bytes) -> int:
    """The number in an answer's first field."""
    return int.from_bytes(next(fields(answer))[1])


def other_kind(came: int, wanted: int) -> Broken:
    """Say that an answer is not what was to come."""
    return Broken(f"the server answered with kind {came}, not {wanted} (PROTOCOL 3.2)")


class Line:
    """A connection that is waited for: one question, one answer."""

    def __init__(self, port: int, index: int) -> None:
        """Connect and log in as the user of this index."""
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(greeting(index))
        self.take(len(PREFACE))
        self.answer(LOGGED_IN)

    def ask(self, question: bytes, kind: int) -> bytes:
        """Ask, and take the frame that ends the answer, which must be of this kind."""
        self._socket.sendall(question)
        return self.answer(kind)

    def answer(self, kind: int) -> bytes:
        """The frame that ends an answer, without its length.

        Raises:
            Broken: it is of another kind.
        """
        return self._frames(kind)[-1]

    def size_of_answer(self, question: bytes, kind: int) -> int:
        """Ask; how many bytes the whole answer has."""
        self.send(question)
        return sum(4 + len(each) for each in self._frames(kind))

    def _frames(self, kind: int) -> list[bytes]:
        frames = [self._frame()]
        while frames[-1][0] in PARTS:
            frames.append(self._frame())
        if frames[-1][0] != kind:
            raise other_kind(frames[-1][0], kind)
        return frames

    def _frame(self) -> bytes:
        (length,) = struct.unpack("!I", self.take(4))
        return self.take(length)

    def send(self, question: bytes) -> None:
        self._socket.sendall(question)

    def take_into(self, room: memoryview) -> None:
        """Exactly so many bytes of answers, whatever they say."""
        while room:
            size = self._socket.recv_into(room)
            if not size:
                raise Broken("the server has hung up")
            room = room[size:]

    def take(self, size: int) -> bytes:
        """So many bytes of answers."""
        data = bytearray(size)
        self.take_into(memoryview(data))
        return bytes(data)

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
