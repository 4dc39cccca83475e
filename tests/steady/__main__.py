"""`make steady`: run the whole suite many times, and see that it never flickers and leaves nothing.

Exit status: 0 all runs are there and clean; 1 a flake or a leak; 2 wrong usage; 3 not complete yet,
or could not find out. Started again, it goes on where it stopped.
"""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from toom_scenarios.errors import Broken
from toom_scenarios.results import Status
from toom_scenarios.run import any_seed

from .census import adopting
from .ledger import Ledger
from .plan import Turn, plan, remaining, wanted
from .summary import line, summary, table
from .tree import identity
from .trial import Trial

ROOT: Final = Path(__file__).parents[2]
TOOM: Final = Path(sys.executable).parent / "toom"
RUNS: Final = 30  # for each of docker and local, as the promise has it
RUNS_LOADED: Final = 10  # of these
SUMMARY: Final = "summary.json"


def say(text: str) -> None:
    """Tell the person at the terminal."""
    print(text, flush=True)  # noqa: T201 - what the program is for


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """What was asked for; wrong usage ends with 2."""
    parser = argparse.ArgumentParser(prog="make steady", description=__doc__)
    parser.add_argument(
        "--runs", type=_count, default=RUNS, metavar="N", help="of each kind of host"
    )
    parser.add_argument("--loaded", type=int, metavar="N", help="of these, with two busy loops")
    parser.add_argument("--on", choices=("docker", "local", "both"), default="both")
    parser.add_argument("--stop-at-first", action="store_true", help="flake or leak")
    parser.add_argument("--minutes", type=float, metavar="M", help="stop after so long; resumable")
    parser.add_argument("--toom", type=Path, default=TOOM, metavar="PROGRAM")
    parser.add_argument("--results", type=Path, default=ROOT / "build" / "steady", metavar="DIR")
    options = parser.parse_args(argv)
    if options.loaded is None:
        options.loaded = min(RUNS_LOADED, options.runs)
    if not 0 <= options.loaded <= options.runs:
        parser.error(f"--loaded: {options.loaded} is not from 0 to {options.runs}")
    if options.minutes is not None and not options.minutes > 0:
        parser.error("--minutes: must be more than 0")
    return options


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 10000")
    return int(text)


class Campaign:
    """The runs of one tree."""

    def __init__(self, options: argparse.Namespace, root: Path) -> None:
        self._options = options
        self._root = root
        self.tree = identity(root)
        self._folder: Path = options.results.resolve() / self.tree
        self._began = time.monotonic()
        ons = ("docker", "local") if options.on == "both" else (options.on,)
        self._plan = plan(ons, options.runs, options.loaded)
        self._ledger = Ledger(self._folder)
        self._trial = Trial(options.toom, self._folder / "runs")

    def perform(self) -> Status:
        """Do what is left, and judge all there is."""
        left = remaining(self._plan, self._ledger.done())
        say(f"{self.tree}: {len(self._plan) - len(left)} of {len(self._plan)} runs are there")
        try:
            if any(turn.on == "docker" for turn in left):
                _prepare_engine()
            for turn in left:
                if self._must_stop(turn):
                    break
                row = self._trial.run(turn, any_seed())
                self._ledger.add(row)
                say(line(row))
                self._write()
                if not row.clean and self._options.stop_at_first:
                    break
        finally:
            self._ledger.close()
        return self._tell()

    def _must_stop(self, turn: Turn) -> bool:
        if identity(self._root) != self.tree:
            say("the sources have changed: start again for their own results")
            return True
        minutes: float | None = self._options.minutes
        if minutes is None:
            return False
        alike = [row.seconds for row in self._ledger.rows if row.on == turn.on]
        needed = max(alike, default=0.0)  # a run that cannot be done in time is not begun
        return time.monotonic() - self._began + needed > minutes * 60

    def _write(self) -> None:
        """Write the summary; a reader never sees half of it."""
        new = self._folder / f".{SUMMARY}.new"
        document = summary(self.tree, self._ledger.rows, wanted(self._plan))
        new.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(new, self._folder / SUMMARY)

    def _tell(self) -> Status:
        self._write()
        document = summary(self.tree, self._ledger.rows, wanted(self._plan))
        for each in table(document):
            say(each)
        say(f"results: {self._folder}")
        return Status(document["status"])


def _prepare_engine() -> None:
    """Sweep what dead runs left and build the images, so that no run's time has it in it."""
    from toom_scenarios.hosts.preparation import prepare

    prepare(say)


@contextmanager
def terminated_is_interrupted() -> Iterator[None]:
    """SIGTERM is taken like Ctrl-C: the run at work is ended, and the rows stay."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, old)


def main(argv: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the campaign. Returns the exit status."""
    options = arguments(argv)
    try:
        with adopting(), terminated_is_interrupted():
            return Campaign(options, root).perform()
    except Broken as error:
        say(f"steady: {error}")
    except KeyboardInterrupt:
        say("steady: interrupted; the same command goes on where it stopped")
    return Status.UNKNOWN


if __name__ == "__main__":
    sys.exit(main())
