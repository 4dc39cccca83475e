"""`toom bench suite`, with results that were made up."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from toom_scenarios import accounting
from toom_scenarios.bench import command, suite
from toom_scenarios.bench.document import Figures, Row, document
from toom_scenarios.bench.spending import WORDS, Spending
from toom_scenarios.bench.suite import Round, measure
from toom_scenarios.cli import main
from toom_scenarios.deadline import Deadline, wait_for
from toom_scenarios.errors import Broken


def results(
    *scenarios: tuple[str, float, dict[str, float]], seconds: float = 20.0
) -> dict[str, Any]:
    rows = [
        {"name": name, "verdict": "pass", "reason": "", "seconds": taken, "spent": spent}
        for name, taken, spent in scenarios
    ]
    return {"seconds": seconds, "scenarios": rows}


FIRST = results(("block", 12.0, {"promised": 10.0, "hosts": 1.0}), ("rooms", 4.0, {"forced": 1.2}))
SECOND = results(("block", 14.0, {"promised": 10.0, "hosts": 2.0}), ("rooms", 5.0, {"forced": 1.4}))
ROUNDS = [Round(21.0, 6.0, 0.5, 0, FIRST), Round(23.0, 8.0, 0.7, 0, SECOND)]


def figures(spending: Spending) -> dict[str, tuple[float, str]]:
    return {row.case: (round(row.ours.median, 3), row.unit) for row in spending.rows()}


# --- what the figures come to


def test_the_whole_and_where_it_goes() -> None:
    found = figures(Spending("local", 4, ROUNDS))
    assert found["the whole suite"] == (22.0, "s")
    assert found["waits that are a promise"] == (10.0, "s")
    assert found["waits that are no promise"] == (1.3, "s")
    assert found["making hosts"] == (1.5, "s")
    assert found["removing hosts"] == (0.0, "s")
    assert found["everything else (films, comparing)"] == (4.7, "s")
    assert found["sum of the scenarios"] == (17.5, "s")
    assert found["the runner's own start and end"] == (2.0, "s")
    assert found["processor time of the runner and its children"] == (7.0, "s")
    assert found["processors of this machine busy"] == (60.0, "%")


def test_the_workers_are_no_more_than_the_scenarios() -> None:
    busy = 100 * (16 / (2 * 21) + 19 / (2 * 23)) / 2
    assert figures(Spending("local", 4, ROUNDS))["workers busy"] == (round(busy, 3), "%")
    assert figures(Spending("local", 1, ROUNDS))["workers busy"][0] > busy


def test_every_bucket_has_words() -> None:
    assert tuple(WORDS) == accounting.BUCKETS


def test_the_buckets_add_up_to_the_sum() -> None:
    spending = Spending("local", 2, ROUNDS[:1])
    assert sum(row.ours.median for row in spending.buckets()) == pytest.approx(16.0)


def test_the_longest_scenarios_come_first() -> None:
    many = results(*((f"s{number}", float(number), {}) for number in range(20)))
    longest = Spending("local", 4, [Round(30.0, 1.0, 0.1, 0, many)]).longest()
    assert [row.case for row in longest] == [f"s{number}" for number in range(19, 11, -1)]


def test_the_words_for_people() -> None:
    lines = list(Spending("docker", 4, ROUNDS).lines())
    assert lines[0] == "the whole suite on docker: 2 scenarios, 2 at a time, 2 rounds"
    assert lines[1] == "median 22.0 s, min 21.0 s, max 23.0 s"
    assert lines[2] == "(at most 100 s on two cores)"
    (forced,) = (line for line in lines if "no promise" in line)
    assert forced.split()[-8:] == ["1.3", "s", "7", "%", "at", "most", "10", "s"]


# --- the document


def test_the_document_is_what_the_contract_says() -> None:
    peer = {"redis": Figures(42000, 41000, 43000), "still": Figures(0, 0, 0)}
    row = Row("50 connections", "acks/s", Figures.of([46000.0, 45000.0, 47000.1234]), peer)
    told = document("server", 3, [row], on="local")
    assert set(told["host"]) == {"cores", "kernel"}
    assert {key: told[key] for key in told if key != "host"} == {
        "schema": 1,
        "benchmark": "server",
        "rounds": 3,
        "on": "local",
        "rows": [
            {
                "case": "50 connections",
                "unit": "acks/s",
                "ours": {"median": 46000.0, "min": 45000.0, "max": 47000.123},
                "peers": {
                    "redis": {"median": 42000, "min": 41000, "max": 43000},
                    "still": {"median": 0, "min": 0, "max": 0},
                },
                "ratio": {"redis": 1.1},
            }
        ],
    }


# --- measuring


def runner(folder: Path, ends: int, says: str) -> tuple[str, ...]:
    """A program that is busy, says this and ends so."""
    script = folder / "toom.py"
    script.write_text(
        "import sys, time\n"
        "while time.process_time() < 0.2: pass\n"
        "open(sys.argv[-1] + '/results.json', 'w').close()\n"
        f"print(sys.argv[1:], file=sys.stderr); print({says!r}); sys.exit({ends})\n"
    )
    return (sys.executable, str(script))


@pytest.fixture(autouse=True)
def own_scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports that are kept go with the test."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def test_a_round_is_measured(tmp_path: Path) -> None:
    one = measure("local", 4, runner(tmp_path, 0, json.dumps(FIRST)))
    assert one.cpu >= 0.2
    assert one.wall >= 0.2
    assert 0 <= one.busy <= 1
    assert (one.results, one.status, one.report) == (FIRST, 0, "")
    assert [path.name for path in tmp_path.iterdir()] == ["toom.py"]


def test_the_report_of_a_round_that_did_not_pass_is_kept(tmp_path: Path) -> None:
    one = measure("local", 4, runner(tmp_path, 1, json.dumps(FIRST)))
    assert one.status == 1
    assert (Path(one.report) / "results.json").is_file()


def test_a_run_without_a_result_could_not_find_out(tmp_path: Path) -> None:
    with pytest.raises(Broken, match=r"status 3\): .*'run', '--on', 'docker', '--jobs', '9'"):
        measure("docker", 9, runner(tmp_path, 3, ""))
    assert [path.name for path in tmp_path.iterdir()] == ["toom.py"]


# --- the command


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> list[Round]:
    """What the rounds to come will measure."""
    to_come = list(ROUNDS)
    monkeypatch.setattr(suite, "measure", lambda on, jobs: to_come.pop(0))
    return to_come


def test_the_command_prints_one_document(
    rounds: list[Round], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "suite", "--on", "local", "--rounds", "2", "--jobs", "2", "--json"]) == 0
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert (told["benchmark"], told["rounds"], told["on"], told["jobs"]) == ("suite", 2, "local", 2)
    assert told["rows"][0]["ours"] == {"median": 22.0, "min": 21.0, "max": 23.0}
    assert "round 2 of 2: 23.0 s" in said.err
    assert rounds == []


@pytest.mark.parametrize(("ends", "status"), [(1, 1), (3, 3)])
def test_a_suite_that_does_not_pass_has_no_speed(
    rounds: list[Round], capsys: pytest.CaptureFixture[str], ends: int, status: int
) -> None:
    bad = results(("block", 1.0, {}))
    bad["scenarios"][0] |= {"verdict": "fail", "reason": "late"}
    rounds.insert(0, Round(1.0, 1.0, 0.1, ends, bad, "/the/report"))
    assert main(["bench", "suite", "--on", "local"]) == status
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[-2:] == [
        "fail block: late",
        f"round 1 ended with status {ends}: no figure; report: /the/report",
    ]


@pytest.mark.parametrize(
    "words", [[], ["moon"], ["suite", "--rounds", "0"], ["suite", "--jobs", "x"]]
)
def test_wrong_usage_is_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", *words])
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_help_is_there() -> None:
    done = subprocess.run(
        [*suite.RUNNER, "bench", "suite", "--help"], capture_output=True, text=True, check=True
    )
    assert "--rounds N" in done.stdout
    assert command.ROUNDS == 3


SLOW_TO_LEAVE = """
import pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[-1])
def leave(*_):
    (folder.parent / "left-in-order").touch()
    sys.exit(3)
signal.signal(signal.SIGTERM, leave)
(folder / "runs").touch()
signal.pause()
"""


def test_an_interrupted_run_may_leave_in_order(tmp_path: Path) -> None:
    told = (
        "from toom_scenarios.interruption import take_endings; take_endings()\n"
        "from toom_scenarios.bench.suite import measure\n"
        f"measure('local', 1, [{sys.executable!r}, '-c', {SLOW_TO_LEAVE!r}])"
    )
    bench = subprocess.Popen(
        [sys.executable, "-c", told],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stderr=subprocess.DEVNULL,
    )
    assert wait_for(lambda: list(tmp_path.glob("toom-bench-*/runs")), Deadline(20))
    bench.terminate()
    bench.wait(20)
    assert [each.name for each in tmp_path.iterdir()] == ["left-in-order"]
