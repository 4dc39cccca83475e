"""The promises of SPEC.md: what the suite examines, sentence by sentence.

Belongs here: reading promises.toml, and how a part's marks go from promises to the scenarios that
name them. Does not: the marking table (marks.py), printing (listing.py).
"""

from __future__ import annotations

import functools
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from .errors import Broken, UsageError
from .marks import PARTS
from .scenario import Scenario

PACKAGE: Final = Path(__file__).resolve().parent
SOURCES: Final = PACKAGE.parent / "promises.toml"  # in a checkout
INSTALLED: Final = PACKAGE / "promises.toml"  # in a wheel
LEFT_OUT: Final = " … "  # in a quote: words of SPEC.md that are not quoted


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise.

    Attributes:
        id: by which scenarios, reports and mutants name it, e.g. `S8.6`.
        section: of SPEC.md.
        quote: the words, white space aside; ` … ` stands for words left out.
        part: a row of the marking table, or "" for none.
        weight: its share of the part's marks, against the part's other promises.
    """

    id: str
    section: str
    quote: str
    part: str
    weight: Fraction

    @property
    def marks(self) -> Fraction:
        """What it is worth: its share of its part."""
        of_part = sum(each.weight for each in promises().values() if each.part == self.part)
        part = next((part for part in PARTS if part.name == self.part), None)
        return part.marks * self.weight / of_part if part is not None else Fraction(0)

    def stands_in(self, text: str) -> bool:
        """Whether its pieces stand in a text in this order, white space aside."""
        rest = " ".join(text.split())
        for piece in self.quote.split(LEFT_OUT):
            _, found, rest = rest.partition(" ".join(piece.split()))
            if not found:
                return False
        return True


@functools.cache
def promises() -> Mapping[str, Promise]:
    """Every promise by its id, in the order of SPEC.md.

    Raises:
        Broken: promises.toml cannot be read.
    """
    place = INSTALLED if INSTALLED.is_file() else SOURCES
    try:
        told = tomllib.loads(place.read_text(encoding="utf-8"))["promise"]
        read = [_promise(row) for row in told]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Broken(f"{place.name} cannot be read: {error!r}") from error
    return MappingProxyType({each.id: each for each in read})


def _promise(row: Mapping[str, Any]) -> Promise:
    weight = Fraction(row["weight"])
    return Promise(row["id"], row["section"], row["quote"], row["part"], weight)


def about(scenario: Scenario) -> list[Promise]:
    """The promises that a scenario names.

    Raises:
        UsageError: there is none of that id.
    """
    known = promises()
    if missing := [each for each in scenario.promises if each not in known]:
        raise UsageError(
            f"{scenario.path.name}: {scenario.name}: no promise {missing[0]!r}"
            " (`toom list --promises` shows them)"
        )
    return [known[each] for each in scenario.promises]


def complete(suite: Sequence[Scenario]) -> list[Scenario]:
    """Give each scenario what its promises say: section, part, quote, and its weight.

    A scenario's part is that of the first promise it names. A promise's marks go in equal shares to
    the scenarios of its part that name it. A scenario that names none keeps what it says itself.
    """
    told = [_told(each) if each.promises else each for each in suite]
    namers = Counter(each.id for one in told for each in _of_its_part(one))
    return [_weighed(each, namers) if each.promises else each for each in told]


def _told(scenario: Scenario) -> Scenario:
    first, *_ = named = about(scenario)
    quote = " · ".join(each.quote for each in named)
    return replace(scenario, section=first.section, part=first.part, quote=quote)


def _of_its_part(scenario: Scenario) -> list[Promise]:
    return [each for each in about(scenario) if each.part == scenario.part]


def _weighed(scenario: Scenario, namers: Mapping[str, int]) -> Scenario:
    shares: Iterable[Fraction] = (each.weight / namers[each.id] for each in _of_its_part(scenario))
    return replace(scenario, weight=sum(shares, Fraction(0)))


def orphans(suite: Sequence[Scenario]) -> list[str]:
    """What lacks its other side, in words; empty when all is well."""
    found = [f"{each.name} names no promise" for each in suite if not each.promises]
    for promise in promises().values():
        namers = [each for each in suite if promise.id in each.promises]
        if not namers:
            found.append(f"no scenario names {promise.id}: {promise.quote}")
        elif promise.part and all(each.part != promise.part for each in namers):
            found.append(f"no scenario of the part {promise.part} names {promise.id}")
    return found
