"""One run of scenarios: pytest under our plugin, then the report.

Belongs here: composing the pieces. The command line is in cli.py.
"""

from __future__ import annotations

import os
import random
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import IO, Final

import pytest
from rich.console import Console

from . import reports
from .controller import Controller
from .discovery import Selection
from .drivers import Choice
from .failures import interruption, print_failures
from .implementation import Implementation
from .junit import write_junit
from .marks import split
from .options import RunOptions
from .progress import Progress
from .report import write_report
from .results import Results, Status
from .scenario import Scenario
from .table import print_table
from .video_file import plainly_named

INI: Final = Path(__file__).resolve().parent / "pytest.ini"
# Scenarios mostly wait for programs and clocks. Measured on two cores: a host of this machine costs
# so little that eight scenarios side by side are a sixth quicker than four; containers cost more.
JOBS_PER_CORE: Final = {"docker": 2, "compose": 2, "local": 4}
FEWEST_JOBS: Final = 4
SEED_LIMIT: Final = 10_000  # a seed that a person can type


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asked for, checked."""

    selection: Selection
    choice: Choice
    implementation: Implementation
    implementation_file: Path | None
    jobs: int
    seed: int
    report: Path | None
    video: Path | None
    keep: bool
    images: tuple[str, str] | None = None


def automatic_jobs(on: str) -> int:
    """More than cores.

    Args:
        on: where hosts come from.
    """
    return max(FEWEST_JOBS, JOBS_PER_CORE[on] * len(os.sched_getaffinity(0)))


def any_seed() -> int:
    """A seed for a run that was given none; it is printed."""
    return random.SystemRandom().randrange(1, SEED_LIMIT)


def perform(request: Request, console: Console) -> Results:
    """Run the scenarios, and leave the report."""
    chosen = request.selection.chosen
    name = chosen[0].name if len(chosen) == 1 else request.implementation.name
    folder = reports.made(request.report, name)
    with reports.in_use(folder):
        reports.clear(folder)
        with tempfile.TemporaryDirectory(prefix="toom-", ignore_cleanup_errors=True) as scratch:
            results = _performed(request, folder, scratch, console)
    if request.report is None:
        reports.prune(folder)
    return results


def _performed(request: Request, folder: Path, scratch: str, console: Console) -> Results:
    chosen = request.selection.chosen
    options = _options(request, folder, scratch)
    results = Results(options.on, options.seed, request.implementation.name, folder)
    results.options = _further_words(request)
    results.where, results.images = request.choice.why, request.images
    results.expect(chosen, split(request.selection.suite))
    began = time.monotonic()
    with Progress(console, len(chosen)) as progress:
        _run_pytest(request, options, Controller(results, progress), results)
    results.seconds = time.monotonic() - began
    for write in (Results.save, write_junit, write_report):
        results.writes(write, results)
    return results


def _options(request: Request, folder: Path, scratch: str) -> RunOptions:
    file, video = request.implementation_file, request.video
    return RunOptions(
        run=f"{datetime.now():%H%M%S}-{os.getpid()}-{secrets.token_hex(2)}",
        on=request.choice.on,
        local_mode=request.choice.local_mode,
        seed=request.seed,
        report=str(folder),
        scratch=scratch,
        implementation=str(file) if file else None,
        video=str(plainly_named(video, folder)) if video else None,
        keep=request.keep,
        images=request.images,
        suite=tuple(str(path) for path in request.selection.files),
    )


def _further_words(request: Request) -> tuple[str, ...]:
    """What the command line must say besides, to do the same again."""
    told = {"--implementation": request.implementation_file, "--video": request.video}
    return tuple(word for name, path in told.items() if path for word in (name, str(path)))


def in_order(chosen: Sequence[Scenario], jobs: int) -> list[Scenario]:
    """The order in which to hand scenarios out: each worker begins with a long one.

    pytest-xdist gives every worker one stretch of the list, and lets idle workers steal from the
    ends. What others build on comes first of all, in the order in which `chosen` has it: so a
    worker that waits for it waits for one that runs, never for one behind it in its own stretch.
    """
    bases = {base for each in chosen for base in each.builds_on}
    first = [each for each in chosen if each.name in bases]
    rest = sorted(
        (each for each in chosen if each.name not in bases), key=lambda each: -each.seconds
    )
    whole = [*first, *rest]
    stretches: list[list[Scenario]] = [[] for _ in range(jobs)]
    last = jobs - len(whole) % jobs  # from here on xdist gives one more, where it does not come out
    turns = [*range(last, jobs), *range(last)]
    for number, each in enumerate(whole):
        stretches[turns[number % jobs]].append(each)
    return [each for stretch in stretches for each in stretch]


def _run_pytest(
    request: Request, options: RunOptions, controller: Controller, results: Results
) -> None:
    jobs = min(request.jobs, len(request.selection.chosen))
    arguments = [
        *(
            "-c",
            str(INI),
            "--rootdir",
            os.path.commonpath([path.parent for path in request.selection.files]),
        ),
        *(
            "-p",
            "xdist.plugin",
            "-p",
            "toom_scenarios.plugin",
            "-p",
            "no:terminal",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:tmpdir",
        ),
        *("-p", "no:faulthandler", "--import-mode", "importlib", "--toom-run", str(options.save())),
        # Never in this process: a scenario may end the one in which it runs.
        *("-n", str(jobs), "--dist", "worksteal", "--max-worker-restart", "4"),
        *(f"{each.path}::{each.name}" for each in in_order(request.selection.chosen, jobs)),
    ]
    noise = StringIO()
    with _own_environment(), redirect_stderr(noise):
        status = pytest.main(arguments, plugins=[controller])
    if status == pytest.ExitCode.INTERRUPTED:
        results.interrupted = True
    elif status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        results.trouble.append(f"pytest ended with {status!r}\n{noise.getvalue()[-3000:]}")


@contextmanager
def _own_environment() -> Iterator[None]:
    """Pytest as we ask for it: no options and no plugins from the user's environment."""
    before = dict(os.environ)
    os.environ.pop("PYTEST_ADDOPTS", None)
    os.environ.pop("PYTEST_PLUGINS", None)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def show(console: Console, results: Results) -> Status:
    """The end of the run on the console. Returns the exit status."""
    print_failures(console, results)
    for row in results.rows.values():
        if row.kept:
            console.print(f"kept {row.scenario.name}: {row.kept}", soft_wrap=True)
    if results.interrupted:
        console.print(interruption(results), soft_wrap=True)
    else:
        print_table(console, results)
    console.print(f"report: {_near(results.folder / 'index.html')}", soft_wrap=True)
    return results.status()


def _near(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def own_stream(number: int) -> IO[str]:
    """A copy of stdout (1) or stderr (2) that pytest's capturing does not reach."""
    stream = sys.stdout if number == 1 else sys.stderr
    stream.flush()
    return os.fdopen(
        os.dup(number), "w", buffering=1, encoding=stream.encoding or "utf-8", errors="replace"
    )
