"""PROTOCOL 5.9: what the audience's rules do to offers, at both ends."""

from __future__ import annotations

import pytest

from tests.client.table import Client, Table, content_of
from toom_client.rules import Rules
from toom_client.transfers import (
    Received,
    ReceiveFailed,
    SendFailed,
    Uploaded,
)

FILES = 200  # more than come at a time


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        (Rules(accept=frozenset({"Luke"})), "files of this user are not accepted"),
        (Rules(accept=frozenset()), "files of this user are not accepted"),
        (Rules(max_file_size=2), "the file is too large"),
        (Rules(at_once=0), "too many files are being received already"),
    ],
)
def test_what_is_against_the_audiences_rules_is_refused_at_both_ends(
    table: Table, yoda: Client, rules: Rules, reason: str
) -> None:
    strict = table.seat("Strict", rules=rules)
    yoda.writes("a.mp4", b"abc")
    table.send(yoda, "a.mp4", strict)
    assert yoda.hears() == SendFailed("a.mp4", "Strict", reason)
    assert strict.hears() == ReceiveFailed("a.mp4", "Yoda", reason)
    assert list(strict.directory.iterdir()) == [], "the disk was not touched"


@pytest.mark.slow
def test_hundreds_of_files_in_a_row_arrive(table: Table, yoda: Client, han: Client) -> None:
    """Nothing is refused for being too much (SPEC S12): what has no place waits for one."""
    files = {f"{number}.mp4": content_of(5000, seed=number) for number in range(FILES)}
    for name, content in files.items():
        yoda.writes(name, content)
    for name in files:
        table.send(yoda, name, han)
    assert {han.hears() for _ in files} == {Received(name, "Yoda") for name in files}
    assert {yoda.hears() for _ in files} == {Uploaded(name, "Han") for name in files}
    assert han.stored() == {f"Yoda_{name}": content for name, content in files.items()}


@pytest.mark.parametrize(
    "rules", [Rules(), Rules(accept=frozenset({"Han", "Yoda"}), max_file_size=3, at_once=1)]
)
def test_what_is_within_the_rules_is_taken(table: Table, yoda: Client, rules: Rules) -> None:
    strict = table.seat("Strict", rules=rules)
    yoda.writes("a.mp4", b"abc")
    table.send(yoda, "a.mp4", strict)
    assert strict.hears() == Received("a.mp4", "Yoda")
