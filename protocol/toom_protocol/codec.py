"""Bytes on a TCP connection to messages and back, incrementally (PROTOCOL 2.1, 2.2, 2.3).

The only door for bytes from a TCP peer: it fails in one way, `MalformedFrame`. After it nobody
splits strings.
"""

import struct
from collections.abc import Callable
from dataclasses import MISSING, fields
from enum import IntEnum
from typing import Any, Final, cast, get_args, get_type_hints

from toom_protocol.errors import MalformedFrame, MisuseError
from toom_protocol.messages import VERSION, Broadcast, Message, RoomMessage, Unknown

PREFACE: Final = b"TOOM" + bytes([VERSION])  # first bytes of either side; PROTOCOL 2.1
MAX_FRAME: Final = 128 * 1024  # bytes after the length; two fields of 60,000 bytes and some room
MAX_FIELD: Final = 0xFFFF  # bytes; a field's length is a 16-bit number

_HEADER: Final = struct.Struct("!IBI")  # length of what follows it, kind, request id
_AFTER_LENGTH: Final = _HEADER.size - 4
_FIELD: Final = struct.Struct("!BH")  # number of the field, length of its value
_SAID: Final = struct.Struct("!IBIBH")  # the header and the head of the first field
_MAX_INTEGER_BYTES: Final = 8
# Frozen messages that come most often get their slots filled directly: __init__ costs more than all
# the rest of decoding.
_empty: Final = object.__new__
_put_text: Final = vars(Broadcast)["text"].__set__
_put_room_id: Final = vars(RoomMessage)["room_id"].__set__
_put_room_text: Final = vars(RoomMessage)["text"].__set__


# The id that ties a reply to its request, 0 for notices; and a message. A bare tuple, since each
# message that is sent or received is one.
Frame = tuple[int, Message | Unknown]


class Decoder:
    """Turns a stream of bytes into frames, however the stream is cut."""

    __slots__ = ("_greeted", "_rest", "_wanted", "failure")

    def __init__(self) -> None:
        self._rest = bytearray()  # what has come and is not decoded yet
        self._wanted = len(PREFACE)  # bytes that the rest needs before there is anything to decode
        self._greeted = False
        self.failure: MalformedFrame | None = None

    def receive(self, data: bytes, *, limit: int | None = None) -> list[Frame]:
        """Take bytes; give back the frames that are complete now, at most `limit` of them.

        The rest is kept; `receive(b"")` asks for it.
        When the peer breaks the protocol, the frames before the fault are given back, `failure`
        is set, and whatever comes after it is ignored.
        """
        if self.failure is not None:
            return []
        if self._rest:  # the usual case is that whole frames come, and nothing is copied
            self._rest += data
            if len(self._rest) < self._wanted and self._greeted:
                return []
            data = bytes(self._rest)
            self._rest.clear()
        found: list[Frame] = []
        offset = 0
        try:
            if not self._greeted:
                offset = self._take_preface(data)
            if self._greeted:
                offset = self._take_frames(data, offset, found, limit)
        except MalformedFrame as exc:
            self.failure = exc
        else:
            if offset < len(data):
                self._rest += memoryview(data)[offset:]
        return found

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
        self._wanted = 0
        while len(found) != limit:
            if size - offset >= _SAID.size:  # what is said comes most often
                length, kind, request_id, number, first = _SAID.unpack_from(data, offset)
                end = offset + 4 + length
                said: Broadcast | RoomMessage | None = None
                if number == 1 and end <= size:
                    if kind == Broadcast.KIND:
                        said = _broadcast(data, offset + _SAID.size, first, end)
                    elif kind == RoomMessage.KIND:
                        said = _room_message(data, offset + _SAID.size, first, end)
                if said is not None:
                    found.append((request_id, said))
                    offset = end
                    continue
            if size - offset < _HEADER.size:
                self._wanted = _HEADER.size
                break
            length, kind, request_id = _HEADER.unpack_from(data, offset)
            if not _AFTER_LENGTH <= length <= MAX_FRAME:
                raise MalformedFrame(f"a frame of {length} bytes")
            end = offset + 4 + length
            if size < end:
                self._wanted = end - offset
                break
            form = _FORMS.get(kind)
            start = offset + _HEADER.size
            found.append(
                (request_id, Unknown(kind) if form is None else form.decode(data, start, end))
            )
            offset = end
        return offset


def _broadcast(data: bytes, start: int, length: int, end: int) -> Broadcast | None:
    """Read one in its usual form: the text alone; None: it has another."""
    if start + length != end:
        return None
    message = _empty(Broadcast)
    _put_text(message, _text(data[start:end]))
    return message


def _room_message(data: bytes, start: int, length: int, end: int) -> RoomMessage | None:
    """Read one in its usual form: the room's number, then the text; None: it has another."""
    head = start + length
    text = head + _FIELD.size
    if text > end or _FIELD.unpack_from(data, head) != (2, end - text):
        return None
    message = _empty(RoomMessage)
    _put_room_id(message, _integer(data[start:head]))
    _put_room_text(message, _text(data[text:end]))
    return message


def encode(request_id: int, message: Message) -> bytes:
    """Write one frame.

    Raises:
        MisuseError: a value that cannot be sent (too long, negative, no UTF-8).
    """
    body = _FORMS[message.KIND].encode(message)
    length = _AFTER_LENGTH + len(body)
    if length > MAX_FRAME:
        raise MisuseError(f"a frame of {length} bytes")
    return _HEADER.pack(length, message.KIND, request_id) + body


def encode_numbered(kind: type[Message], *rest: str | int) -> Callable[[int, int], bytes]:
    """Prepare frames of one kind that differ in their request id and their first field, a number.

    Args:
        rest: the values of the other fields, in order.

    Returns:
        Makes a frame of a request id and a number.

    Raises:
        MisuseError: as `encode`.
    """
    tail = encode(0, cast(Any, kind)(0, *rest))[_HEADER.size + _FIELD.size + 1 :]
    whole = struct.Struct(f"!IBIBHQ{len(tail)}s")  # a number in all of its eight bytes
    length, kind_number, pack = whole.size - 4, kind.KIND, whole.pack

    def frame(request_id: int, number: int) -> bytes:
        return pack(length, kind_number, request_id, 1, _MAX_INTEGER_BYTES, number, tail)

    return frame


class _Form:
    """How one kind of message is written: its fields, numbered from 1."""

    def __init__(self, message: type[Any]) -> None:
        hints = get_type_hints(message)
        self._message = message
        self._fields = [
            _Field(number, field.name, hints[field.name], field.default)
            for number, field in enumerate(fields(message), start=1)
        ]
        self._by_number = {field.number: field for field in self._fields}
        # The form in which messages come usually: every field once, in order.
        self._has_lists = any(field.repeated for field in self._fields)
        self._usual = [(f.number, f.take, getattr(message, f.name).__set__) for f in self._fields]

    def encode(self, message: object) -> bytes:
        return b"".join([field.encode(getattr(message, field.name)) for field in self._fields])

    def decode(self, data: bytes, start: int, end: int) -> Any:
        """Read a body: in its usual form quickly, in any other one field by field."""
        if self._has_lists:
            return self._decode_any(data[start:end])
        message = _empty(self._message)
        offset = start
        for number, take, put in self._usual:
            if end - offset < _FIELD.size or data[offset] != number:
                return self._decode_any(data[start:end])
            text = offset + _FIELD.size
            offset = text + (data[offset + 1] << 8 | data[offset + 2])
            put(message, take(data[text:offset]))
        return message if offset == end else self._decode_any(data[start:end])

    def _decode_any(self, body: bytes) -> Any:
        values: dict[str, Any] = {
            f.name: [] if f.repeated else f.default for f in self._fields if f.has_default
        }
        offset = 0
        while offset < len(body):
            if len(body) - offset < _FIELD.size:
                raise MalformedFrame("a field is cut off")
            number, length = _FIELD.unpack_from(body, offset)
            offset += _FIELD.size
            value = body[offset : offset + length]
            offset += length
            if len(value) < length:
                raise MalformedFrame("a field is cut off")
            if number in self._by_number:  # unknown fields are ignored: a newer peer sent them
                self._by_number[number].decode_into(values, value)
        values |= {f.name: tuple(values[f.name]) for f in self._fields if f.repeated}
        try:
            return self._message(**values)
        except TypeError as exc:
            raise MalformedFrame(f"{self._message.__name__} lacks a field") from exc


class _Field:
    """How one field is written: text, number, bytes, or a repeated text."""

    def __init__(self, number: int, name: str, hint: Any, default: Any) -> None:
        self.number = number
        self.name = name
        self.repeated = hint == tuple[str, ...]
        self.has_default = self.repeated or default is not MISSING
        self.default = () if self.repeated else default
        self.take: Callable[[bytes], Any] = _text
        if hint is bytes:
            self.take = bytes
        elif hint is int:
            self.take = _integer
        elif isinstance(hint, type) and issubclass(hint, IntEnum):
            self.take = _choice(hint)

    def encode(self, value: Any) -> bytes:
        if self.repeated:
            return b"".join(self._encode_one(item) for item in value)
        return self._encode_one(value)

    def decode_into(self, values: dict[str, Any], value: bytes) -> None:
        decoded = self.take(value)
        if self.repeated:
            values[self.name].append(decoded)
        else:
            values[self.name] = decoded

    def _encode_one(self, value: str | bytes | int) -> bytes:
        try:
            if isinstance(value, str):
                written = value.encode()
            elif isinstance(value, int):
                written = value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")
            else:
                written = value
            if isinstance(value, int) and len(written) > _MAX_INTEGER_BYTES:
                raise MisuseError(f"{self.name} is larger than 64 bits")
            return _FIELD.pack(self.number, len(written)) + written
        except (UnicodeEncodeError, OverflowError, struct.error) as exc:
            raise MisuseError(f"{self.name} cannot be sent: {exc}") from exc


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as exc:
        raise MalformedFrame("text that is no UTF-8") from exc


def _integer(value: bytes) -> int:
    if not 1 <= len(value) <= _MAX_INTEGER_BYTES:
        raise MalformedFrame(f"a number of {len(value)} bytes")
    return int.from_bytes(value, "big")


def _choice(enum: type[IntEnum]) -> Callable[[bytes], IntEnum]:
    def decode(value: bytes) -> IntEnum:
        try:
            return enum(_integer(value))
        except ValueError as exc:
            raise MalformedFrame(f"no {enum.__name__}: {value!r}") from exc

    return decode


_FORMS: Final[dict[int, _Form]] = {kind.KIND: _Form(kind) for kind in get_args(Message)}
