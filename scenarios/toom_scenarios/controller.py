"""The pytest plugin of the controlling process: it turns reports of workers into rows of the
result.

Belongs here: bookkeeping. Does not: drawing (progress.py), judging (plugin.py, in the workers).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Protocol

import pytest

from . import accounting
from .again import write_compose
from .evidence import write_verdict
from .facts import Diagnosis, unpacked
from .results import NEVER_ENDED, Results, Row
from .verdict import Verdict

TROUBLE_SHOWN: Final = 4000  # characters of an error inside pytest: its end tells most
WORKER_DIED: Final = "the worker process died"


class Progress(Protocol):
    """Whoever shows the run to a person."""

    def started(self, row: Row) -> None: ...
    def ended(self, row: Row) -> None: ...


class Controller:
    """Keeps `Results` true while the run goes on."""

    def __init__(self, results: Results, progress: Progress) -> None:
        self._results = results
        self._progress = progress
        self._ended: set[str] = set()
        self._passed: set[str] = set()

    def _row(self, nodeid: str) -> Row | None:
        return self._results.rows.get(nodeid.rpartition("::")[2])

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        row = self._row(nodeid)
        if row is None or row.started:
            return
        row.started, row.verdict, row.reason = True, Verdict.BROKEN, NEVER_ENDED
        row.began = time.time()
        self._write(row, write_verdict)
        self._progress.started(row)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        row = self._row(report.nodeid)
        if row is None:
            return
        told = {str(name): str(value) for name, value in report.user_properties}
        if "verdict" not in told:  # no report of ours: the worker died, and xdist says so
            told = {
                "verdict": "broken",
                "reason": WORKER_DIED,
                "diagnosis": Diagnosis(WORKER_DIED, raw=report.longreprtext).packed(),
            }
        row.seconds += report.duration
        row.kept = told.get("kept", row.kept)
        row.spent = accounting.unpacked(told["spent"]) if "spent" in told else row.spent
        self._first_cause(row, told)
        if report.when == "call" and report.passed:
            self._passed.add(row.scenario.name)
        if report.when == "teardown" or report.when not in ("setup", "call"):
            self._end(row)

    def _first_cause(self, row: Row, told: dict[str, str]) -> None:
        verdict = Verdict(told["verdict"])
        if verdict is not Verdict.PASS and row.reason == NEVER_ENDED:
            row.verdict = verdict
            row.reason = told.get("reason") or str(verdict)
            row.diagnosis = unpacked(told["diagnosis"]) if "diagnosis" in told else None
            row.promise = told.get("promise", "")

    def _end(self, row: Row) -> None:
        if row.scenario.name in self._ended:
            return
        self._ended.add(row.scenario.name)
        row.ended = True
        if row.reason == NEVER_ENDED and row.scenario.name in self._passed:
            row.verdict, row.reason = Verdict.PASS, ""
        self._write(row, write_verdict, write_compose)
        self._progress.ended(row)

    def _write(self, row: Row, *parts: Callable[[Results, Row], object]) -> None:
        for part in parts:
            self._results.writes(part, self._results, row)
        self._results.writes(self._results.save)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._results.trouble.append(report.longreprtext)

    def pytest_internalerror(self, excrepr: object) -> None:
        self._results.trouble.append(f"inside pytest: {excrepr}"[-TROUBLE_SHOWN:])

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object, error: object) -> None:
        if error:
            self._results.trouble.append(f"worker {node}: {error}")
