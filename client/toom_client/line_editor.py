"""What typing does to a line: an engine for a terminal in raw mode. Pure.

The kernel's own line editing drops all that is typed after 4095 bytes of a line, silently; a
message may have 8 KiB (SPEC S5). So the client reads bytes and edits the line itself, with the
keys that the kernel knows: erase, word erase, kill, literal next, end of file (PROTOCOL 7.1).
"""

import unicodedata
from dataclasses import dataclass
from typing import Final

# Bytes that are kept of a line. A command that has as many may have been longer and is refused; a
# name or password of this size is a wrong one (PROTOCOL 7.2).
MAX_LINE: Final = 16 * 1024

INTERRUPT: Final = 0x03  # Ctrl-C
END_OF_FILE: Final = 0x04  # Ctrl-D
ERASE: Final = (0x08, 0x7F)  # Backspace
KILL: Final = 0x15  # Ctrl-U
LITERAL_NEXT: Final = 0x16  # Ctrl-V
WORD_ERASE: Final = 0x17  # Ctrl-W
SUSPEND: Final = 0x1A  # Ctrl-Z
NEWLINES: Final = (0x0A, 0x0D)


@dataclass(frozen=True, slots=True)
class Line:
    """A line that was ended with Enter, or by the end of input."""

    content: bytes


@dataclass(frozen=True, slots=True)
class EndOfInput:
    """Nothing more will come."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """Ctrl-C: the line was given up."""


@dataclass(frozen=True, slots=True)
class Suspended:
    """Ctrl-Z."""


Typed = Line | EndOfInput | Interrupted | Suspended


class LineEditor:
    """One line as it is being typed."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._literal = False

    @property
    def content(self) -> bytes:
        """What stands in the line now."""
        return bytes(self._line)

    def shown(self) -> bytes:
        """What a terminal shows of the line, to write it again after a notice."""
        return b"".join(_echo(unit) for unit in _units(self._line))

    def type(self, byte: int) -> tuple[bytes, Typed | None]:
        """Take one byte; give what is to be echoed, and what has been typed if it is complete."""
        if self._literal:
            self._literal = False
            return self._insert(byte), None
        if byte in NEWLINES:
            content = self.content
            self._line.clear()
            return b"", Line(content)
        if byte == END_OF_FILE:
            return b"", None if self._line else EndOfInput()
        if byte == INTERRUPT:
            self._line.clear()
            return b"^C", Interrupted()
        if byte == SUSPEND:
            return b"^Z", Suspended()
        if byte == LITERAL_NEXT:
            self._literal = True
            return b"", None
        if byte in ERASE:
            return self._erase(1), None
        if byte == KILL:
            return self._erase(len(_units(self._line))), None
        if byte == WORD_ERASE:
            return self._erase(self._last_word()), None
        return self._insert(byte), None

    def _insert(self, byte: int) -> bytes:
        if len(self._line) >= MAX_LINE:
            return b"\a"
        self._line.append(byte)
        return bytes([byte]) if byte >= 0x20 and byte != 0x7F else _echo(bytes([byte]))

    def _erase(self, count: int) -> bytes:
        echo = b""
        for unit in reversed(_units(self._line)[-count:] if count else []):
            del self._line[-len(unit) :]
            echo += b"\b \b" * _width(unit)
        return echo

    def _last_word(self) -> int:
        units = _units(self._line)
        kept = len(units)
        while kept and units[kept - 1] == b" ":
            kept -= 1
        while kept and units[kept - 1] != b" ":
            kept -= 1
        return len(units) - kept


def _units(line: bytes | bytearray) -> list[bytes]:
    """Cut a line into what one Backspace takes away: a character, or a byte that is none."""
    text = bytes(line).decode(errors="surrogateescape")
    return [char.encode(errors="surrogateescape") for char in text]


def _echo(unit: bytes) -> bytes:
    """Show a unit as a terminal does: control characters as `^A`."""
    if len(unit) == 1 and unit[0] < 0x20 and unit != b"\t":
        return b"^" + bytes([unit[0] + 0x40])
    return b"^?" if unit == b"\x7f" else unit


def _width(unit: bytes) -> int:
    """Count the columns that a unit takes; a tab's are not known, one is assumed."""
    if len(unit) == 1:
        return len(_echo(unit))
    char = unit.decode(errors="replace")[0]
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
