"""A plain `assert` in the words of wanted and seen."""

import pytest

from toom_scenarios.comparison import Comparison, reason
from toom_scenarios.facts import SEEN, WANTED, Compared, Facts


@pytest.mark.parametrize(
    ("left", "operator", "right", "words"),
    [
        (["a"], "==", ["b"], "wanted “b”, saw “a”"),
        (["a"], "==", [], "too much: “a”"),
        ([], "==", ["b"], "missing: “b”"),
        ([], "==", ["b", "c"], "missing: “b”"),
        (3, "==", 2, "wanted “2”, saw “3”"),
        ("a\nb", "==", "a\nc", "wanted “c”, saw “b”"),
        (3, ">", 5, "wanted something > 5, saw “3”"),
        ("x", "in", ["a", "b"], "wanted somewhere in what was seen: x, saw “a / b”"),
        ("a", "not in", ["xax", "b"], "wanted nowhere in what was seen: a, saw “xax”"),
        ("a", "not in", "b\nxax", "wanted nowhere in what was seen: a, saw “xax”"),
        ({"a"}, "<=", {"b", "c"}, "wanted nothing besides b / c, saw “too much: a”"),
        ({"a"}, ">=", {"a", "c"}, "wanted all of a / c, saw “missing: c”"),
        ({"b", "a"}, "==", {"a", "c"}, "wanted “c”, saw “b”"),
    ],
)
def test_the_first_difference_in_a_line(
    left: object, operator: str, right: object, words: str
) -> None:
    assert reason(Comparison(operator, left, right).facts()) == words


def test_sides_can_be_exchanged() -> None:
    assert Comparison("==", 3, 4).turned().facts() == Facts(
        compared=(Compared(WANTED, "3"), Compared(SEEN, "4"))
    )


def test_for_pytest_the_whole_comes_first() -> None:
    assert Comparison("==", ["a"], ["b"]).words() == ["['a'] == ['b']", "wanted b", "  seen a"]
