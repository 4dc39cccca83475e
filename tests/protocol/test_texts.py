"""What may be said and what may be a name: SPEC S2, S5; PROTOCOL 7.2."""

import pytest

from toom_protocol.texts import (
    MAX_ACCOUNT_WORD,
    MAX_MESSAGE,
    fault_of_account_word,
    fault_of_message,
)


@pytest.mark.parametrize(
    "text", ["hi", "a\tb", "; \"quoted\" 'x'", "é" * 4096, "x" * MAX_MESSAGE, " x"]
)
def test_may_be_said(text: str) -> None:
    assert fault_of_message(text) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a\x01b", "control character"),
        ("a\x7fb", "control character"),
        ("a\x85b", "control character"),
        ("a\nb", "control character"),
        ("\udcff", "UTF-8"),
        ("x" * (MAX_MESSAGE + 1), "too long"),
        ("é" * 4097, "too long"),
        ("", "empty"),
        ("   ", "empty"),
    ],
)
def test_may_not_be_said(text: str, why: str) -> None:
    assert why in (fault_of_message(text) or "")


def test_words_of_an_account() -> None:
    assert fault_of_account_word("Obi-wan") is None
    assert "empty" in (fault_of_account_word("") or "")
    assert "control" in (fault_of_account_word("a\tb") or "")
    assert "longer" in (fault_of_account_word("x" * (MAX_ACCOUNT_WORD + 1)) or "")
