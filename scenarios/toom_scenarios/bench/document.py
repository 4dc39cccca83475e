"""The document of every benchmark, as CONTRACT has it: rows of cases with median, least and most.

Belongs here: the schema, and whether a goal is met. Does not: measuring, or printing for people.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

SCHEMA: Final = 1
DECIMALS: Final = 3  # of a figure; more is noise
RATIO_DECIMALS: Final = 2


@dataclass(frozen=True, slots=True)
class Figures:
    """What several rounds measured."""

    median: float
    min: float
    max: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Figures:
        """From a value for each round; at least one."""
        return cls(median(values), min(values), max(values))

    def as_json(self) -> dict[str, float]:
        return {name: round(getattr(self, name), DECIMALS) for name in ("median", "min", "max")}


@dataclass(frozen=True, slots=True)
class Goal:
    """What a row is to reach; one of the limits is given.

    Attributes:
        against: the peer to whom our ratio is meant; "": our own figure is.
    """

    at_least: float | None = None
    at_most: float | None = None
    against: str = ""

    def is_met(self, value: float) -> bool:
        """Whether this is enough; a limit itself is."""
        return (self.at_least is None or value >= self.at_least) and (
            self.at_most is None or value <= self.at_most
        )

    def as_json(self) -> dict[str, Any]:
        limits = {"at_least": self.at_least, "at_most": self.at_most}
        told: dict[str, Any] = {key: value for key, value in limits.items() if value is not None}
        return told | ({"against": self.against} if self.against else {})


@dataclass(frozen=True, slots=True)
class Row:
    """One case.

    Attributes:
        unit: of all its figures, such as `s` or `acks/s`.
        peers: what other programs did under the same conditions, by name.
        pairs: our figure divided by a peer's of the same round, by name; where it is known, its
            median is the ratio, since what slows a machine down slows both of a pair.
        goal: what the median is to reach, when something is.
        counts: whether the figures say anything about the server; its goal is judged only then.
    """

    case: str
    unit: str
    ours: Figures
    peers: Mapping[str, Figures] = field(default_factory=dict)
    pairs: Mapping[str, Figures] = field(default_factory=dict)
    goal: Goal | None = None
    counts: bool = True

    @classmethod
    def of(
        cls,
        case: str,
        unit: str,
        ours: Sequence[float],
        peers: Mapping[str, Sequence[float]] | None = None,
        *,
        goal: Goal | None = None,
        counts: bool = True,
    ) -> Row:
        """From the values of each round; those of a peer in the same order as ours."""
        theirs = peers or {}
        pairs = {
            name: Figures.of([mine / its for mine, its in zip(ours, values, strict=True)])
            for name, values in theirs.items()
            if all(values)
        }
        told = {name: Figures.of(values) for name, values in theirs.items()}
        return cls(case, unit, Figures.of(ours), told, pairs, goal, counts)

    def ratios(self) -> dict[str, float]:
        """The median of the pairs, or our median against the peer's; one whose median is 0 has
        none.
        """
        return {name: round(ratio, RATIO_DECIMALS) for name, ratio in self._ratios().items()}

    def _ratios(self) -> dict[str, float]:
        medians = {
            name: self.ours.median / peer.median for name, peer in self.peers.items() if peer.median
        }
        return medians | {name: pair.median for name, pair in self.pairs.items()}

    def is_met(self) -> bool | None:
        """Whether the goal is; None: there is none, or nothing can be said about it."""
        if self.goal is None or not self.counts:
            return None
        if not self.goal.against:
            return self.goal.is_met(self.ours.median)
        ratio = self._ratios().get(self.goal.against)
        return None if ratio is None else self.goal.is_met(ratio)

    def as_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "case": self.case,
            "unit": self.unit,
            "ours": self.ours.as_json(),
            "peers": {name: peer.as_json() for name, peer in self.peers.items()},
            "ratio": self.ratios(),
        }
        if self.pairs:
            told["pairs"] = {name: pair.as_json() for name, pair in self.pairs.items()}
        if self.goal is not None:
            told |= {"goal": self.goal.as_json(), "goal_met": self.is_met()}
        return told


def document(benchmark: str, rounds: int, rows: Sequence[Row], **more: Any) -> dict[str, Any]:
    """The whole document.

    Args:
        benchmark: its name, as in `toom bench NAME`.
        more: conditions of this benchmark alone, such as `on`.
    """
    return {
        "schema": SCHEMA,
        "benchmark": benchmark,
        "host": host(),
        "rounds": rounds,
        **more,
        "rows": [row.as_json() for row in rows],
    }


def host() -> dict[str, Any]:
    """This machine, as far as figures depend on it."""
    return {"cores": len(os.sched_getaffinity(0)), "kernel": platform.release()}
