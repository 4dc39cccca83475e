"""The command line of `toom bench`.

Belongs here: arguments, and composing the pieces. Does not: measuring.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ..results import Status

if TYPE_CHECKING:
    from .suite import Round

ROUNDS: Final = 3
MOST_ROUNDS: Final = 100


def add_bench(verbs: Any, jobs: Callable[[str], int]) -> None:
    """Add `bench` to the verbs of `toom`.

    Args:
        jobs: reads the value of --jobs; 0 stands for `auto`.
    """
    bench = verbs.add_parser("bench", help="measure, and print figures")
    kinds = bench.add_subparsers(metavar="WHAT", required=True)
    suite = kinds.add_parser("suite", help="how long the suite takes, and where the time goes")
    suite.add_argument(
        "--on",
        choices=("docker", "local"),
        metavar="docker|local",
        help="where hosts come from; default: docker when an engine answers, else local",
    )
    suite.add_argument("--rounds", type=_rounds, default=ROUNDS, metavar="N")
    suite.add_argument("--jobs", type=jobs, default=0, metavar="N|auto")
    suite.add_argument("--json", action="store_true", help="the figures as JSON on stdout")
    suite.set_defaults(act=_suite)


def _rounds(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_ROUNDS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {MOST_ROUNDS}")
    return int(text)


def _suite(options: argparse.Namespace) -> Status:
    from ..drivers import choose
    from ..run import automatic_jobs
    from .document import document
    from .spending import Spending
    from .suite import measure

    choice = choose(options.on)
    _tell(f"on {choice.on}: {choice.why}")
    _prepare(choice.on)
    jobs = options.jobs or automatic_jobs(choice.on)
    rounds: list[Round] = []
    for number in range(1, options.rounds + 1):
        one = measure(choice.on, jobs)
        if one.status:
            return _did_not_pass(number, one)
        _tell(f"round {number} of {options.rounds}: {one.wall:.1f} s")
        rounds.append(one)
    spending = Spending(choice.on, jobs, rounds)
    if options.json:
        conditions = {"on": choice.on, "jobs": jobs, "scenarios": spending.scenarios}
        told = document("suite", len(rounds), spending.rows(), **conditions)
        print(json.dumps(told, indent=1, ensure_ascii=False))  # noqa: T201 - the result
    else:
        for line in spending.lines():
            print(line)  # noqa: T201 - the result
    return Status.PASSED


def _prepare(on: str) -> None:
    """The images are built once, before the clock starts."""
    if on == "docker":
        from ..hosts.engine import prepare

        prepare(_tell)


def _did_not_pass(number: int, one: Round) -> Status:
    """A suite that does not pass has no speed."""
    for row in one.results["scenarios"]:
        if row["verdict"] in ("fail", "broken"):
            _tell(f"{row['verdict']} {row['name']}: {row['reason']}")
    _tell(f"round {number} ended with status {one.status}: no figure; report: {one.report}")
    return Status.FAILED if one.status == Status.FAILED else Status.UNKNOWN


def _tell(line: str) -> None:
    """Beside the result, which has stdout for itself."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201
