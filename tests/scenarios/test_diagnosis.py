"""From an exception in a case file to what a person must know."""

from pathlib import Path
from types import ModuleType

import pytest

from toom_scenarios.comparison import Comparison
from toom_scenarios.diagnosis import diagnose
from toom_scenarios.facts import Compared, Diagnosis, Facts
from toom_scenarios.verdict import verdict_on

CASE = """
from toom_scenarios import Broken, ExpectationFailed

def helper(value):
    assert value == 2, (
        "two is wanted"
    )

def with_a_message():
    helper(3)

def turned():
    assert 2 == len("abc")

def inequality():
    assert 5 < len("abc")

def without_a_comparison():
    assert any(
        each == "x" for each in "abc"
    )

def ours():
    raise ExpectationFailed("no reply", "nothing\\nat all")

def broken():
    raise Broken("no engine")

def mishap():
    {}["x"]
"""


def found(
    folder: Path, name: str, comparison: Comparison | None = None, words: str = ""
) -> Diagnosis:
    """Raise what the function raises, with pytest's words where it has rewritten an assertion."""
    path = folder / "case.py"
    path.write_text(CASE)
    module = ModuleType("case")
    exec(compile(CASE, path, "exec"), vars(module))
    with pytest.raises(Exception) as caught:  # noqa: B017, PT011 - any of them
        vars(module)[name]()
    error = caught.value
    if words:
        error.args = (words,)
    return diagnose(
        error, verdict_on(error), case=path, stage=None, comparison=comparison, trace="the trace"
    )


def test_the_story_stands_before_its_helper(tmp_path: Path) -> None:
    comparison = Comparison("==", 3, 2)
    told = found(tmp_path, "with_a_message", comparison, "two is wanted\nassert 3 == 2")
    assert told.reason == "two is wanted"
    assert told.place == (
        "case.py:10: helper(3)",
        'case.py:5: assert value == 2, ( "two is wanted" )',
    )
    assert told.facts == Facts(compared=(Compared("wanted", "2"), Compared("seen", "3")))


def test_a_constant_is_what_is_wanted_wherever_it_stands(tmp_path: Path) -> None:
    told = found(
        tmp_path, "turned", Comparison("==", 2, 3), "assert 2 == 3\n +  where 3 = len('abc')"
    )
    assert told.reason == "wanted “2”, saw “3”"
    assert told.raw.endswith("len('abc')")


def test_an_inequality_is_not_turned(tmp_path: Path) -> None:
    told = found(tmp_path, "inequality", Comparison("<", 5, 3), "assert 5 < 3")
    assert told.reason == "wanted something < 3, saw “5”"


def test_an_older_comparison_is_none_of_its_business(tmp_path: Path) -> None:
    old = Comparison("==", 1, 2)
    told = found(tmp_path, "without_a_comparison", old, "assert False\n +  where False = any(…)")
    assert told.reason == 'this does not hold: any( each == "x" for each in "abc" )'
    assert told.facts == Facts()


def test_our_own_failures_bring_their_facts(tmp_path: Path) -> None:
    told = found(tmp_path, "ours")
    assert (told.reason, told.facts.seen) == ("no reply", ("nothing", "at all"))


def test_what_broke_brings_its_trace_unless_it_says_all(tmp_path: Path) -> None:
    assert found(tmp_path, "broken").raw == ""
    assert found(tmp_path, "mishap").raw == "the trace"
    assert found(tmp_path, "mishap").reason == "KeyError: 'x'"
