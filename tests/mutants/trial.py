"""One mutant against the suite: which scenarios run, when enough is known, what counts as a kill.

Belongs here: the judgement. Does not: the table (matrix.py), the programs (programs.py).
"""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from tests.mutants import suite as suites
from tests.mutants.generated import Edit
from tests.mutants.mutant import Mutant
from tests.mutants.programs import BadPatch, Programs
from tests.mutants.suite import Row, Suite

AT_A_TIME: Final = 6  # scenarios of a wide trial side by side, before one looks what is known
ENOUGH_TO_BE_DEAD: Final = 8  # scenarios of which none passes: nothing will be learnt
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

    def run_healthy(self, scenarios: Iterable[str], jobs: int) -> list[Row]:
        """Run the programs as they are; give the scenarios that they do not pass.

        What this host cannot examine is no fault of theirs; nothing is killed by it either.
        """
        with tempfile.TemporaryDirectory(prefix="toom-mutant-") as directory:
            implementation = self._programs.make("healthy", None, Path(directory))
            self._suite.healthy = self._run(implementation, self._suite.in_order(scenarios), jobs)
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
                result.rows |= self._run(implementation, scenarios, len(scenarios))
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
        """One by one: a scenario that builds on another would be skipped together with it."""
        named = self._suite.promises.get(mutant.promise)
        seers = self._suite.quick_first(named.scenarios) if named else []
        control = self._suite.quick_first(self._controls(mutant))[:1]
        return [[each] for each in control + seers] if control and seers else []

    def _wide_plan(self, mutant: Mutant) -> list[list[str]]:
        seers = self._suite.quick_first(self.wanted(mutant, wide=True))
        bases = [each for each in seers if each in self._suite.bases]
        rest = [each for each in seers if each not in bases]
        return [[each] for each in bases] + _in_lots(rest) if seers else []

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
        passes = any(row.verdict == "pass" for row in result.rows.values())
        return not passes and len(result.rows) >= ENOUGH_TO_BE_DEAD

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


def _in_lots(scenarios: Sequence[str]) -> list[list[str]]:
    starts = range(0, len(scenarios), AT_A_TIME)
    return [list(scenarios[start : start + AT_A_TIME]) for start in starts]
