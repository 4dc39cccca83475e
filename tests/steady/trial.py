"""One run of the suite: started, watched, judged, and looked after.

Belongs here: the command and what it said. What it left behind is found by census.py.
"""

import contextlib
import ctypes
import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from toom_scenarios.options import OPTIONS_FILE
from toom_scenarios.run import automatic_jobs

from . import census
from .ledger import Row
from .load import LOOPS, busy
from .plan import LOADED, Turn

JOBS: Final = {"docker": 4, "local": automatic_jobs("local")}  # four: as the promise has it
RUN_LIMIT: Final = 1200.0  # seconds for one run; a loaded one takes two or three minutes
END_LIMIT: Final = 60.0  # seconds in which a run that is told to end removes its stages
PR_SET_PDEATHSIG: Final = 1  # prctl(2)
REASON_SHOWN: Final = 500  # characters


@dataclass(frozen=True, slots=True)
class Trial:
    """How each run is done.

    Attributes:
        toom: the program.
        folder: in which each run gets a folder of its own.
    """

    toom: Path
    folder: Path
    limit: float = RUN_LIMIT

    def run(self, turn: Turn, seed: int) -> Row:
        """Do one run. Its folder goes when it was clean.

        Raises:
            Broken: the engine cannot be asked what is left.
        """
        place = Place(self.folder / turn.name)
        place.make()
        marker = f"{turn.name}-{secrets.token_hex(4)}"
        with busy(LOOPS if turn.load == LOADED else 0):
            footing = census.before(marker, place.folder, place.scratch)
            began = datetime.now().isoformat(timespec="seconds")
            start = time.monotonic()
            try:
                status = self._command(turn, seed, place, marker)
            except BaseException:
                run = place.run_name()
                census.remove(census.after(footing, run), footing, run)
                raise
            seconds = time.monotonic() - start
        said, not_passed = _verdicts(place)
        leaks = _leaks(footing, place.run_name())
        row = Row(
            on=turn.on,
            load=turn.load,
            number=turn.number,
            began=began,
            seed=seed,
            seconds=round(seconds, 2),
            status=status,
            marks=said.get("marks", {}),
            not_passed=not_passed,
            leaks=leaks,
            beside=census.beside(footing),
            report=str(place.folder),
        )
        return place.without_report(row) if row.clean else row

    def _command(self, turn: Turn, seed: int, place: "Place", marker: str) -> int:
        command = [str(self.toom), "run", "--on", turn.on, "--jobs", str(JOBS[turn.on])]
        command += ["--seed", str(seed), "--json", "--report", str(place.report)]
        environment = {**os.environ, census.MARK: marker, "TMPDIR": str(place.scratch)}
        with place.result.open("wb") as result, place.console.open("wb") as console:
            running = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=result,
                stderr=console,
                env=environment,
                start_new_session=True,  # Ctrl-C is for us, and we end it
                preexec_fn=_end_with_us,
            )
            try:
                return running.wait(self.limit)
            except subprocess.TimeoutExpired:
                console.write(f"\nsteady: ended after {self.limit:.0f} s\n".encode())
                return _end(running)
            except BaseException:
                _end(running)
                raise


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of one run."""

    folder: Path

    @property
    def report(self) -> Path:
        return self.folder / "report"

    @property
    def scratch(self) -> Path:
        """Its folder for temporary files."""
        return self.folder / "tmp"

    @property
    def result(self) -> Path:
        """What it said on stdout."""
        return self.folder / "result.json"

    @property
    def console(self) -> Path:
        """What it said on stderr."""
        return self.folder / "console.txt"

    def make(self) -> None:
        """Anew: what is there is of a run that was cut off."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for each in (self.report, self.scratch):
            each.mkdir(parents=True)

    def run_name(self) -> str:
        """The run's own name, as on its labels; "" when it did not get that far."""
        try:
            return str(json.loads((self.report / OPTIONS_FILE).read_text())["run"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def without_report(self, row: Row) -> Row:
        """Reports are big, and nobody looks at that of a clean run."""
        shutil.rmtree(self.folder)
        return Row(**{**_fields(row), "report": ""})


def _fields(row: Row) -> dict[str, Any]:
    return {name: getattr(row, name) for name in Row.__dataclass_fields__}


def _end_with_us() -> None:
    """In the forked child: when we die, the run is told to end, and removes its stages."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _end(running: "subprocess.Popen[bytes]") -> int:
    """Tell it to end; then make it."""
    running.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        return running.wait(END_LIMIT)
    running.kill()
    return running.wait()


def _verdicts(place: Place) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """What the run said, and what did not pass."""
    try:
        said = json.loads(place.result.read_text(encoding="utf-8"))
        rows: Sequence[dict[str, Any]] = said["scenarios"]
        keys = ("name", "verdict", "reason")
        found = [{key: str(row[key]) for key in keys} for row in rows if row["verdict"] != "pass"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        lines = place.console.read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), repr(error))
        return {}, [_no_result(last[:REASON_SHOWN])]
    return said, found if rows else [_no_result("no scenario ran")]


def _no_result(reason: str) -> dict[str, str]:
    return {"name": "(the run)", "verdict": "broken", "reason": reason}


def _leaks(footing: census.Footing, run: str) -> list[str]:
    found = census.after(footing, run)
    words = found.words()
    if words:
        census.remove(found, footing, run)
    return words
