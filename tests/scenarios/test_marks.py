from dataclasses import dataclass
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from toom_scenarios.marks import PART_NAMES, PARTS, shown, split, tally
from toom_scenarios.verdict import Verdict


@dataclass(frozen=True)
class Weight:
    name: str
    part: str
    weight: float


suites = st.lists(
    st.builds(
        Weight,
        name=st.text("abc", min_size=1, max_size=6),
        part=st.sampled_from(["", *PART_NAMES]),
        weight=st.floats(0.1, 100),
    ),
    unique_by=lambda each: each.name,
    max_size=30,
)


def test_the_table_adds_up_to_18() -> None:
    assert sum(part.marks for part in PARTS) == 18


@given(suites)
def test_a_parts_marks_are_split_without_rest(suite: list[Weight]) -> None:
    marks = split(suite)
    for part in PARTS:
        members = [each for each in suite if each.part == part.name]
        assert sum(marks[each.name] for each in members) == (part.marks if members else 0)


@given(suites)
def test_no_part_no_marks(suite: list[Weight]) -> None:
    marks = split(suite)
    assert all(marks[each.name] == 0 for each in suite if not each.part)


LOST = ("fail", "broken", "skipped")


@given(suites, st.data())
def test_every_mark_is_earned_lost_or_not_examined(
    suite: list[Weight], data: st.DataObject
) -> None:
    marks = split(suite)
    verdicts = {each.name: data.draw(st.sampled_from(Verdict)) for each in suite}
    sums = tally(verdicts, marks)
    lost = sum(
        (marks[name] for name, verdict in verdicts.items() if verdict in LOST),
        Fraction(),
    )
    assert sums.earned + lost == sums.possible
    assert sums.possible + sums.not_examined == sum(marks.values())


def test_all_passed_is_exactly_18_whatever_the_weights() -> None:
    suite = [Weight(f"{part}{n}", part, 1 / 3 + n) for part in PART_NAMES for n in range(3)]
    sums = tally({each.name: Verdict.PASS for each in suite}, split(suite))
    assert f"{shown(sums.earned)} of {shown(sums.possible)}" == "18 of 18"


def test_weights_count() -> None:
    marks = split([Weight("light", "upd", 1), Weight("heavy", "upd", 4)])
    assert marks == {"light": 1, "heavy": 4}


def test_marks_are_shown_short() -> None:
    assert [shown(Fraction(*each)) for each in ((18, 1), (1, 2), (4, 3), (0, 1), (10, 1))] == [
        "18",
        "0.5",
        "1.33",
        "0",
        "10",
    ]
