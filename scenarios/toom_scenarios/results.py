"""results.json: a row for each scenario, on disk from the first moment.

Belongs here: the schema of CONTRACT and the exit status. A row says `broken` until its scenario has
ended, so that a run that is cut off leaves the truth.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from .facts import Diagnosis
from .marks import Tally, tally
from .promises import Promise, promises
from .scenario import Scenario
from .verdict import Verdict

SCHEMA: Final = 1
NEVER_STARTED: Final = "the run ended before it began"
NEVER_ENDED: Final = "started, and the run was cut off before it ended"


class Status(IntEnum):
    """Exit statuses of `toom` (CONTRACT)."""

    PASSED = 0
    FAILED = 1
    USAGE = 2
    UNKNOWN = 3


@dataclass(slots=True)
class Row:
    """What is known about one scenario of the run.

    Attributes:
        promise: the one that was being examined when it failed; "" when it did not.
        started: it was begun; `ended`: it has its verdict, and its stage is gone.
        began: when, in seconds since the epoch; 0 before.
        spent: seconds by bucket of accounting.py.
    """

    scenario: Scenario
    marks: Fraction
    directory: str
    verdict: Verdict = Verdict.SKIPPED
    seconds: float = 0.0
    reason: str = NEVER_STARTED
    diagnosis: Diagnosis | None = None
    kept: str = ""
    promise: str = ""
    started: bool = False
    ended: bool = False
    began: float = 0.0
    spent: dict[str, float] = field(default_factory=dict)

    @property
    def failing(self) -> Promise:
        """The promise that was being examined when it failed; where none has an id, what the
        scenario itself quotes.
        """
        known = promises().get(self.promise)
        if known is not None:
            return known
        own = self.scenario
        return Promise(own.section, own.section, own.quote, own.part, own.weight)

    def as_json(self) -> dict[str, Any]:
        """The row of results.json."""
        return {
            "name": self.scenario.name,
            "part": self.scenario.part,
            "section": self.scenario.section,
            "marks": _number(self.marks),
            "verdict": str(self.verdict),
            "seconds": round(self.seconds, 3),
            "reason": self.reason,
            "directory": self.directory,
            "promises": list(self.scenario.promises),
            "promise": self.promise,
            "started": self.started,
            "ended": self.ended,
            **({"spent": self.spent} if self.spent else {}),
        }


@dataclass(slots=True)
class Results:
    """The run so far.

    Attributes:
        trouble: what broke outside of any scenario.
        lost: why the report is not whole, or "": then nothing is known, since what programs of this
            machine write lies there too.
        interrupted: by Ctrl-C or SIGTERM.
        options: of the command line, for who runs a scenario again.
        where: what the hosts are, in words.
        images: of the server's host and of all others, on Docker.
        whole: marks of the suite of which these scenarios were chosen.
    """

    on: str
    seed: int
    implementation: str
    folder: Path
    rows: dict[str, Row] = field(default_factory=dict)
    seconds: float = 0.0
    trouble: list[str] = field(default_factory=list)
    lost: str = ""
    interrupted: bool = False
    options: tuple[str, ...] = ()
    where: str = ""
    images: tuple[str, str] | None = None
    whole: Fraction = Fraction(0)

    def expect(self, chosen: Sequence[Scenario], marks: dict[str, Fraction]) -> None:
        """Write down what will run.

        Args:
            marks: of every scenario of the suite, by name.
        """
        self.whole = sum(marks.values(), Fraction(0))
        for each in chosen:
            self.rows[each.name] = Row(each, marks[each.name], each.name)
        self.save()

    def tally(self) -> Tally:
        """The marks so far."""
        return tally(
            {name: row.verdict for name, row in self.rows.items()},
            {name: row.marks for name, row in self.rows.items()},
        )

    def as_json(self) -> dict[str, Any]:
        """The whole document (CONTRACT)."""
        marks = self.tally()
        return {
            "schema": SCHEMA,
            "on": self.on,
            "seed": self.seed,
            "implementation": self.implementation,
            "seconds": round(self.seconds, 3),
            "marks": {"earned": _number(marks.earned), "possible": _number(marks.possible)},
            "scenarios": [row.as_json() for row in self.rows.values()],
        }

    def cause(self, row: Row) -> str:
        """The failed scenario for which one was skipped."""
        for base in row.scenario.builds_on:
            below = self.rows.get(base)
            if below is not None and below.verdict is Verdict.SKIPPED and below is not row:
                return self.cause(below)
            if below is not None and below.verdict in (Verdict.FAIL, Verdict.BROKEN):
                return base
        return row.reason

    def save(self) -> None:
        """Write results.json; a reader never sees half of it."""
        unfinished = self.folder / ".results.json.new"
        unfinished.write_text(
            json.dumps(self.as_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
        os.replace(unfinished, self.folder / "results.json")

    def writes(self, write: Callable[..., object], *what: object) -> None:
        """Write a part of the report; when it cannot be written, the run goes on without it."""
        try:
            write(*what)
        except OSError as error:
            self.lost = self.lost or f"the report in {self.folder}: {error.strerror or error}"

    def status(self) -> Status:
        """A failure is a failure whatever else broke; without one, anything unknown makes the whole
        unknown.
        """
        if self.lost:
            return Status.UNKNOWN
        verdicts = [row.verdict for row in self.rows.values()]
        if Verdict.FAIL in verdicts:
            return Status.FAILED
        never_ran = any(
            row.verdict is Verdict.SKIPPED and not row.started for row in self.rows.values()
        )
        if Verdict.BROKEN in verdicts or never_ran or Verdict.PASS not in verdicts:
            return Status.UNKNOWN
        if self.trouble or self.interrupted:
            return Status.UNKNOWN
        return Status.PASSED


@dataclass(frozen=True, slots=True)
class SoFar:
    """How far a scenario is in a run that may still go on; no verdict: not ended."""

    begun: bool
    verdict: Verdict | None


def so_far(folder: Path) -> dict[str, SoFar]:
    """How far each scenario of a run is, by name."""
    told = json.loads((folder / "results.json").read_text(encoding="utf-8"))["scenarios"]
    return {
        row["name"]: SoFar(row["started"], Verdict(row["verdict"]) if row["ended"] else None)
        for row in told
    }


def _number(marks: Fraction) -> float:
    return round(float(marks), 4)
