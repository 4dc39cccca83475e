"""How each kind of message is written: its fields, one after the other (PROTOCOL 2.2).

Belongs here: the bodies of frames. Does not: frames (codec.py), what can be said (messages/).
"""

import struct
from collections.abc import Callable
from dataclasses import MISSING, fields
from enum import IntEnum
from typing import Any, Final, get_args, get_type_hints

from toom_protocol.errors import MalformedFrame, MisuseError
from toom_protocol.messages import Message

FIELD: Final = struct.Struct("!BH")  # number of the field, length of its value
MAX_INTEGER_BYTES: Final = 8
# Frozen messages get their slots filled directly: __init__ costs more than the rest of decoding.
empty: Final = object.__new__


class Form:
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
        """Write a body."""
        return b"".join([field.encode(getattr(message, field.name)) for field in self._fields])

    def decode(self, data: bytes, start: int, end: int) -> Any:
        """Read a body: in its usual form quickly, in any other one field by field."""
        if self._has_lists:
            return self._decode_any(data[start:end])
        message = empty(self._message)
        offset = start
        for number, take, put in self._usual:
            if end - offset < FIELD.size or data[offset] != number:
                return self._decode_any(data[start:end])
            text = offset + FIELD.size
            offset = text + (data[offset + 1] << 8 | data[offset + 2])
            put(message, take(data[text:offset]))
        return message if offset == end else self._decode_any(data[start:end])

    def _decode_any(self, body: bytes) -> Any:
        values: dict[str, Any] = {
            f.name: [] if f.repeated else f.default for f in self._fields if f.has_default
        }
        offset = 0
        while offset < len(body):
            if len(body) - offset < FIELD.size:
                raise MalformedFrame("a field is cut off")
            number, length = FIELD.unpack_from(body, offset)
            offset += FIELD.size
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
        self.take: Callable[[bytes], Any] = as_text
        if hint is bytes:
            self.take = bytes
        elif hint is int:
            self.take = as_integer
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
            if isinstance(value, int) and len(written) > MAX_INTEGER_BYTES:
                raise MisuseError(f"{self.name} is larger than 64 bits")
            return FIELD.pack(self.number, len(written)) + written
        except (UnicodeEncodeError, OverflowError, struct.error) as exc:
            raise MisuseError(f"{self.name} cannot be sent: {exc}") from exc


def as_text(value: bytes) -> str:
    """Read a text; raises MalformedFrame."""
    try:
        return value.decode()
    except UnicodeDecodeError as exc:
        raise MalformedFrame("text that is no UTF-8") from exc


def as_integer(value: bytes) -> int:
    """Read a number; raises MalformedFrame."""
    if not 1 <= len(value) <= MAX_INTEGER_BYTES:
        raise MalformedFrame(f"a number of {len(value)} bytes")
    return int.from_bytes(value, "big")


def _choice(enum: type[IntEnum]) -> Callable[[bytes], IntEnum]:
    def decode(value: bytes) -> IntEnum:
        try:
            return enum(as_integer(value))
        except ValueError as exc:
            raise MalformedFrame(f"no {enum.__name__}: {value!r}") from exc

    return decode


FORMS: Final[dict[int, Form]] = {kind.KIND: Form(kind) for kind in get_args(Message)}
