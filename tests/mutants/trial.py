"""One mutant against the suite: which scenarios run, when enough is known, what counts as a kill.

Belongs here: the judgement. Does not: the table (matrix.py), the programs (programs.py).
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from tests.mutants import suite as suites
from tests.mutants.generated import Edit
from tests.mutants.mutant import Mutant
from tests.mutants.programs import BadPatch, Programs
from tests.mutants.suite import Row, Suite

QUICK: Final = 4.0  # seconds; scenarios that take longer run only when the quick ones saw nothing
AT_A_TIME: Final = 8  # scenarios of a wide trial before one looks whether enough is known
SIDE_BY_SIDE: Final = 4  # of those; the slow ones mostly let time pass
Run = Callable[[Path, Sequence[str], int], dict[str, Row]]  # suites.run
CONTROL_PARTS: Final = ("login", "bcm", "atu")  # the first that is another part is the control


class Fate(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    SURVIVED = "survived"
    DEAD = "dead at birth"  # no scenario of another part passes: this kills nothing
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Result:
    """What the scenarios said of one mutant.

    Attributes:
        rows: by scenario.
        note: why it has this fate, where the rows do not tell.
    """

    mutant: Mutant
    fate: Fate = Fate.UNKNOWN
    rows: dict[str, Row] = field(default_factory=dict)
    note: str = ""

    @property
    def fails(self) -> list[Row]:
        """The scenarios that saw it."""
        return [row for row in self.rows.values() if row.failed]

    @property
    def kills(self) -> list[Row]:
        """Those of them that count: at the promise that the mutant names, if it names one."""
        named = self.mutant.promise
        return [row for row in self.fails if named in ("", row.promise)]


class Bench:
    """Tries mutants, many at a time, against copies of one state of the programs."""

    def __init__(self, programs: Programs, suite: Suite, run: Run = suites.run) -> None:
        self._programs = programs
        self._suite = suite
        self._run = run

    def run_healthy(self, scenarios: Sequence[str], jobs: int) -> list[Row]:
        """Run the programs as they are; give the scenarios that they do not pass.

        What this host cannot examine is no fault of theirs; nothing is killed by it either.
        """
        with tempfile.TemporaryDirectory(prefix="toom-mutant-") as directory:
            implementation = self._programs.make("healthy", None, Path(directory))
            self._suite.healthy = self._run(implementation, scenarios, jobs)
        rows = self._suite.healthy.values()
        return [row for row in rows if row.verdict not in ("pass", "unsupported")]

    def try_one(self, mutant: Mutant, *, wide: bool = False, to_the_end: bool = False) -> Result:
        """Make a mutant and run scenarios until its fate is known.

        Args:
            wide: run all that concern it, not only those that name its promise.
            to_the_end: do not stop at the first failure.
        """
        result = Result(mutant)
        plan = self._wide_plan(mutant) if wide else self._plan(mutant)
        if not plan:
            result.note = "no scenario that this host can run names its promise"
            return result
        with tempfile.TemporaryDirectory(prefix="toom-mutant-") as directory:
            try:
                implementation = self._programs.make(mutant.name, mutant.change, Path(directory))
            except BadPatch as exc:
                result.note = str(exc)
                return result
            for scenarios in plan:
                jobs = SIDE_BY_SIDE if wide else 1
                result.rows |= self._run(implementation, scenarios, jobs)
                if self._is_decided(result) and not to_the_end:
                    break
        result.fate = self._fate(result)
        return result

    # --- which scenarios ----------------------------------------------------------------------

    def wanted(self, mutant: Mutant, *, wide: bool = False) -> set[str]:
        """The scenarios that may be asked about a mutant: the healthy programs run them first."""
        named = self._suite.promises.get(mutant.promise)
        scenarios = set(named.scenarios if named and not wide else self._suite.parts)
        if wide and isinstance(mutant.change, Edit):
            concern = mutant.change.sections
            scenarios = {each for each in scenarios if concern & self._suite.sections(each)}
        return scenarios | set(self._controls(mutant))

    def _plan(self, mutant: Mutant) -> list[list[str]]:
        named = self._suite.promises.get(mutant.promise)
        seers = self._suite.quick_first(named.scenarios) if named else []
        control = self._suite.quick_first(self._controls(mutant))[:1]
        if not seers or not control:
            return []
        first, rest = seers[:1], seers[1:]
        quick = [each for each in rest if self._suite.healthy[each].seconds < QUICK]
        slow = [[each] for each in rest if each not in quick]
        return [control + first, *([quick] if quick else []), *slow]

    def _wide_plan(self, mutant: Mutant) -> list[list[str]]:
        control = self._suite.quick_first(self._controls(mutant))[:1]
        seers = self._suite.quick_first(self.wanted(mutant, wide=True) - set(control))
        return self._in_lots(control + seers) if control and seers else []

    def _in_lots(self, scenarios: Sequence[str]) -> list[list[str]]:
        """Cut into lots, quick ones first; all that are slow make one."""
        quick = [each for each in scenarios if self._suite.healthy[each].seconds < QUICK]
        slow = [each for each in scenarios if each not in quick]
        lots = [quick[start : start + AT_A_TIME] for start in range(0, len(quick), AT_A_TIME)]
        return [*lots, slow] if slow else lots

    def _controls(self, mutant: Mutant) -> list[str]:
        """Scenarios of another part, that do not examine what the mutant breaks."""
        named = self._suite.promises.get(mutant.promise)
        if mutant.control in self._suite.parts:
            return [mutant.control]
        mine = named.part if named else ""
        part = mutant.control or next(each for each in CONTROL_PARTS if each != mine)
        seers = named.scenarios if named else ()
        return [name for name, of in self._suite.parts.items() if of == part and name not in seers]

    # --- what counts --------------------------------------------------------------------------

    def _passes_elsewhere(self, result: Result, kill: Row) -> bool:
        """Whether a scenario of another part than the broken promise's passes."""
        parts = self._suite.parts
        mine = self._suite.part_of(kill.promise) or parts[kill.scenario]
        return any(
            row.verdict == "pass" and parts[row.scenario] != mine for row in result.rows.values()
        )

    def _is_decided(self, result: Result) -> bool:
        if any(self._passes_elsewhere(result, kill) for kill in result.kills):
            return True
        return all(row.verdict != "pass" for row in result.rows.values())  # dead at birth

    def _fate(self, result: Result) -> Fate:
        if any(self._passes_elsewhere(result, kill) for kill in result.kills):
            return Fate.KILLED
        verdicts = {row.verdict for row in result.rows.values()}
        if "broken" in verdicts:
            result.note = next(
                row.reason for row in result.rows.values() if row.verdict == "broken"
            )
            return Fate.UNKNOWN
        if result.kills or "pass" not in verdicts:
            result.note = "no scenario of another part passes"
            return Fate.DEAD
        return Fate.SURVIVED
