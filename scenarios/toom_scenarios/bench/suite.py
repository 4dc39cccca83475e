"""Rounds of the whole suite, each a `toom run` of its own, with the clock and the processors.

Belongs here: running and measuring. What the figures come to is in spending.py.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..errors import Broken
from ..results import Status

RUNNER: Final = (sys.executable, "-m", "toom_scenarios")
FAREWELL: Final = 60.0  # seconds that an interrupted run has to remove its stages
WORDS_SHOWN: Final = 2000  # characters of what a run without a result said last


@dataclass(frozen=True, slots=True)
class Round:
    """One run of the suite.

    Attributes:
        wall: seconds of the whole command.
        cpu: seconds of the runner and its children. Programs in containers are none of these.
        busy: share of this machine's processors that was busy, with whatever else ran there.
        status: of the command.
        results: its results.json.
        report: its folder, kept when it did not pass; "" else.
    """

    wall: float
    cpu: float
    busy: float
    status: int
    results: dict[str, Any]
    report: str = ""


def measure(on: str, jobs: int, runner: Sequence[str] = RUNNER) -> Round:
    """Run the suite once.

    Args:
        on: `docker` or `local`.
        jobs: scenarios side by side.
        runner: the command that is `toom`.

    Raises:
        Broken: it left no result.
    """
    folder = Path(tempfile.mkdtemp(prefix="toom-bench-"))
    command = [*runner, "run", "--on", on, "--jobs", str(jobs), "--json"]
    kernel, own, began = _ticks(), _cpu(), time.monotonic()
    try:
        done = _run([*command, "--report", str(folder)])
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    wall = time.monotonic() - began
    cpu, busy = _cpu() - own, _share(kernel, _ticks())
    try:
        results: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        shutil.rmtree(folder, ignore_errors=True)
        said = done.stderr[-WORDS_SHOWN:].strip()
        raise Broken(
            f"a run of the suite left no result (status {done.returncode}): {said}"
        ) from error
    if done.returncode == Status.PASSED:
        shutil.rmtree(folder)
        return Round(wall, cpu, busy, done.returncode, results)
    return Round(wall, cpu, busy, done.returncode, results, str(folder))


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """A run of the suite to its end; where we are interrupted, it ends as if it were too."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        try:
            output, errors = child.communicate()
        except BaseException:
            child.terminate()
            try:
                child.communicate(timeout=FAREWELL)
            except subprocess.TimeoutExpired:
                child.kill()
            raise
    return subprocess.CompletedProcess(command, child.returncode, output, errors)


def _cpu() -> float:
    """Seconds that processes have used which we have waited for, and theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _ticks() -> tuple[int, int]:
    """Busy and all clock ticks of this machine's processors since boot (proc(5), stat)."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    user, nice, system, idle, iowait, irq, softirq, steal = map(int, fields)
    busy = user + nice + system + irq + softirq + steal
    return busy, busy + idle + iowait


def _share(before: tuple[int, int], after: tuple[int, int]) -> float:
    whole = after[1] - before[1]
    return (after[0] - before[0]) / whole if whole else 0.0
