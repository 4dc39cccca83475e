import errno
import json
from fractions import Fraction
from pathlib import Path
from typing import Literal

import pytest

from toom_scenarios.controller import Controller
from toom_scenarios.results import Results, Row, Status
from toom_scenarios.scenario import Scenario
from toom_scenarios.verdict import Verdict

NODE = "cases/case.py::story"
Phase = Literal["setup", "call", "teardown"]


class Silent:
    def __init__(self) -> None:
        self.ended_rows: list[Row] = []

    def started(self, row: Row) -> None: ...

    def ended(self, row: Row) -> None:
        self.ended_rows.append(row)


def report(when: Phase, verdict: str = "pass", reason: str = "") -> pytest.TestReport:
    outcome: Literal["passed", "failed"] = "passed" if verdict == "pass" else "failed"
    told = [("verdict", verdict), ("reason", reason)]
    place = ("case.py", 1, "story")
    return pytest.TestReport(
        NODE, place, {}, outcome, None, when, user_properties=told, duration=1.0
    )


@pytest.fixture
def results(tmp_path: Path) -> Results:
    made = Results("local", 7, "toom", tmp_path)
    known = Scenario("story", "S2", "", Fraction(1), 1, "quote", Path("case.py"), 1)
    made.expect([known], {"story": Fraction(0)})
    return made


def told(results: Results, *reports: pytest.TestReport) -> Row:
    controller = Controller(results, Silent())
    controller.pytest_runtest_logstart(NODE)
    for each in reports:
        controller.pytest_runtest_logreport(each)
    return results.rows["story"]


def test_three_phases_that_pass_are_a_pass(results: Results) -> None:
    row = told(results, report("setup"), report("call"), report("teardown"))
    assert (row.verdict, row.reason, row.seconds) == (Verdict.PASS, "", 3.0)


def test_until_its_end_a_scenario_is_not_known(results: Results) -> None:
    assert told(results, report("setup"), report("call")).verdict is Verdict.BROKEN


def test_without_its_story_nothing_has_passed(results: Results) -> None:
    assert told(results, report("setup"), report("teardown")).verdict is Verdict.BROKEN


def test_the_first_cause_is_the_one_reported(results: Results) -> None:
    failed, later = report("call", "fail", "no reply"), report("teardown", "broken", "no engine")
    row = told(results, report("setup"), failed, later)
    assert (row.verdict, row.reason) == (Verdict.FAIL, "no reply")


def test_a_stage_that_cannot_be_removed_is_no_pass(results: Results) -> None:
    row = told(results, report("setup"), report("call"), report("teardown", "broken", "no engine"))
    assert (row.verdict, row.reason) == (Verdict.BROKEN, "no engine")


def test_a_report_that_is_not_ours_means_a_dead_worker(results: Results) -> None:
    crash = report("call", "fail")
    crash.user_properties.clear()
    crash.when = "???"  # type: ignore[assignment]
    assert told(results, crash).reason == "the worker process died"


def test_verdict_and_hosts_stand_beside_the_evidence(results: Results) -> None:
    results.images = ("server:1", "client:1")
    (results.folder / "story" / "hosts" / "yoda").mkdir(parents=True)
    told(results, report("setup"), report("call"))
    unfinished = json.loads((results.folder / "story" / "verdict.json").read_text())
    assert unfinished["verdict"] == "broken", "a run that is cut off leaves the truth"
    told(results, report("setup"), report("call"), report("teardown"))
    found = {path.name for path in (results.folder / "story").iterdir()}
    assert found == {"compose.yaml", "hosts", "verdict.json"}


def test_a_report_that_cannot_be_written_leaves_nothing_known(
    results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_results: Results) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Results, "save", full)
    row = told(results, report("setup"), report("call", "fail"), report("teardown"))
    assert row.verdict is Verdict.FAIL
    assert "No space left on device" in results.lost
    assert results.status() is Status.UNKNOWN
