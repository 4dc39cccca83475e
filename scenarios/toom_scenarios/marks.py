"""The marking table of SPEC S14, split over the scenarios of the suite.

Belongs here: arithmetic of marks, exact (fractions). Does not: printing (table.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Protocol

from .verdict import Verdict


@dataclass(frozen=True, slots=True)
class Part:
    """A row of the table."""

    name: str
    text: str
    marks: Fraction


PARTS: Final = (  # SPEC S14
    Part("login", "log in and log out, one client", Fraction(1, 2)),
    Part(
        "blocking",
        "blocking for 10 s after the set number of failures, also from another address",
        Fraction(3, 2),
    ),
    Part("several", "several clients logged in from several terminals", Fraction(4)),
    Part("bcm", "BCM", Fraction(1)),
    Part("atu", "ATU", Fraction(1)),
    Part("srb", "SRB", Fraction(1)),
    Part("srm", "SRM", Fraction(2)),
    Part("rdm", "RDM", Fraction(2)),
    Part("upd", "UPD: peer to peer", Fraction(5)),
)
PART_NAMES: Final = tuple(part.name for part in PARTS)


class Weighed(Protocol):
    """What the arithmetic asks of a scenario."""

    @property
    def name(self) -> str: ...
    @property
    def part(self) -> str: ...
    @property
    def weight(self) -> Fraction | float: ...


def split(suite: Iterable[Weighed]) -> dict[str, Fraction]:
    """Marks of each scenario, by name: those of its part, shared by weight; 0 without a part."""
    suite = list(suite)
    marks: dict[str, Fraction] = {scenario.name: Fraction(0) for scenario in suite}
    for part in PARTS:
        members = [scenario for scenario in suite if scenario.part == part.name]
        total = sum((Fraction(member.weight) for member in members), Fraction(0))
        for member in members:
            marks[member.name] = part.marks * Fraction(member.weight) / total
    return marks


@dataclass(frozen=True, slots=True)
class Tally:
    """Marks of some scenarios. `not_examined` is what this host could not judge; it is not in
    `possible`. What was skipped, since its base failed, is.
    """

    earned: Fraction
    possible: Fraction
    not_examined: Fraction


def tally(verdicts: Mapping[str, Verdict], marks: Mapping[str, Fraction]) -> Tally:
    """Add up: all that this host can examine is possible, what passed is earned (CONTRACT)."""
    earned = possible = not_examined = Fraction(0)
    for name, verdict in verdicts.items():
        worth = marks.get(name, Fraction(0))
        if verdict is Verdict.UNSUPPORTED:
            not_examined += worth
            continue
        possible += worth
        if verdict is Verdict.PASS:
            earned += worth
    return Tally(earned, possible, not_examined)


def shown(marks: Fraction) -> str:
    """Marks for people: `18`, `0.5`, `1.33`."""
    return f"{float(marks):.2f}".rstrip("0").rstrip(".")
