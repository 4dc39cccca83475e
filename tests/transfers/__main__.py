"""`make transfers`: simulate transfers under random links and mishaps, one for each seed.

Exit status: 0 all ended identical or refused; 1 some did not; 2 wrong usage.
"""

# ruff: noqa: T201
import argparse
import sys
from collections import Counter
from collections.abc import Sequence

from .simulation import simulate


def main(argv: Sequence[str] | None = None) -> int:
    """Simulate, and say what came of it."""
    parser = argparse.ArgumentParser(prog="make transfers", description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=1000, metavar="N", help="how many")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="of the first one")
    options = parser.parse_args(argv)
    if options.count < 1:
        parser.error("N: must be at least 1")
    outcomes, failed = Counter[str](), 0
    for seed in range(options.first, options.first + options.count):
        try:
            outcome = simulate(seed)
        except Exception as fault:  # whatever it is, the other seeds are of interest too
            failed += 1
            print(f"seed {seed}: {type(fault).__name__}: {fault}")
            continue
        outcomes[outcome.mishap.value] += 1
        outcomes["  of all, at the first try"] += outcome.tries == 1
        outcomes["  of all, resumed"] += outcome.resumed
    for what, count in outcomes.items():
        print(f"{count:6} {what}")
    print(f"{options.count} transfers simulated, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
