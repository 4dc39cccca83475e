"""credentials.txt as other people leave it: SPEC S2, PROTOCOL 7.2."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toom_server.accounts import Accounts, BadCredentials


@pytest.mark.parametrize(
    "content",
    [
        b"Yoda jedi!\nHan solo#1\n",
        b"Yoda jedi!\r\nHan solo#1\r\n",
        b"\n\nYoda jedi!\n\n \nHan solo#1",
        b"Yoda jedi!   \nHan solo#1  \n\n\n",
        b"\xef\xbb\xbfYoda jedi!\nHan solo#1\n",
    ],
)
def test_what_a_file_may_look_like(content: bytes) -> None:
    accounts = Accounts.parse(content)
    assert len(accounts) == 2
    assert accounts.verify("Yoda", "jedi!")
    assert accounts.verify("Han", "solo#1")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"Yoda", "one space"),
        (b"Yoda jedi master", "one space"),
        (b"Yoda  jedi", "one space"),
        (b" Yoda jedi", "one space"),
        (b"Yo;da jedi", "`;`"),
        (b"Yo\x01da jedi", "control"),
        ("Yo\u200bda jedi".encode(), "cannot be seen: 'Yo\\u200bda'"),  # PROTOCOL 7.5
        ("Yo\u202eda jedi".encode(), "cannot be seen"),
        ("Yoda\ufe0f jedi".encode(), "cannot be seen"),
        (b"Yoda je\tdi", "control"),
        (b"\xff\xfe jedi", "UTF-8"),
        (b"Y" * 2000 + b" jedi", "longer"),
    ],
)
def test_a_line_that_cannot_be_an_account(line: bytes, why: str) -> None:
    with pytest.raises(BadCredentials) as refusal:
        Accounts.parse(b"Han solo\n\n" + line + b"\n")
    [bad] = refusal.value.lines
    assert bad.number == 3
    assert why in bad.reason


def test_every_bad_line_is_named() -> None:
    with pytest.raises(BadCredentials) as refusal:
        Accounts.parse(b"a\nYoda x\nYoda y\nb c d\n")
    assert [bad.number for bad in refusal.value.lines] == [1, 2, 3, 4]


def test_case_matters() -> None:
    accounts = Accounts.parse(b"Yoda jedi\n")
    assert not accounts.verify("yoda", "jedi")
    assert not accounts.verify("Yoda", "Jedi")


def test_an_unknown_name_has_no_password() -> None:
    assert not Accounts.parse(b"Yoda jedi\n").verify("Nobody", "")


@given(st.binary(max_size=300))
def test_any_file_is_read_or_refused(content: bytes) -> None:
    with contextlib.suppress(BadCredentials):
        Accounts.parse(content)
