"""PROTOCOL 7.5: which characters of a name can be seen, and what becomes of the others."""

import sys
import unicodedata

import pytest

from toom_protocol.characters import hides_something, is_unseen, seen

ZERO_WIDTH_SPACE = "\u200b"
NON_JOINER, JOINER = "\u200c", "\u200d"


@pytest.mark.parametrize(
    "name",
    [
        "lecture1.mp4",
        "日本.mp4",
        "👨\u200d👩\u200d👧",  # a family
        "👩🏽\u200d🚀",  # a skin tone before the joiner
        "❤\ufe0f\u200d🔥",  # a selector before it
        "1\ufe0f\u20e3",  # a keycap
        "☎\ufe0e",
        "می\u200cروم",  # Persian: the joiner keeps two letters apart
        "क्\u200dष",  # Devanagari: half a letter
        "葛\U000e0100",  # a Han character in one of its shapes
        "\u0600123",  # a sign over a number has a glyph
    ],
)
def test_what_is_seen_stays(name: str) -> None:
    assert not hides_something(name)
    assert seen(name) == name


@pytest.mark.parametrize(
    "char",
    [ZERO_WIDTH_SPACE, NON_JOINER, JOINER, "\u200e", "\u200f", "\u061c", "\u2060", "\ufeff"]
    + ["\u00ad", "\u202e", "\u2066", "\u034f", "\u3164", "\u115f", "\uffa0", "\ufe0f", "\ufe00"]
    + ["\U000e0041", "\U000e0100", "\u2065", "\ufff0", "\x9b", "\u2028"],
)
@pytest.mark.parametrize("around", [("a", "b"), ("", "b"), ("a", ""), ("а", "я"), ("é", "日")])
def test_what_is_not_seen_is_escaped(char: str, around: tuple[str, str]) -> None:
    before, after = around
    name = f"{before}{char}{after}"
    assert hides_something(name)
    assert seen(name) == f"{before}{char.encode('unicode_escape').decode()}{after}"


def test_letters_that_do_not_join_hide_a_joiner() -> None:
    assert hides_something(f"ا{NON_JOINER}ب")  # alef joins to nothing behind it
    assert hides_something(f"ب{JOINER}ب")  # these two join without it


@pytest.mark.parametrize("char", ["\ue000", "\uf8ff", "\U0010fffd", "\u0378", "\ufffe"])
def test_what_no_font_has_may_be_a_name_and_is_escaped(char: str) -> None:
    assert not hides_something(f"a{char}")
    assert seen(f"a{char}") == "a" + char.encode("unicode_escape").decode()


def test_of_no_category_anything_passes_that_cannot_be_seen() -> None:
    with_glyph = {"\u0600", "\u06dd", "\u070f", "\u08e2", "\U000110bd"}
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
            known = char in with_glyph or 0x600 <= code <= 0x605 or code in (0x890, 0x891, 0x110CD)
            assert is_unseen(f"a{char}b", 1) is not known, hex(code)
