"""`make mutants`: run every mutant on local hosts, print who killed it, and count.

Exit status: 0 all were killed and the healthy programs pass; 1 some survived; 3 could not find out.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.mutants.mutant import BadPatch, Mutant, make, mutants

TOOM: Final = Path(sys.executable).parent / "toom"
AT_ONCE: Final = 3  # mutants that run side by side; they mostly wait for terminals
TIME_LIMIT: Final = 300.0  # seconds for one mutant


@dataclass(frozen=True, slots=True)
class Result:
    """What the scenarios said of one mutant."""

    mutant: Mutant
    verdict: str  # of the scenario that must fail
    control: str  # of the one that must pass
    reason: str

    @property
    def killed(self) -> bool:
        """A kill is a `fail` of the named scenario, while another part passes."""
        return self.verdict == "fail" and self.control == "pass"

    def __str__(self) -> str:
        """Give the mutant's row of the table."""
        word = "killed  " if self.killed else "SURVIVED"
        by = f"{self.mutant.killed_by}: {self.verdict}, control: {self.control}"
        return f"{word} {self.mutant.name:42} {by}\n         {self.mutant.what}"


def verdicts(implementation: Path, names: Sequence[str], jobs: int) -> dict[str, tuple[str, str]]:
    """Run scenarios; give verdict and reason of each. What did not run is `broken`."""
    report = implementation.parent / "report"
    command = [str(TOOM), "run", *names, "--on", "local", "--implementation", str(implementation)]
    command += ["--report", str(report), "--jobs", str(jobs), "--json"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIME_LIMIT, check=False
        )
        told = json.loads(done.stdout)["scenarios"]
    except (subprocess.TimeoutExpired, ValueError, KeyError) as exc:
        return dict.fromkeys(names, ("broken", f"no result: {exc!r}"))
    found = {row["name"]: (row["verdict"], row["reason"]) for row in told}
    return {name: found.get(name, ("broken", "it did not run")) for name in names}


def examine(mutant: Mutant) -> Result:
    """Make a mutant, run its two scenarios, and look."""
    with tempfile.TemporaryDirectory(prefix="toom-mutant-") as directory:
        try:
            implementation = make(mutant, Path(directory))
        except BadPatch as exc:
            return Result(mutant, "broken", "broken", str(exc))
        said = verdicts(implementation, [mutant.killed_by, mutant.control], jobs=2)
    verdict, reason = said[mutant.killed_by]
    return Result(mutant, verdict, said[mutant.control][0], reason)


def healthy(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Run the same scenarios against the programs as they are."""
    with tempfile.TemporaryDirectory(prefix="toom-mutant-") as directory:
        return verdicts(make(None, Path(directory)), names, jobs=4)


def main(argv: Sequence[str] | None = None) -> int:
    """Examine the mutants that are named, or all."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="names of patches, without .patch")
    options = parser.parse_args(argv)
    every = mutants()
    if unknown := set(options.names) - {mutant.name for mutant in every}:
        parser.error(f"no such mutant: {', '.join(sorted(unknown))}")
    chosen = [mutant for mutant in every if not options.names or mutant.name in options.names]
    names = sorted({name for mutant in chosen for name in (mutant.killed_by, mutant.control)})
    print(f"{len(chosen)} mutants on local hosts; first the healthy programs …", flush=True)
    said = healthy(names)
    if ill := {name: row for name, row in said.items() if row[0] != "pass"}:
        for name, (verdict, reason) in ill.items():
            print(f"the healthy programs do not pass {name}: {verdict}: {reason}")
        print(f"0 of {len(chosen)} mutants killed")
        return 3
    results = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for result in pool.map(examine, chosen):
            print(result, flush=True)
            results.append(result)
    for result in results:
        if not result.killed:
            print(f"survivor {result.mutant.name}: {result.reason or 'nothing was seen'}")
    killed = sum(result.killed for result in results)
    broken = any("broken" in (result.verdict, result.control) for result in results)
    print(f"{killed} of {len(results)} mutants killed")
    return 0 if killed == len(results) else 3 if broken else 1


if __name__ == "__main__":
    sys.exit(main())
