"""Patterns and comparisons as a person reads them."""

import re

import hypothesis
import hypothesis.strategies as st
import pytest

from toom_scenarios.facts import SAME, SEEN, WANTED, Compared
from toom_scenarios.legible import (
    MOST_COMPARED,
    WIDTH,
    clipped,
    compared,
    compared_with_patterns,
    legible,
    visible,
)
from toom_scenarios.spec import BROADCAST_SENT, ROOM_BUILT, user_line


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (BROADCAST_SENT, "Broadcast message, #<number> broadcast at <time>."),
        (
            ROOM_BUILT,
            "Separate chat room has been created, room ID: <room>, users in this room: <users>",
        ),
        (user_line(1, "Obi-wan", "10.0.0.2", 8000), "1; <time>; Obi-wan; 10.0.0.2; 8000"),
        (r"room ID: (\d+)", "room ID: <number>"),
        (r"(?!Broadcast message).+", "<not Broadcast message>…"),
        (r"(?:Your account is blocked|Welcome to).+", "(Your account is blocked|Welcome to)…"),
        (r"[^\])]x\)", r"[^\])]x)"),
        (r"(a(b\))?)c", "(a(b))?)c"),
        (r"\w", r"\w"),
    ],
)
def test_patterns_in_words(pattern: str, words: str) -> None:
    assert legible(pattern) == words


@hypothesis.given(st.text())
def test_what_was_escaped_is_itself(text: str) -> None:
    assert legible(re.escape(text)) == text


@hypothesis.given(st.text(alphabet="ab()[]\\.?+*|<>P!:^"))
def test_any_text_is_taken_for_a_pattern(text: str) -> None:
    legible(text)


def test_nothing_that_a_terminal_obeys_is_shown() -> None:
    assert visible("a\x1b[0m\x7f\t\udcff\ud800") == "a␛[0m␡\t\\xff\\ud800"
    assert clipped("x" * 20, 5) == "xxxxx… (15 more)"


def test_both_sides_of_a_difference_stand_together() -> None:
    assert compared(["a", "b ", "c"], ["a", "b", "c", "d"]) == (
        Compared(SAME, "a"),
        Compared(WANTED, "b␠"),
        Compared(SEEN, "b"),
        Compared(SAME, "c"),
        Compared(SEEN, "d"),
    )


def test_what_is_alike_is_left_out_where_it_is_long() -> None:
    lines = [str(number) for number in range(20)]
    rows = compared(lines, [*lines[:10], "new", *lines[10:]])
    assert [row.text for row in rows] == [
        "… 8 lines alike",
        *("8", "9", "new", "10", "11"),
        "… 8 lines alike",
    ]


def test_the_difference_of_long_lines_is_seen() -> None:
    wanted, seen = ("x" * 1000 + end for end in ("a", "b"))
    rows = compared([wanted], [seen])
    assert [row.text[-1] for row in rows] == ["a", "b"]
    assert all(len(row.text) < WIDTH for row in rows)


def test_lines_are_compared_with_patterns() -> None:
    patterns = [r"1; \d+", r"2; \d+", r"3; \d+"]
    assert compared_with_patterns(patterns, ["1; 7", "3; 9"]) == (
        Compared(SAME, "1; 7"),
        Compared(WANTED, "2; <number>"),
        Compared(SAME, "3; 9"),
    )


def test_no_more_is_compared_than_anybody_reads() -> None:
    lines = ["x"] * (MOST_COMPARED + 3)
    assert compared([], lines)[-1] == Compared(SAME, "… 3 lines more")
