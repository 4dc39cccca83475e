import json
from fractions import Fraction
from pathlib import Path

import pytest

from toom_scenarios.results import Results, Status
from toom_scenarios.scenario import Scenario
from toom_scenarios.verdict import Verdict


def results(folder: Path, *verdicts: Verdict) -> Results:
    made = Results("local", 7, "toom", folder)
    names = [f"s{number}" for number in range(len(verdicts))]
    chosen = [
        Scenario(name, "S2", "", Fraction(1), 1, "quote", Path("case.py"), 1) for name in names
    ]
    made.expect(chosen, dict.fromkeys(names, Fraction(0)))
    for name, verdict in zip(names, verdicts, strict=True):
        made.rows[name].verdict, made.rows[name].started = verdict, True
    return made


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        ("pass pass", Status.PASSED),
        ("pass unsupported skipped", Status.PASSED),
        ("pass fail", Status.FAILED),
        ("fail broken", Status.FAILED),
        ("pass broken", Status.UNKNOWN),
        ("unsupported", Status.UNKNOWN),
        ("skipped unsupported", Status.UNKNOWN),
    ],
)
def test_statuses_are_never_mixed(tmp_path: Path, verdicts: str, status: Status) -> None:
    assert results(tmp_path, *map(Verdict, verdicts.split())).status() is status


def test_a_run_that_was_cut_off_is_unknown(tmp_path: Path) -> None:
    made = results(tmp_path, Verdict.PASS, Verdict.SKIPPED)
    made.rows["s1"].started = False
    assert made.status() is Status.UNKNOWN
    made = results(tmp_path, Verdict.PASS)
    made.trouble.append("interrupted")
    assert made.status() is Status.UNKNOWN


def test_rows_are_on_disk_before_anything_runs(tmp_path: Path) -> None:
    made = Results("docker", 7, "toom", tmp_path)
    made.expect(
        [Scenario("first", "S2", "blocking", Fraction(1), 2, "quote", Path("case.py"), 1)],
        {"first": Fraction(3, 2)},
    )
    document = json.loads((tmp_path / "results.json").read_text())
    assert document == {
        "schema": 1,
        "on": "docker",
        "seed": 7,
        "implementation": "toom",
        "seconds": 0.0,
        "marks": {"earned": 0.0, "possible": 1.5},
        "scenarios": [
            {
                "name": "first",
                "part": "blocking",
                "section": "S2",
                "marks": 1.5,
                "verdict": "skipped",
                "seconds": 0.0,
                "reason": "the run ended before it began",
                "directory": "first",
                "promises": [],
                "promise": "",
                "started": False,
                "ended": False,
            }
        ],
    }
