"""The document of every benchmark, as CONTRACT has it: rows of cases with median, least and most.

Belongs here: the schema. Does not: measuring, or printing for people.
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
class Row:
    """One case.

    Attributes:
        unit: of all its figures, such as `s` or `acks/s`.
        peers: what other programs did under the same conditions, by name.
    """

    case: str
    unit: str
    ours: Figures
    peers: Mapping[str, Figures] = field(default_factory=dict)

    def ratios(self) -> dict[str, float]:
        """Our median against each peer's; a peer whose median is 0 has none."""
        return {
            name: round(self.ours.median / peer.median, RATIO_DECIMALS)
            for name, peer in self.peers.items()
            if peer.median
        }

    def as_json(self) -> dict[str, Any]:
        return {
            "case": self.case,
            "unit": self.unit,
            "ours": self.ours.as_json(),
            "peers": {name: peer.as_json() for name, peer in self.peers.items()},
            "ratio": self.ratios(),
        }


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
