"""Typing: PROTOCOL 7.1."""

from hypothesis import given
from hypothesis import strategies as st

from toom_client.line_editor import (
    MAX_LINE,
    EndOfInput,
    Interrupted,
    Line,
    LineEditor,
    Suspended,
    Typed,
)


def typed(keys: bytes) -> tuple[bytes, list[Typed]]:
    editor, echo, events = LineEditor(), b"", []
    for byte in keys:
        shown, event = editor.type(byte)
        echo += shown
        if event is not None:
            events.append(event)
    return echo, events


def line(keys: bytes) -> bytes:
    [event] = typed(keys + b"\n")[1]
    assert isinstance(event, Line)
    return event.content


def test_a_line() -> None:
    assert typed(b"BCM hi\n") == (b"BCM hi", [Line(b"BCM hi")])
    assert line(b"") == b""


def test_erasing() -> None:
    assert typed(b"ab\x7fc\n") == (b"ab\b \bc", [Line(b"ac")])
    assert line("é\x08x".encode()) == b"x"
    assert line(b"\x7f\x7fa") == b"a"
    assert line(b"one two \x17three") == b"one three"
    assert line(b"one\x15two") == b"two"
    assert line(b"\x17\x15x") == b"x"
    assert line(b"a\xff\x7f") == b"a"


def test_wide_characters_take_two_columns() -> None:
    assert typed("漢\x7f".encode())[0].endswith(b"\b \b\b \b")
    assert typed("e\u0301\x7f".encode())[0] == "e\u0301".encode()


def test_control_characters_are_shown_and_kept() -> None:
    assert typed(b"a\x01\n") == (b"a^A", [Line(b"a\x01")])
    assert line(b"a\x16\x03b") == b"a\x03b"
    assert typed(b"\x16\x7f")[0] == b"^?"
    assert typed(b"\x01\x7f")[0] == b"^A\b \b\b \b"
    assert line(b"a\tb") == b"a\tb"


def test_keys_that_are_no_text() -> None:
    assert typed(b"\x04")[1] == [EndOfInput()]
    assert typed(b"a\x04\n")[1] == [Line(b"a")]
    assert typed(b"abc\x03d\n")[1] == [Interrupted(), Line(b"d")]
    assert typed(b"ab\x1ac\n")[1] == [Suspended(), Line(b"abc")]


def test_a_line_is_bounded() -> None:
    echo, [event] = typed(b"x" * (MAX_LINE + 10) + b"\n")
    assert event == Line(b"x" * MAX_LINE)
    assert echo.endswith(b"x" + b"\a" * 10)


def test_what_is_shown_again_after_a_notice() -> None:
    editor = LineEditor()
    for byte in "BCM é\x01".encode():
        editor.type(byte)
    assert editor.shown() == "BCM é^A".encode()


@given(st.binary(max_size=200))
def test_any_keys_at_all(keys: bytes) -> None:
    typed(keys)
