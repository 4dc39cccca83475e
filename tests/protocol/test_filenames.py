"""SPEC S12: «FILENAME is a bare name: one with `/`, `..`, a leading `.`, control characters or over
200 bytes is refused, by both sides.»"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toom_protocol.characters import is_unseen
from toom_protocol.filenames import NameFault, fault_in, presenter_filename, shown


@pytest.mark.parametrize(
    "name",
    [
        "lecture1.mp4",
        "a",
        "ä ö.mp4",
        "日本.mp4",
        "a.b.c",
        "-rf",
        "x" * 200,
        "ä" * 100,
        "back\\slash",
        "می\u200cروم.mp4",  # a joiner where it is seen: PROTOCOL 7.5
        "family 👨\u200d👩\u200d👧.mp4",
        "❤\ufe0f\u200d🔥.mp4",
        "\ue000 private.mp4",
    ],
)
def test_bare_names(name: str) -> None:
    assert fault_in(name) is None


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("", NameFault.EMPTY),
        ("/etc/passwd", NameFault.SLASH),
        ("a/b", NameFault.SLASH),
        ("..", NameFault.DOTS),
        ("a..b", NameFault.DOTS),
        (".", NameFault.HIDDEN),
        (".bashrc", NameFault.HIDDEN),
        ("a\nb", NameFault.CONTROL),
        ("a\0b", NameFault.CONTROL),
        ("a\x1b[2J", NameFault.CONTROL),
        ("a\x7f", NameFault.CONTROL),
        ("a\x9b", NameFault.CONTROL),
        ("a\u2028b", NameFault.CONTROL),
        ("a\u202e4pm.exe", NameFault.CONTROL),
        ("a\udcff", NameFault.CONTROL),
        ("a\u200bb", NameFault.UNSEEN),
        ("a\u200db", NameFault.UNSEEN),
        ("a\ufeff", NameFault.UNSEEN),
        ("a\u00adb", NameFault.UNSEEN),
        ("a\u3164", NameFault.UNSEEN),
        ("a\ufe0f", NameFault.UNSEEN),
        ("🏴\U000e0067\U000e007f", NameFault.UNSEEN),
        ("x" * 201, NameFault.TOO_LONG),
        ("ä" * 101, NameFault.TOO_LONG),
    ],
)
def test_faults(name: str, fault: NameFault) -> None:
    assert fault_in(name) is fault


def test_a_received_file_is_called_after_its_presenter() -> None:
    """«`presenter_filename` (`Yoda_lecture1.mp4`; case kept, no extension added)»"""
    assert presenter_filename("Yoda", "lecture1.mp4") == "Yoda_lecture1.mp4"
    assert presenter_filename("yODA", "X") == "yODA_X"


@pytest.mark.parametrize(
    ("presenter", "filename"),
    [("Yoda", "../x"), ("../Yoda", "x"), (".Yoda", "x"), ("Yo/da", "x"), ("Y" * 60, "x" * 200)],
)
def test_no_received_file_leaves_its_directory(presenter: str, filename: str) -> None:
    assert presenter_filename(presenter, filename) is None


@given(st.text(), st.text())
def test_whatever_is_stored_is_one_path_component(presenter: str, filename: str) -> None:
    stored = presenter_filename(presenter, filename)
    if stored is not None:
        assert "/" not in stored
        assert "\0" not in stored
        assert not stored.startswith(".")
        assert 0 < len(stored.encode()) <= 255


@given(st.text(st.characters(exclude_categories=())))
def test_any_name_can_be_shown_on_one_line(name: str) -> None:
    for place, character in enumerate(shown(name)):
        assert not is_unseen(shown(name), place), ascii(character)


@given(st.text(st.sampled_from("a👨م\u200b\u200c\u200d\ufe0f\ue000\U0010ffff\n")))
def test_what_is_stored_is_what_is_shown_or_is_escaped(name: str) -> None:
    """PROTOCOL 7.5."""
    stored = presenter_filename("Yoda", name)
    if stored is not None:
        assert "\u200b" not in stored
        assert (shown(stored) == stored) is not any(each in stored for each in "\ue000\U0010ffff")


def test_a_long_hostile_name_is_cut() -> None:
    assert len(shown("\n" * 1000)) < 70
    assert len(shown("\u200b" * 1000)) < 70
