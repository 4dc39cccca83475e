"""The order of the runs, so that a part of them says something about each kind.

Belongs here: which runs there are and which are still to do. Pure.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

QUIET: Final = "quiet"
LOADED: Final = "loaded"

Kind = tuple[str, str]  # where hosts come from, and the load: ("docker", "quiet")


@dataclass(frozen=True, slots=True)
class Turn:
    """One run: where its hosts come from, its load, and its number among those of its kind."""

    on: str
    load: str
    number: int

    @property
    def kind(self) -> Kind:
        return (self.on, self.load)

    @property
    def name(self) -> str:
        """For a folder."""
        return f"{self.on}-{self.load}-{self.number:03d}"


def plan(ons: Sequence[str], runs: int, loaded: int) -> list[Turn]:
    """All runs in order: docker and local take turns, loaded ones are spread evenly.

    Args:
        ons: `docker`, `local` or both.
        runs: for each of them.
        loaded: how many of the runs have a load.
    """
    seen: Counter[Kind] = Counter()
    turns = []
    for number in range(runs):
        load = LOADED if (number + 1) * loaded // runs > number * loaded // runs else QUIET
        for on in ons:
            seen[on, load] += 1
            turns.append(Turn(on, load, seen[on, load]))
    return turns


def wanted(turns: Iterable[Turn]) -> Counter[Kind]:
    """How many runs of each kind a plan has."""
    return Counter(turn.kind for turn in turns)


def remaining(turns: Iterable[Turn], done: Counter[Kind]) -> list[Turn]:
    """What is left of a plan, in its order, when so many of each kind are done."""
    return [turn for turn in turns if turn.number > done[turn.kind]]
