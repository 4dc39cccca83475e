"""The order in which scenarios are handed out suits the way in which pytest-xdist deals."""

from fractions import Fraction
from pathlib import Path

import pytest

from toom_scenarios.run import in_order
from toom_scenarios.scenario import Scenario


def one(number: int) -> Scenario:
    name, bases = f"s{number}", (f"s{number - 20}",) if number >= 20 else ()
    return Scenario(name, "S1", "", Fraction(1), 1, "", Path("x.py"), number, builds_on=bases)


def dealt(order: list[Scenario], jobs: int) -> list[list[Scenario]]:
    """What each worker gets: `WorkStealingScheduling` of xdist divides what is left evenly."""
    stretches, rest = [], order
    for worker in range(jobs):
        size = len(rest) // (jobs - worker)
        stretches.append(rest[:size])
        rest = rest[size:]
    return stretches


@pytest.mark.parametrize("jobs", [2, 3, 4, 7])
@pytest.mark.parametrize("count", [25, 26, 27, 28, 29, 31, 40])
def test_every_worker_does_first_what_others_build_on(jobs: int, count: int) -> None:
    chosen = [one(number) for number in range(count)]
    order = in_order(chosen, jobs)
    assert {each.name for each in order} == {each.name for each in chosen}
    bases = {base for each in chosen for base in each.builds_on}
    for stretch in dealt(order, jobs):
        mine = [each.name in bases for each in stretch]
        assert mine == sorted(mine, reverse=True), [each.name for each in stretch]
