"""The log lines of SPEC S3 and S6; PROTOCOL 4.1."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toom_protocol.errors import MalformedLine
from toom_protocol.lines import (
    ActiveUser,
    Post,
    format_active_user,
    format_post,
    parse_active_user,
    parse_post,
)

AT = datetime(2022, 6, 1, 21, 30, 4)
NAMES = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zs"), exclude_characters=";"), min_size=1
)
TEXTS = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1)


def test_the_example_of_the_specification() -> None:
    line = "1; 1 Jun 2022 21:30:04; Yoda; 129.64.1.11; 6666"
    user = ActiveUser(1, AT, "Yoda", "129.64.1.11", 6666)
    assert format_active_user(user) == line
    assert parse_active_user(line) == user


@given(st.integers(1, 10**17), NAMES, TEXTS)
def test_a_message_comes_back_as_it_was_typed(number: int, name: str, text: str) -> None:
    post = Post(number, AT, name, text)
    assert parse_post(format_post(post)) == post


def test_a_message_may_hold_the_separator() -> None:
    assert parse_post("3; 1 Jun 2022 21:30:04; Yoda; a; b; c").text == "a; b; c"


@pytest.mark.parametrize(
    "line",
    [
        *("", "hello", "x; 1 Jun 2022 21:30:04; Yoda; hi", "1; yesterday; Yoda; hi"),
        *("1; 1 Jun 2022 21:30:04; Yoda", "1; 31 Feb 2022 21:30:04; Yoda; hi"),
    ],
)
def test_other_lines_are_malformed(line: str) -> None:
    with pytest.raises(MalformedLine):
        parse_post(line)


@pytest.mark.parametrize("line", ["", "1; 1 Jun 2022 21:30:04; Yoda; 129.64.1.11", "1; x; Y; a; 1"])
def test_other_lines_are_no_active_users(line: str) -> None:
    with pytest.raises(MalformedLine):
        parse_active_user(line)
