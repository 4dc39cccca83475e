"""The scenario suite, as other programs see it: `toom list --json` and `toom run --json`.

Belongs here: which scenario examines which promise, and what a run said. Does not: mutants.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

TOOM: Final = Path(sys.executable).parent / "toom"
TIME_LIMIT: Final = 300.0  # seconds for a run; scenarios have limits of their own
EACH: Final = 15.0  # seconds more for each scenario, on a busy machine


class NoSuite(Exception):
    """The suite cannot be asked."""


@dataclass(frozen=True, slots=True)
class Promise:
    """A sentence of SPEC.md."""

    id: str
    section: str
    part: str
    quote: str
    scenarios: tuple[str, ...]  # those that name it


@dataclass(frozen=True, slots=True)
class Row:
    """What a run said of one scenario.

    Attributes:
        promise: the one at which it failed; "" when it did not.
    """

    scenario: str
    verdict: str
    promise: str = ""
    reason: str = ""
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether the program broke a promise; what broke otherwise says nothing."""
        return self.verdict == "fail"


@dataclass(slots=True)
class Suite:
    """Scenarios and promises.

    Attributes:
        parts: of the marking table, by scenario; "" for one without marks.
        bases: scenarios on which others build: where they fail in a run, the others are skipped.
        healthy: what the programs as they are got, as far as they were run.
    """

    promises: dict[str, Promise]
    parts: dict[str, str]
    bases: frozenset[str] = frozenset()
    healthy: dict[str, Row] = field(default_factory=dict)

    @classmethod
    def ask(cls) -> "Suite":
        """Ask `toom list`.

        Raises:
            NoSuite: it does not answer.
        """
        done = subprocess.run(
            [TOOM, "list", "--json"], capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode:
            raise NoSuite(f"toom list: {done.stderr.strip()}")
        return cls.of(json.loads(done.stdout))

    @classmethod
    def of(cls, told: dict[str, Any]) -> "Suite":
        """Read the answer of `toom list --json`."""
        promises = [
            Promise(row["id"], row["section"], row["part"], row["quote"], tuple(row["scenarios"]))
            for row in told["promises"]
        ]
        parts = {row["id"]: row["part"] for row in told["scenarios"]}
        bases = frozenset(base for row in told["scenarios"] for base in row["builds_on"])
        return cls({promise.id: promise for promise in promises}, parts, bases)

    def in_order(self, scenarios: Iterable[str]) -> list[str]:
        """In the order of the suite, where what others build on comes before them."""
        wanted = set(scenarios)
        return [name for name in self.parts if name in wanted]

    def sections(self, scenario: str) -> set[str]:
        """The sections of SPEC.md from which a scenario examines promises."""
        return {each.section for each in self.promises.values() if scenario in each.scenarios}

    def part_of(self, promise: str) -> str:
        """The part of a promise; "" where it earns no marks or there is none."""
        known = self.promises.get(promise)
        return known.part if known else ""

    def quick_first(self, scenarios: Iterable[str]) -> list[str]:
        """Those that the healthy programs pass, the quickest first."""
        passed = [self.healthy[name] for name in scenarios if name in self.healthy]
        able = [row for row in passed if row.verdict == "pass"]
        return [row.scenario for row in sorted(able, key=lambda row: row.seconds)]


def run(implementation: Path, scenarios: Sequence[str], jobs: int = 1) -> dict[str, Row]:
    """Run scenarios on local hosts; what did not run is `broken`."""
    with tempfile.TemporaryDirectory(prefix="toom-mutant-report-") as report:
        command = [str(TOOM), "run", *scenarios, "--on", "local", "--jobs", str(jobs)]
        command += ["--implementation", str(implementation), "--report", report, "--json"]
        limit = TIME_LIMIT + EACH * len(scenarios)
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=limit, check=False
            )
        except subprocess.TimeoutExpired:
            return _nothing(scenarios, f"no result after {limit:.0f} s")
        try:
            told = json.loads(done.stdout)["scenarios"]
        except ValueError:
            return _nothing(scenarios, done.stderr.strip() or f"status {done.returncode}")
    found = {row["name"]: _row(row) for row in told}
    return {
        name: found.get(name, Row(name, "broken", reason="it did not run")) for name in scenarios
    }


def _nothing(scenarios: Sequence[str], why: str) -> dict[str, Row]:
    return {name: Row(name, "broken", reason=f"toom run: {why}") for name in scenarios}


def _row(told: dict[str, Any]) -> Row:
    promise = told.get("promise", "")
    return Row(told["name"], told["verdict"], promise, told["reason"], told["seconds"])
