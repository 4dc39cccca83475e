"""Goals of the benchmarks, and the table for people."""

import io

import pytest
from rich.console import Console

from toom_scenarios.bench.document import Goal, Row
from toom_scenarios.bench.table import print_rows


def printed(*rows: Row, terminal: bool = False) -> str:
    out = io.StringIO()
    print_rows(rows, Console(file=out, highlight=False, markup=False, force_terminal=terminal))
    return out.getvalue()


@pytest.mark.parametrize(
    ("goal", "met"),
    [
        (None, None),
        (Goal(at_most=2.0), True),
        (Goal(at_most=1.9), False),
        (Goal(at_least=2.0), True),
        (Goal(at_least=2.1), False),
        (Goal(at_least=1.0, at_most=3.0), True),
        (Goal(at_least=0.5, against="redis"), True),
        (Goal(at_least=0.6, against="redis"), False),
        (Goal(at_least=0.1, against="nobody"), None),
    ],
)
def test_a_goal_is_met_or_not(goal: Goal | None, met: bool | None) -> None:
    row = Row.of("x", "s", [1.0, 2.0, 9.0], {"redis": [2.0, 4.0, 10.0]}, goal=goal)
    assert row.is_met() is met
    assert row.as_json().get("goal_met") is met


def test_a_goal_stands_in_the_document() -> None:
    row = Row.of(
        "x", "s", [1.0, 3.0], {"redis": [2.0, 2.0]}, goal=Goal(at_least=1, against="redis")
    )
    told = row.as_json()
    assert told["goal"] == {"at_least": 1, "against": "redis"}
    assert told["goal_met"] is True
    assert told["pairs"] == {"redis": {"median": 1.0, "min": 0.5, "max": 1.5}}
    assert told["ratio"] == {"redis": 1.0}


def test_a_peer_that_did_nothing_has_no_pairs() -> None:
    assert Row.of("x", "s", [1.0], {"still": [0.0]}).as_json()["ratio"] == {}


def test_the_table_says_what_is_met() -> None:
    good = Row.of("good", "ms", [1.0], goal=Goal(at_most=1))
    bad = Row.of(
        "bad", "ms", [1.0, 3.0], {"redis": [2.0, 2.0]}, goal=Goal(at_least=2, against="redis")
    )
    void = Row.of("void", "ms", [1.0], goal=Goal(at_most=1), counts=False)
    head, *lines = printed(good, bad, void, Row.of("plain", "s", [12345.678])).splitlines()
    assert " ".join(head.split()) == (
        "case unit ours (min to max) peer (min to max) ratio of pairs goal goal met"
    )
    assert [line.split()[-1] for line in lines] == ["yes", "no", "count", "12346"]
    assert "2.00 (1.00 to 3.00)" in lines[1]
    assert "redis 2.00" in lines[1]
    assert "1.00 (0.500 to 1.50)" in lines[1]
    assert "at least 2 x redis" in lines[1]


def test_colours_are_for_terminals_alone() -> None:
    row = Row.of("good", "ms", [1.0], goal=Goal(at_most=1))
    assert "\x1b" not in printed(row)
    assert "\x1b" in printed(row, terminal=True)
