"""Which characters of a name somebody who reads it can see (PROTOCOL 7.5).

Belongs here: telling what cannot be seen from what can, and escaping it. Does not: what a file name
or a message may be (filenames, texts).
"""

from __future__ import annotations

import functools
import unicodedata
from typing import Final

# Cc: control characters; Zl, Zp: separators that a terminal may take for a new line; Cs: lone
# surrogates, which are what the operating system's invalid UTF-8 becomes in Python.
CONTROLS: Final = frozenset({"Cc", "Zl", "Zp", "Cs"})
# Cf: what only says how others are to be shown; Co, Cn: what means nothing to most fonts, so that
# any two of them look alike.
_UNSEEN: Final = CONTROLS | {"Cf", "Co", "Cn"}

# Format characters that have a glyph: signs over numbers (Unicode 23.2, prepended marks).
_WITH_GLYPH: Final = frozenset(
    map(chr, [*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD])
)
# Not of Cf, and not seen either (Unicode's Default_Ignorable_Code_Point): a joiner of graphemes,
# fillers, vowels, and what is reserved for more of the kind.
_IGNORED: Final = (
    *(range(code, code + 1) for code in (0x34F, 0x180F, 0x2065, 0x3164, 0xFFA0)),
    *(range(0x115F, 0x1161), range(0x17B4, 0x17B6), range(0x180B, 0x180E), range(0xFFF0, 0xFFF9)),
    *(range(0xE0000, 0xE0100), range(0xE01F0, 0xE1000)),
)
_SELECTORS: Final = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
_EMOJI_SELECTORS: Final = frozenset("\ufe0e\ufe0f")
_SKIN_TONES: Final = frozenset(map(chr, range(0x1F3FB, 0x1F400)))
_KEYCAP: Final = "\u20e3"
_NON_JOINER, _JOINER = "\u200c", "\u200d"
_VIRAMA: Final = 9  # combining class
_ARABIC_FORMS: Final = (*range(0xFB50, 0xFE00), *range(0xFE70, 0xFF00))


def is_unseen(text: str, place: int) -> bool:
    """Whether the character at a place of a name changes nothing that is seen, or no font has it.

    A joiner and a variation selector can be seen where they stand as they should: in emoji, between
    letters that join, behind what has variants. Elsewhere they are how two names look alike.
    """
    char = text[place]
    if char in (_NON_JOINER, _JOINER):
        return not (_joins_letters(text, place) or (char == _JOINER and _joins_emoji(text, place)))
    if _is_of(char, _SELECTORS):
        return not _has_variants(text, place)
    if _is_of(char, _IGNORED):
        return True
    return unicodedata.category(char) in _UNSEEN and char not in _WITH_GLYPH


def hides_something(text: str) -> bool:
    """Whether a name holds what no reader can see, or is meant to say how others are shown.

    That is not so of private and unassigned characters (Co, Cn): most terminals show a box.
    """
    if text.isascii() and text.isprintable():  # the usual case, told at once
        return False
    return any(
        is_unseen(text, place)
        and (_is_of(char, _IGNORED) or unicodedata.category(char) not in ("Co", "Cn"))
        for place, char in enumerate(text)
    )


def seen(name: str) -> str:
    """A name as a terminal may be given it: what cannot be seen is escaped, as Python writes it."""
    if name.isascii() and name.isprintable():
        return name
    return "".join(
        char.encode("unicode_escape").decode("ascii") if is_unseen(name, place) else char
        for place, char in enumerate(name)
    )


def _is_of(char: str, ranges: tuple[range, ...]) -> bool:
    return any(ord(char) in each for each in ranges)


def _joins_emoji(text: str, place: int) -> bool:
    """A joiner between two symbols makes them one (Unicode Technical Standard 51)."""
    before = text[:place].rstrip("\ufe0f")[-1:]
    return (before in _SKIN_TONES or _is_symbol(before)) and _is_symbol(text[place + 1 : place + 2])


def _is_symbol(char: str) -> bool:
    return char != "" and not char.isascii() and unicodedata.category(char) in ("So", "Sm")


def _joins_letters(text: str, place: int) -> bool:
    """As RFC 5892, appendix A.1 and A.2, allows a joiner: it changes the letters beside it."""
    before = text[place - 1 : place]
    if before and unicodedata.combining(before) == _VIRAMA:
        return True
    left = next((char for char in reversed(text[:place]) if not unicodedata.combining(char)), "")
    right = next((char for char in text[place + 1 :] if not unicodedata.combining(char)), "")
    joining_left, joining_right = _joining_letters()
    return text[place] == _NON_JOINER and left in joining_left and right in joining_right


@functools.cache
def _joining_letters() -> tuple[frozenset[str], frozenset[str]]:
    """Letters that join to the next one, and to the one before, by the forms that Unicode has."""
    letters: dict[str, set[str]] = {"<initial>": set(), "<final>": set()}
    for code in _ARABIC_FORMS:
        form, _, letter = unicodedata.decomposition(chr(code)).partition(" ")
        if form in letters and len(letter) == 4:
            letters[form].add(chr(int(letter, 16)))
    return frozenset(letters["<initial>"]), frozenset(letters["<final>"])


def _has_variants(text: str, place: int) -> bool:
    """Symbols can be shown as emoji, Han characters in more than one shape."""
    before = text[place - 1 : place]
    if text[place] in _EMOJI_SELECTORS and text[place + 1 : place + 2] == _KEYCAP:
        return True
    if not before or before.isascii():
        return False
    of_emoji = unicodedata.category(before) in ("So", "Sm", "Po", "Pd")
    if text[place] in _EMOJI_SELECTORS and of_emoji:
        return True
    return unicodedata.name(before, "").startswith("CJK ")
