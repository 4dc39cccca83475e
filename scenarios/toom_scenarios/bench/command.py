"""The command line of `toom bench`.

Belongs here: arguments, and composing the pieces. Does not: measuring.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..results import Status

if TYPE_CHECKING:
    from .suite import Round

ROUNDS: Final = 3
SERVER_ROUNDS: Final = 5
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
    server = kinds.add_parser(
        "server", help="durable acknowledgements per second, against Redis in the same run"
    )
    server.add_argument("--rounds", type=_rounds, default=SERVER_ROUNDS, metavar="N")
    server.add_argument(
        "--directory", type=Path, metavar="DIR", help="on the disk that is meant (default: /tmp)"
    )
    server.add_argument("--only", type=int, action="append", metavar="CONNECTIONS")
    server.add_argument("--json", action="store_true", help="the figures as JSON on stdout")
    server.set_defaults(act=_server)


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


def _server(options: argparse.Namespace) -> Status:
    from .document import document
    from .server import CASES, GENERATOR_BOUND, measure

    cases = [case for case in CASES if options.only is None or case.connections in options.only]
    rows, more = measure(options.rounds, options.directory, _tell, cases)
    if options.json:
        told = document("server", options.rounds, rows, **more)
        print(json.dumps(told, indent=1, ensure_ascii=False))  # noqa: T201 - the result
        return Status.PASSED
    for row in rows:
        ((name, peer),) = row.peers.items()
        bound = f"  {GENERATOR_BOUND}" if row.case in more[GENERATOR_BOUND] else ""
        print(  # noqa: T201 - the result
            f"{row.case:<34} {row.unit:>6}  {row.ours.median:>10.2f} "
            f"({row.ours.min:.2f} to {row.ours.max:.2f})  {name} {peer.median:.2f} "
            f"({peer.min:.2f} to {peer.max:.2f})  ratio {row.ratios().get(name, 0):.2f}{bound}"
        )
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
