"""The command line of `toom bench`.

Belongs here: arguments, and composing the pieces. Does not: measuring.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..results import Status

if TYPE_CHECKING:
    from .document import Row
    from .suite import Round

ROUNDS: Final = 3
SERVER_ROUNDS: Final = 5
TRANSFER_ROUNDS: Final = 5
MOST_ROUNDS: Final = 100
# What `--only` takes, here so that other verbs need not load the benchmarks; a test compares them.
PARTS: Final = ("speed", "memory", "reading", "start", "logouts", "fairness")
CONNECTIONS: Final = (1, 50, 200, 1000, 5000)
TRANSFERS: Final = (
    *("loopback", "veth", "bridge", "ordinary", "100M-0", "100M-0.1", "100M-1", "100M-5"),
    *("20M-2", "bursts", "two", "four", "cubic"),
)
SOAK_SECONDS: Final = 600
SOAK_RATE: Final = 2000


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
    _add_rounds(suite, ROUNDS)
    suite.add_argument("--jobs", type=jobs, default=0, metavar="N|auto")
    suite.add_argument("--json", action="store_true", help="the figures as JSON on stdout")
    suite.set_defaults(act=_suite)
    server = kinds.add_parser(
        "server", help="speed against Redis, memory, reading, starts, log-outs, fairness"
    )
    _add_rounds(server, SERVER_ROUNDS)
    server.add_argument(
        "--only",
        type=_part,
        action="append",
        default=[],
        metavar="PART",
        help=f"measure this alone; may be repeated: {', '.join(PARTS)}, or a number of "
        "connections, which stands for the cases of speed that have as many",
    )
    _add_common(server)
    server.set_defaults(act=_server)
    transfer = kinds.add_parser(
        "transfer", help="a file from terminal to terminal, against TCP, TLS, QUIC and UFTP"
    )
    _add_rounds(transfer, TRANSFER_ROUNDS)
    transfer.add_argument(
        "--only",
        choices=TRANSFERS,
        action="append",
        default=[],
        metavar="CASE",
        help=f"measure this alone; may be repeated: {', '.join(TRANSFERS)}",
    )
    transfer.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the figures, too")
    _add_common(transfer, "in memory")
    transfer.set_defaults(act=_transfer)
    soak = kinds.add_parser("soak", help="whether the server stays as it was under thousands")
    soak.add_argument("--seconds", type=_count(86_400), default=SOAK_SECONDS, metavar="N")
    soak.add_argument("--connections", type=_count(5000), default=5000, metavar="N")
    soak.add_argument(
        "--rate",
        type=_count(100_000),
        default=SOAK_RATE,
        metavar="N",
        help="requests a second, of all together",
    )
    _add_common(soak)
    soak.set_defaults(act=_soak)


def _add_rounds(parser: argparse.ArgumentParser, default: int) -> None:
    parser.add_argument(
        "--rounds",
        type=_count(MOST_ROUNDS),
        default=default,
        metavar="N",
        help="how often everything is measured, one after the other; the medians are told "
        "(default: %(default)s)",
    )


def _add_common(bench: argparse.ArgumentParser, default: str = "/tmp") -> None:
    bench.add_argument(
        "--directory",
        type=Path,
        metavar="DIR",
        help=f"on the disk that is meant (default: {default})",
    )
    bench.add_argument("--json", action="store_true", help="the figures as JSON on stdout")
    bench.add_argument("--check", action="store_true", help="status 1 when a goal is missed")


def _count(most: int) -> Callable[[str], int]:
    def count(text: str) -> int:
        if not text.isdecimal() or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {most}")
        return int(text)

    return count


def _part(text: str) -> str | int:
    if text in PARTS:
        return text
    if text.isdecimal() and int(text) in CONNECTIONS:
        return int(text)
    known = ", ".join(map(str, (*PARTS, *CONNECTIONS)))
    raise argparse.ArgumentTypeError(f"{text!r} is none of {known}")


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
    from .server import measure

    rows, more = measure(options.rounds, options.directory, _tell, options.only)
    return _conclude("server", options.rounds, rows, more, options)


def _transfer(options: argparse.Namespace) -> Status:
    from .transfer import plot, rounds

    if options.plot is not None:
        plot.check()
    rows, more = rounds.measure(options.rounds, options.directory, _tell, options.only)
    if options.plot is not None:
        plot.plot(options.plot, rows, more["seconds"])
        _tell(f"drawn: {options.plot}")
    return _conclude("transfer", options.rounds, rows, more, options)


def _soak(options: argparse.Namespace) -> Status:
    from .soak import measure

    rows, more = measure(
        options.seconds, options.directory, _tell, options.connections, options.rate
    )
    return _conclude("soak", 1, rows, more, options)


def _conclude(
    name: str, rounds: int, rows: Sequence[Row], more: dict[str, Any], options: argparse.Namespace
) -> Status:
    """Print what was found, and say whether it is enough where that is asked."""
    from .document import document
    from .table import print_rows

    if options.json:
        told = document(name, rounds, rows, **more)
        print(json.dumps(told, indent=1, ensure_ascii=False))  # noqa: T201 - the result
    else:
        print_rows(rows)
    judged = [row.is_met() for row in rows if row.goal is not None]
    if not options.check:
        return Status.PASSED
    if False in judged:
        return Status.FAILED
    return Status.UNKNOWN if None in judged else Status.PASSED


def _prepare(on: str) -> None:
    """The images are built once, before the clock starts."""
    if on == "docker":
        from ..hosts.preparation import prepare

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
