"""PROTOCOL 5.9: what the user says about files that come in."""

import pytest

from toom_client.rules import CONTROLLERS, parse_accept, parse_number, parse_size
from toom_protocol.transfer import congestion


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("all", None),
        ("none", frozenset()),
        ("Yoda", {"Yoda"}),
        ("Yoda,Obi-wan", {"Yoda", "Obi-wan"}),
        ("Yoda, Obi-wan", {"Yoda", "Obi-wan"}),
    ],
)
def test_whose_files(text: str, names: set[str] | None) -> None:
    assert parse_accept(text) == names


@pytest.mark.parametrize("text", ["", ",", "Yoda,", ",Yoda", "Yoda,,Han", "none,Yoda", "all,Yoda"])
def test_an_empty_name_is_no_name(text: str) -> None:
    with pytest.raises(ValueError, match="list of names"):
        parse_accept(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1500", 1500),
        ("500k", 500_000),
        ("20M", 20 * 10**6),
        ("4G", 4 * 10**9),
        ("1T", 10**12),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "k", "-1", "1.5G", "4 G", "4GB", "٣", "1" * 16])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="is no size"):
        parse_size(text)


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "٣", "1" * 7])
def test_what_is_no_number_of_files(text: str) -> None:
    with pytest.raises(ValueError, match="is no number of files"):
        parse_number(text)


def test_one_file_at_a_time() -> None:
    assert parse_number("1") == 1


def test_the_controllers_that_can_be_chosen_are_those_that_there_are() -> None:
    assert set(CONTROLLERS) == set(congestion.CONTROLLERS)
    assert CONTROLLERS[0] == congestion.DEFAULT
