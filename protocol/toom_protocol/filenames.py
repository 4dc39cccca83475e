"""Which file names Toom sends and accepts, and what a received file is called.

Belongs here: the one judgement of a bare name, from the keyboard or from the network, and the name
under which an audience stores a file. Does not: directories, opening, anything a file system says.
"""

from __future__ import annotations

import enum
import unicodedata
from typing import Final

from toom_protocol.characters import CONTROLS, hides_something, seen

MAX_NAME_SIZE: Final = 200  # bytes of UTF-8; SPEC S12
MAX_STORED_NAME_SIZE: Final = 255  # bytes; NAME_MAX of the usual file systems
MAX_SHOWN_NAME: Final = 60  # characters of a refused name that a terminal is shown

# Controls of writing direction: with them a name can be shown as quite another one (UAX 9).
_DIRECTIONS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class NameFault(enum.Enum):
    """Why a name is no bare name; the value is a phrase for the user (SPEC S12)."""

    EMPTY = "the name is empty"
    TOO_LONG = "the name is too long"
    SLASH = "the name holds a /"
    DOTS = "the name holds .."
    HIDDEN = "the name begins with a dot"
    CONTROL = "the name holds a control character or is no valid UTF-8"
    UNSEEN = "the name holds a character that cannot be seen"


def fault_in(name: str, *, max_size: int = MAX_NAME_SIZE) -> NameFault | None:
    """Judge whether `name` is a bare name: None, or the first fault found.

    Args:
        name: as typed, or as decoded from an offer.
        max_size: the most bytes of UTF-8.
    Source: SPEC S12 ("FILENAME is a bare name: one with `/`, `..`, a leading `.`, control
    characters or over 200 bytes is refused, by both sides").
    """
    if not name:
        return NameFault.EMPTY
    if any(unicodedata.category(each) in CONTROLS for each in name):
        return NameFault.CONTROL
    if not _DIRECTIONS.isdisjoint(name):
        return NameFault.CONTROL
    if "/" in name:
        return NameFault.SLASH
    if ".." in name:
        return NameFault.DOTS
    if name.startswith("."):
        return NameFault.HIDDEN
    if len(name.encode()) > max_size:
        return NameFault.TOO_LONG
    return NameFault.UNSEEN if hides_something(name) else None


def presenter_filename(presenter: str, filename: str) -> str | None:
    """The name under which the audience stores a file, or None where that is no bare name.

    Source: SPEC S12 ("as `presenter_filename` (`Yoda_lecture1.mp4`; case kept …)").
    """
    if fault_in(filename) is not None:
        return None
    stored = f"{presenter}_{filename}"
    return stored if fault_in(stored, max_size=MAX_STORED_NAME_SIZE) is None else None


def shown(name: str) -> str:
    """Make any name safe to print: what cannot be seen is escaped, what is no bare name is cut."""
    escaped = seen(name)
    if fault_in(name) is None or len(escaped) <= MAX_SHOWN_NAME:
        return escaped
    return f"{escaped[:MAX_SHOWN_NAME]}…"
