"""Print which of the Pythons named starts a program soonest; the first unless another clearly does.

The scenarios start hundreds of programs, and a Python built without its compiler's profile takes
half as long again for each. No build says so of itself, so they are timed: processor time, and the
best of a few, since another process may be busy.
"""

import os
import subprocess
import sys

TRIES = 5
CLEARLY = 0.8  # of the first one's time; less is worth another Python than the user's own
LIMIT = 10.0  # seconds for one start


def cost(python: str) -> float:
    """Give the processor seconds of one start, or infinity when it cannot make environments."""
    before = os.times()
    program = [python, "-c", "import asyncio, ensurepip, venv"]
    try:
        subprocess.run(program, check=True, capture_output=True, timeout=LIMIT)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return float("inf")
    after = os.times()
    return after.children_user + after.children_system - before[2] - before[3]


def main() -> None:
    """Print the choice."""
    first, *others = sys.argv[1:]
    costs = {python: min(cost(python) for _ in range(TRIES)) for python in [first, *others]}
    best = min(others, key=costs.__getitem__, default=first)
    print(best if costs[best] < CLEARLY * costs[first] else first)  # noqa: T201


if __name__ == "__main__":
    main()
