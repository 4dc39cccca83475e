"""SPEC S12: «FILENAME is a bare name: one with `/`, `..`, a leading `.`, control characters or over
200 bytes is refused, by both sides.»"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    assert all(character.isprintable() or character == " " for character in shown(name)) or (
        fault_in(name) is None  # a bare name is shown as it is
    )
    assert "\n" not in shown(name)
    assert "\x1b" not in shown(name)


def test_a_long_hostile_name_is_cut() -> None:
    assert len(shown("\n" * 1000)) < 70
