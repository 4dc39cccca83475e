"""`make mutants`: run every mutant on local hosts, print who killed it, and count.

The scenarios that name a mutant's promise run, and one of another part, which must pass. With
--generate mutants that nobody wrote are drawn and tried against all that concerns them.

Exit status: 0 all were killed and the healthy programs pass; 1 some survived; 2 wrong usage; 3
could not find out.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

from tests.mutants import generated, matrix
from tests.mutants.generated import Chosen
from tests.mutants.mutant import Mutant, mutants
from tests.mutants.programs import BadPatch, Programs
from tests.mutants.suite import NoSuite, Suite
from tests.mutants.trial import Bench, Fate, Result

PER_CORE: Final = 3  # mutants side by side; they mostly wait for terminals and clocks
PASSED: Final = 0  # exit statuses; CONTRACT
SURVIVED: Final = 1
UNKNOWN: Final = 3


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make mutants ARGS=…", description=__doc__)
    parser.add_argument("names", nargs="*", help="of mutants; default: all")
    parser.add_argument("--wide", action="store_true", help="run the whole suite against each")
    parser.add_argument("--survivors", action="store_true", help="try those that should survive")
    parser.add_argument(
        "--generate", type=int, default=0, metavar="N", help="draw and try new ones"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the draw (default 1)")
    parser.add_argument(
        "--jobs",
        type=int,
        default=PER_CORE * len(os.sched_getaffinity(0)),
        metavar="N",
        help="mutants side by side (default: three for each core)",
    )
    return parser.parse_args(argv)


def choose(options: argparse.Namespace, chosen: Sequence[Chosen]) -> list[Mutant]:
    """The mutants that were asked for.

    Raises:
        KeyError: there is none of that name.
    """
    if options.generate:
        known = [each.mutant.name for each in chosen]
        drawn = generated.draw(options.seed, options.generate, leave=known)
        return [generated.mutant_of(name) for name in drawn]
    if options.survivors:
        return [each.mutant for each in chosen if each.survives]
    every = mutants() + [each.mutant for each in chosen if not each.survives]
    by_name = {mutant.name: mutant for mutant in every}
    by_name |= {each.mutant.name: each.mutant for each in chosen} if options.names else {}
    return [by_name[name.removeprefix("~")] for name in options.names] or every


def examine(
    options: argparse.Namespace, chosen: Sequence[Mutant], bench: Bench
) -> Iterator[Result]:
    """Try the mutants side by side, and print each as it is known."""
    wide = bool(options.generate or options.survivors or options.wide)
    attempt = partial(bench.try_one, wide=wide, to_the_end=options.wide)
    with ThreadPoolExecutor(options.jobs) as pool:
        for result in pool.map(attempt, chosen):
            print(matrix.row(result), flush=True)
            yield result


def is_healthy(bench: Bench, chosen: Sequence[Mutant], options: argparse.Namespace) -> bool:
    """Run what will be asked against the programs as they are.

    A draw goes on without the scenarios that they do not pass.
    """
    wide = bool(options.generate or options.survivors or options.wide)
    wanted = {name for mutant in chosen for name in bench.wanted(mutant, wide=wide)}
    print(
        f"{len(chosen)} mutants on local hosts; first the healthy programs: "
        f"{len(wanted)} scenarios …",
        flush=True,
    )
    ill = bench.run_healthy(wanted, options.jobs)
    for row in ill:
        print(f"the healthy programs do not pass {row.scenario}: {row.verdict}: {row.reason}")
    return not ill or bool(options.generate)


def report(
    results: Sequence[Result], suite: Suite, chosen: Sequence[Chosen], *, is_whole: bool
) -> int:
    """Print the matrix and the count, and leave both in a file when all were examined.

    Returns:
        The exit status.
    """
    print("\nkill matrix: the mutants that each promise has killed (~ generated)")
    print(*matrix.matrix(results, suite), sep="\n")
    if is_whole:
        print(*matrix.idle(results, suite), sep="\n")
        print("\ngenerated, expected to survive, and why:")
        print(*matrix.survivors(chosen), sep="\n")
        matrix.save(results, suite, chosen)
    print()
    for result in results:
        if result.fate is not Fate.KILLED:
            print(matrix.row(result))
    killed = sum(result.fate is Fate.KILLED for result in results)
    print(f"{killed} of {len(results)} mutants killed")
    fates = {result.fate for result in results}
    if fates & {Fate.SURVIVED, Fate.DEAD}:
        return SURVIVED
    return UNKNOWN if Fate.UNKNOWN in fates else PASSED


def main(argv: Sequence[str] | None = None) -> int:
    """Examine the mutants that are named, or all."""
    options = parse(argv)
    began = time.monotonic()
    try:
        suite, selection = Suite.ask(), generated.selection()
        chosen = choose(options, selection)
    except KeyError as exc:
        print(f"no such mutant: {exc.args[0]}", file=sys.stderr)
        return 2
    except (NoSuite, BadPatch) as exc:
        print(exc, file=sys.stderr)
        return UNKNOWN
    with tempfile.TemporaryDirectory(prefix="toom-healthy-") as directory:
        bench = Bench(Programs(Path(directory)), suite)
        if not is_healthy(bench, chosen, options):
            print(f"0 of {len(chosen)} mutants killed")
            return UNKNOWN
        results = list(examine(options, chosen, bench))
    if options.generate:
        print("\nfor tests/mutants/generated.toml:\n")
        print(*map(matrix.as_toml, results), sep="\n")
    print(f"{time.monotonic() - began:.0f} s")
    is_whole = not (options.names or options.generate or options.survivors)
    return report(results, suite, selection, is_whole=is_whole)


if __name__ == "__main__":
    sys.exit(main())
