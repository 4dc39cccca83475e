"""A plain `assert` of a case file that did not hold, in the words of wanted and seen.

Belongs here: what the two sides say to a person. Does not: where it stood (diagnosis.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .facts import SEEN, WANTED, Compared, Facts
from .legible import as_lines, clipped, compared, visible

SUBSETS: Final = ("<=", "<", ">=", ">")
LINES: Final = 12  # of what was seen, where one thing is looked for in many
REASON_WIDTH: Final = 120  # characters of each side in a line for tables


@dataclass(frozen=True, slots=True)
class Comparison:
    """One that was evaluated and did not hold.

    By custom the left side is what was seen, the right one what is wanted; `turned` when it stands
    the other way round.
    """

    operator: str
    left: object
    right: object

    def words(self) -> list[str]:
        """For pytest's message: a line for the whole, then the differences."""
        facts = self.facts()
        rows = [f"{each.mark:>6} {each.text}" for each in facts.compared]
        return [f"{_short(self.left)} {self.operator} {_short(self.right)}", *rows]

    def turned(self) -> Comparison:
        """The same, with its sides exchanged."""
        return Comparison(self.operator, self.right, self.left)

    def facts(self) -> Facts:
        """What was wanted, and what was seen."""
        left, right = (
            [visible(line) for line in as_lines(each)] for each in (self.left, self.right)
        )
        if self.operator == "==":
            return Facts(compared=compared(right, left))
        if self.operator in ("in", "not in"):
            return _membership(self.operator, left, right)
        if self.operator in SUBSETS and isinstance(self.left, (set, frozenset)):
            kept = right if self.operator.startswith("<") else left
            others = left if self.operator.startswith("<") else right
            words = "nothing besides" if self.operator.startswith("<") else "all of"
            seen = tuple(each for each in others if each not in kept)
            what = "too much" if self.operator.startswith("<") else "missing"
            return Facts(f"{words} {_listed(right)}", tuple(f"{what}: {each}" for each in seen))
        return Facts(f"something {self.operator} {_listed(right)}", tuple(map(clipped, left)))


def _membership(operator: str, one: list[str], many: list[str]) -> Facts:
    """`in` and `not in`: of what was seen, the lines that tell most."""
    if operator == "in":
        return Facts(
            f"somewhere in what was seen: {_listed(one)}", tuple(map(clipped, many[-LINES:]))
        )
    telling = [line for line in many if any(each in line for each in one)] or many
    return Facts(f"nowhere in what was seen: {_listed(one)}", tuple(map(clipped, telling[:LINES])))


def _listed(lines: Sequence[str]) -> str:
    return clipped(" / ".join(lines), REASON_WIDTH)


def reason(facts: Facts) -> str:
    """The first difference in a line."""
    if not facts.compared:
        return f"wanted {facts.wanted}, saw {_quoted(' / '.join(facts.seen))}"
    wanted, seen = _first(facts.compared, WANTED), _first(facts.compared, SEEN)
    if wanted is None or seen is None:
        return f"missing: {wanted}" if seen is None else f"too much: {seen}"
    return f"wanted {wanted}, saw {seen}"


def _first(rows: tuple[Compared, ...], mark: str) -> str | None:
    """Of the first place that differs, the side with this mark."""
    begin = next((n for n, row in enumerate(rows) if row.mark), len(rows))
    for row in rows[begin:]:
        if not row.mark:
            return None
        if row.mark == mark:
            return _quoted(row.text)
    return None


def _quoted(text: str) -> str:
    return f"“{clipped(text, REASON_WIDTH)}”"


def _short(value: object) -> str:
    return clipped(repr(value).replace("\n", " "), REASON_WIDTH)
