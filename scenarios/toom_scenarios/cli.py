"""The command line of `toom`.

Belongs here: arguments, their errors in one line, exit statuses (CONTRACT): 0 passed, 1 failed, 2
wrong usage, 3 could not find out. Does not: doing any of it.
"""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from rich.console import Console

from .bench.command import add_bench
from .errors import Broken, UsageError
from .interruption import take_endings
from .results import Status

if TYPE_CHECKING:
    from .run import Request

DESCRIPTION = "Run scenarios against a conference of real programs on real hosts, and give marks."
EXAMPLES = """\
examples:
  toom run                                  every scenario, on Docker when an engine answers
  toom run --on local --jobs 8              on processes of this machine, eight at a time
  toom run blocking rooms                   the case files scenarios/cases/blocking.py and rooms.py
  toom run two_users_talk --keep            one scenario; its hosts stay for a look
  toom run my/case.py --seed 7 --json       a case file of your own; the result as JSON on stdout
  toom run --implementation other.toml      judge other programs

exit status: 0 all passed, 1 something failed, 2 wrong usage, 3 could not find out
"""


class Parser(argparse.ArgumentParser):
    """One line for a user's mistake."""

    def error(self, message: str) -> NoReturn:
        self.exit(Status.USAGE, f"{self.prog}: {message} (try {self.prog} --help)\n")


def _jobs(text: str) -> int:
    if text == "auto":
        return 0
    if not text.isdecimal() or not 1 <= int(text) <= 256:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 256, nor `auto`")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0")
    return int(text)


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"no file {text}")
    return path.resolve()


def parser() -> argparse.ArgumentParser:
    """What `toom` understands."""
    top = Parser(
        prog="toom",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = top.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    run = verbs.add_parser(
        "run",
        help="run scenarios and print the marking table",
        description="Run scenarios and print the marking table.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run.add_argument(
        "names", nargs="*", metavar="NAME", help="a scenario, a case file's stem, or a path CASE.py"
    )
    run.add_argument(
        "--on",
        choices=("docker", "local", "compose"),
        metavar="docker|local",
        help="where hosts come from; default: docker when an engine answers, else local",
    )
    run.add_argument(
        "--jobs",
        type=_jobs,
        default=0,
        metavar="N|auto",
        help="scenarios side by side (default: auto)",
    )
    run.add_argument(
        "--seed",
        type=_seed,
        metavar="N",
        help="for what a scenario draws; default: a new one, printed",
    )
    run.add_argument("--report", type=Path, metavar="DIR", help="default: reports/<time>-<name>")
    run.add_argument(
        "--implementation", type=_file, metavar="FILE.toml", help="the programs to judge"
    )
    run.add_argument(
        "--video", type=_file, metavar="FILE", help="send this video instead of the sample"
    )
    run.add_argument(
        "--keep", action="store_true", help="leave all files, and on Docker the hosts up, to look"
    )
    run.add_argument(
        "--json", action="store_true", help="results.json on stdout, and nothing else there"
    )
    run.set_defaults(act=_run)
    listing = verbs.add_parser("list", help="what scenarios there are")
    listing.add_argument("names", nargs="*", metavar="NAME", help="as for `toom run`")
    listing.add_argument(
        "--promises", action="store_true", help="SPEC.md's promises, and who examines each"
    )
    listing.add_argument("--json", action="store_true", help="for other programs")
    listing.set_defaults(act=_list)
    add_bench(verbs, _jobs)
    doctor = verbs.add_parser(
        "doctor", help="what this machine can do, and what to do about the rest"
    )
    doctor.add_argument("--json", action="store_true", help="for other programs")
    doctor.set_defaults(act=_doctor)
    clean = verbs.add_parser(
        "clean", help="remove what dead runs have left in the container engine"
    )
    clean.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    clean.add_argument("--all", action="store_true", help="kept stages (--keep) too")
    clean.set_defaults(act=_clean)
    return top


def _run(options: argparse.Namespace) -> Status:
    from . import reports, video_file
    from . import run as runner
    from .discovery import select
    from .drivers import choose
    from .implementation import load

    selection = select(options.names)
    implementation = load(options.implementation)
    reports.checked(options.report)
    if options.video is not None:
        video_file.checked(options.video)
    if not selection.chosen:
        raise Broken("there is no scenario to run")
    choice = choose(options.on)
    request = runner.Request(
        selection=selection,
        choice=choice,
        implementation=implementation,
        implementation_file=options.implementation,
        jobs=options.jobs or runner.automatic_jobs(choice.on),
        seed=runner.any_seed() if options.seed is None else options.seed,
        report=options.report,
        video=options.video,
        keep=options.keep,
    )
    with runner.own_stream(2 if options.json else 1) as stream:
        console = Console(file=stream, highlight=False, markup=False)
        _announce(console, request)
        results = runner.perform(_prepared(request, console), console)
        status = runner.show(console, results)
    if options.json:
        print(json.dumps(results.as_json(), indent=1, ensure_ascii=False))  # noqa: T201 - the result is for stdout
    return status


def _announce(console: Console, request: Request) -> None:
    count = len(request.selection.chosen)
    console.print(f"on {request.choice.on}: {request.choice.why}", soft_wrap=True)
    console.print(
        f"{count} scenario{'s' if count != 1 else ''} of {request.implementation.name},"
        f" {min(request.jobs, count)} at a time, seed {request.seed}",
        soft_wrap=True,
    )


def _prepared(request: Request, console: Console) -> Request:
    """Sweep what dead runs left, and make sure of the images, once for all workers."""
    if request.choice.on != "docker":
        return request
    from .hosts.preparation import prepare

    found = prepare(lambda line: console.print(line, soft_wrap=True))
    return replace(request, images=(found.server, found.client))


def _list(options: argparse.Namespace) -> Status:
    from .discovery import select
    from .listing import as_json, as_lines, promise_table
    from .promises import orphans

    selection = select(options.names)
    if options.json:
        print(json.dumps(as_json(selection), indent=1, ensure_ascii=False))  # noqa: T201
    elif options.promises:
        console = Console(highlight=False, markup=False)
        console.print(promise_table(selection))
        for line in orphans(selection.suite):
            console.print(f"orphan: {line}", soft_wrap=True)
    else:
        for line in as_lines(selection):
            print(line)  # noqa: T201
    return Status.PASSED


def _doctor(options: argparse.Namespace) -> Status:
    from .doctor import examine

    findings = examine()
    if options.json:
        print(json.dumps(findings.as_json(), indent=1))  # noqa: T201
    else:
        for line in findings.as_lines():
            print(line)  # noqa: T201
    return Status.PASSED if findings.can_run else Status.UNKNOWN


def _clean(options: argparse.Namespace) -> Status:
    from .hosts.sweep import clean

    for line in clean(dry_run=options.dry_run, kept_too=options.all):
        print(line)  # noqa: T201
    return Status.PASSED


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks. Returns the exit status."""
    options = parser().parse_args(arguments)
    act: Callable[[argparse.Namespace], Status] = options.act
    take_endings()
    try:
        return act(options)
    except UsageError as error:
        return _complain(error, Status.USAGE)
    except Broken as error:
        return _complain(error, Status.UNKNOWN)
    except KeyboardInterrupt:
        return _complain("interrupted: nothing is marked", Status.UNKNOWN)
    except BrokenPipeError:
        # the reader of our output is gone; Python would complain once more at exit
        sys.stderr.close()
        return Status.UNKNOWN
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _complain(f"{where}{error.strerror or error}", Status.UNKNOWN)
    except Exception:  # Python's own status would be 1, "something failed"
        traceback.print_exc()
        return _complain("a fault of toom itself; please report it", Status.UNKNOWN)


def _complain(error: object, status: Status) -> int:
    print(f"toom: {error}", file=sys.stderr)  # noqa: T201
    return status


def run() -> None:
    """Entry point of the program `toom`."""
    sys.exit(main())
