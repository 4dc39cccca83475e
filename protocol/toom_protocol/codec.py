"""Bytes on a TCP connection to messages and back, incrementally (PROTOCOL 2.1, 2.2, 2.3).

The only door for bytes from a TCP peer: it fails in one way, `MalformedFrame`. After it nobody
splits strings.
"""

import struct
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from toom_protocol.errors import MalformedFrame, MisuseError
from toom_protocol.forms import FIELD, FORMS, MAX_INTEGER_BYTES, Form, as_integer, empty
from toom_protocol.messages import VERSION, Broadcast, Message, RoomMessage, Unknown

PREFACE: Final = b"TOOM" + bytes([VERSION])  # first bytes of either side; PROTOCOL 2.1
MAX_FRAME: Final = 128 * 1024  # bytes after the length; two fields of 60,000 bytes and some room
MAX_FIELD: Final = 0xFFFF  # bytes; a field's length is a 16-bit number

_HEADER: Final = struct.Struct("!IBI")  # length of what follows it, kind, request id
_AFTER_LENGTH: Final = _HEADER.size - 4
_SAID: Final = struct.Struct("!IBIBH")  # the header and the head of the first field
_BROADCAST: Final = Broadcast.KIND
_ROOM_MESSAGE: Final = RoomMessage.KIND
# What comes most often gets its slots filled directly (forms.py).
_put_text: Final = vars(Broadcast)["text"].__set__
_put_room_id: Final = vars(RoomMessage)["room_id"].__set__
_put_room_text: Final = vars(RoomMessage)["text"].__set__


# The id that ties a reply to its request, 0 for notices; and a message. A bare tuple, since each
# message that is sent or received is one.
Frame = tuple[int, Message | Unknown]


class Decoder:
    """Turns a stream of bytes into frames, however the stream is cut."""

    __slots__ = ("_forms", "_greeted", "_rest", "_wanted", "failure")

    def __init__(self, forms: Mapping[int, Form] = FORMS) -> None:
        """Begin with the preface.

        Args:
            forms: what the peer may send, by kind; all else is `Unknown`.
        """
        self._forms = forms
        self._rest = bytearray()  # what has come and is not decoded yet
        self._wanted = len(PREFACE)  # bytes that the rest needs before there is anything to decode
        self._greeted = False
        self.failure: MalformedFrame | None = None

    def receive(self, data: bytes, limit: int | None = None) -> list[Frame]:
        """Take bytes; give back the frames that are complete now, at most `limit` of them.

        The rest is kept; `receive(b"")` asks for it.
        When the peer breaks the protocol, the frames before the fault are given back, `failure`
        is set, and whatever comes after it is ignored.
        """
        found: list[Frame] = []
        if self.failure is not None:
            return found
        if self._rest:  # the usual case is that whole frames come, and nothing is copied
            self._rest += data
            if len(self._rest) < self._wanted and self._greeted:
                return found
            data = bytes(self._rest)
            self._rest.clear()
        offset = 0
        try:
            if not self._greeted:
                offset = self._take_preface(data)
            if self._greeted:
                offset = self._take_frames(data, offset, found, limit)
        except MalformedFrame as exc:
            self.failure = exc
        except UnicodeDecodeError:
            self.failure = MalformedFrame("text that is no UTF-8")
        else:
            if offset < len(data):
                self._rest += memoryview(data)[offset:]
        return found

    def receive_alone(self, data: bytes) -> tuple[int, Broadcast | RoomMessage] | None:
        """Take bytes that are one message to others and nothing else, as most are.

        Returns:
            None: they are not, and `receive` is to take them.
        """
        if len(data) < _SAID.size or self._rest or not self._greeted or self.failure is not None:
            return None
        length, kind, request_id, number, first = _SAID.unpack_from(data)
        if number != 1 or length != len(data) - 4:
            return None
        try:
            said = _said(kind, data, _SAID.size, first, len(data))
        except (MalformedFrame, UnicodeDecodeError):
            return None  # `receive` finds the same, and notes it
        return None if said is None else (request_id, said)

    def _take_preface(self, data: bytes) -> int:
        """Give how much of it was taken."""
        start = data[: len(PREFACE)]
        if start[:4] != PREFACE[: len(start[:4])]:
            raise MalformedFrame("this is no Toom connection")
        if len(start) < len(PREFACE):
            return 0
        if start != PREFACE:
            raise MalformedFrame(f"the peer speaks version {start[4]}, not {VERSION}")
        self._greeted = True
        return len(PREFACE)

    def _take_frames(self, data: bytes, offset: int, found: list[Frame], limit: int | None) -> int:
        """Decode whole frames from an offset on; give the offset behind the last one."""
        size = len(data)
        while offset < size and len(found) != limit:
            self._wanted = 0
            if size - offset >= _SAID.size:  # what is said comes most often
                length, kind, request_id, number, first = _SAID.unpack_from(data, offset)
                end = offset + 4 + length
                if number == 1 and end <= size:
                    said = _said(kind, data, offset + _SAID.size, first, end)
                    if said is not None:
                        found.append((request_id, said))
                        offset = end
                        continue
            elif size - offset < _HEADER.size:
                self._wanted = _HEADER.size
                break
            length, kind, request_id = _HEADER.unpack_from(data, offset)
            if not _AFTER_LENGTH <= length <= MAX_FRAME:
                raise MalformedFrame(f"a frame of {length} bytes")
            end = offset + 4 + length
            if size < end:
                self._wanted = end - offset
                break
            form = self._forms.get(kind)
            start = offset + _HEADER.size
            found.append(
                (request_id, Unknown(kind) if form is None else form.decode(data, start, end))
            )
            offset = end
        return offset


def _said(
    kind: int, data: bytes, start: int, first: int, end: int
) -> Broadcast | RoomMessage | None:
    """Read a message to others whose first field, of so many bytes, begins at `start`.

    Returns:
        None: it is none, or not in its usual form, every field once and in order.
    """
    if kind == _BROADCAST and start + first == end:
        broadcast = empty(Broadcast)
        _put_text(broadcast, data[start:end].decode())
        return broadcast
    if kind != _ROOM_MESSAGE:
        return None
    head = start + first
    text = head + FIELD.size
    if text > end or FIELD.unpack_from(data, head) != (2, end - text):
        return None
    message = empty(RoomMessage)
    _put_room_id(message, as_integer(data[start:head]))
    _put_room_text(message, data[text:end].decode())
    return message


def encode(request_id: int, message: Message) -> bytes:
    """Write one frame.

    Raises:
        MisuseError: a value that cannot be sent (too long, negative, no UTF-8).
    """
    body = FORMS[message.KIND].encode(message)
    length = _AFTER_LENGTH + len(body)
    if length > MAX_FRAME:
        raise MisuseError(f"a frame of {length} bytes")
    return _HEADER.pack(length, message.KIND, request_id) + body


def request_id_of(frame: bytes) -> int:
    """Give the request id of a frame that `encode` has made."""
    return int(_HEADER.unpack_from(frame)[2])


def encode_numbered(kind: type[Message], *rest: str | int) -> Callable[[int, int], bytes]:
    """Prepare frames of one kind that differ in their request id and their first field, a number.

    Args:
        rest: the values of the other fields, in order.

    Returns:
        Makes a frame of a request id and a number.

    Raises:
        MisuseError: as `encode`.
    """
    tail = encode(0, cast(Any, kind)(0, *rest))[_HEADER.size + FIELD.size + 1 :]
    whole = struct.Struct(f"!IBIBHQ{len(tail)}s")  # a number in all of its eight bytes
    length, kind_number, pack = whole.size - 4, kind.KIND, whole.pack

    def frame(request_id: int, number: int) -> bytes:
        return pack(length, kind_number, request_id, 1, MAX_INTEGER_BYTES, number, tail)

    return frame
