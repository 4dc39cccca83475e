"""`toom` as a person or a script meets it: statuses, outputs, and what a run leaves."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from toom_scenarios.cli import main

from .stories import ASSERTS, BREAKS, BUILDS_ON, DIES, FAILS, HANGS, PASSES, UNSUPPORTED, case, toom


@pytest.mark.slow
def test_a_run_with_every_verdict(tmp_path: Path) -> None:
    name = case(tmp_path, PASSES, FAILS, ASSERTS, BREAKS, UNSUPPORTED, HANGS)
    done = toom("run", name, "--on", "local", "--report", "r", "--seed", "5", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    document = json.loads((tmp_path / "r" / "results.json").read_text())
    verdicts = {row["name"]: row["verdict"] for row in document["scenarios"]}
    assert verdicts == {
        "it_passes": "pass",
        "it_fails": "fail",
        "it_asserts": "fail",
        "it_breaks": "broken",
        "it_cannot_be_examined": "unsupported",
        "it_hangs": "broken",
    }
    assert document["marks"] == {"earned": 1.0, "possible": 5.0}  # bcm of bcm, atu, srb, rdm
    assert (document["on"], document["seed"], document["implementation"]) == ("local", 5, "toom")
    reasons = {row["name"]: row["reason"] for row in document["scenarios"]}
    assert reasons["it_breaks"] == "program 'no-such-program' cannot be found or executed"
    assert "took over 1 s" in reasons["it_hangs"]
    check_console(done.stdout)
    check_left_behind(tmp_path / "r")


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "3"])
def test_what_builds_on_a_failure_is_skipped(tmp_path: Path, jobs: str) -> None:
    name = case(
        tmp_path, *(BUILDS_ON.format(base) for base in ("it_fails", "it_passes")), FAILS, PASSES
    )
    done = toom(
        *("run", name, "--on", "local", "--report", "r", "--json", "--jobs", jobs), cwd=tmp_path
    )
    assert done.returncode == 1, done.stderr
    rows = {row["name"]: row for row in json.loads(done.stdout)["scenarios"]}
    skipped, failed = rows["it_builds_on_it_fails"], rows["it_builds_on_it_passes"]
    assert (skipped["verdict"], skipped["reason"]) == ("skipped", "it builds on it_fails: fail")
    assert (failed["verdict"], failed["promise"]) == ("fail", "S8.5")
    assert rows["it_passes"]["verdict"] == "pass"
    assert "skipped: it_builds_on_it_fails" in done.stderr


def check_console(console: str) -> None:
    assert "[6/6] " in console
    assert "\x1b" not in console, "colours are for terminals"
    assert "test session starts" not in console
    failures = console[console.index("\nFAIL ") :]
    assert "  S7       Every other active user\n" in failures
    assert "  wanted   the line “Obi-wan”\n" in failures
    assert "yoda-1 < no other active user\n" in failures
    assert re.search(r"  when     [0-9.]+ s, deadline 0.2 s; yoda-1: running\n", failures)
    assert "  at       case.py:" in failures
    assert "FAIL it_asserts: wanted “b”, saw “a”\n" in failures
    assert "  wanted   b\n  seen     a\n" in failures
    assert "2 marks not examined here" in console
    assert "\n1 of 5\n" in console


def check_left_behind(report: Path) -> None:
    cases = {
        row.get("name"): row for row in ElementTree.parse(report / "junit.xml").iter("testcase")
    }
    assert cases["it_passes"].find("failure") is None
    assert cases["it_fails"].find("failure") is not None
    assert cases["it_cannot_be_examined"].find("skipped") is not None
    page = (report / "index.html").read_text()
    assert "&lt;b&gt;hello" in page
    assert "<b>hello" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert (report / "it_passes" / "terminals" / "yoda-1.txt").is_file()
    for name in ("it_passes", "it_fails", "it_cannot_be_examined"):
        assert json.loads((report / name / "verdict.json").read_text())["name"] == name
    assert (report / "it_fails" / "hosts" / "yoda" / "big").stat().st_size == 2_000_000


def test_big_files_of_a_passed_scenario_are_kept_as_digests(tmp_path: Path) -> None:
    text = PASSES + '    stage.host("yoda").put("big", b"x" * 2_000_000)\n'
    assert (
        toom("run", case(tmp_path, text), "--on", "local", "--report", "r", cwd=tmp_path).returncode
        == 0
    )
    folder = tmp_path / "r" / "it_passes" / "hosts" / "yoda"
    assert [path.name for path in folder.iterdir()] == ["big.sha256"]
    assert "2000000 bytes" in (folder / "big.sha256").read_text()


def test_json_is_all_there_is_on_stdout(tmp_path: Path) -> None:
    done = toom("run", case(tmp_path, PASSES), "--on", "local", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["scenarios"][0]["verdict"] == "pass"
    assert (tmp_path / "reports" / "latest" / "results.json").is_file()


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (PASSES, 0),
        (ASSERTS, 1),
        (BREAKS, 3),
        (UNSUPPORTED, 3),
        (PASSES + DIES, 3),
        ("import nowhere", 3),
        ("def story(:", 2),
    ],
)
def test_statuses(tmp_path: Path, text: str, status: int) -> None:
    done = toom("run", case(tmp_path, text), "--on", "local", "--report", "r", cwd=tmp_path)
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "no_such_scenario"],
        ["run", "nowhere.py"],
        ["run", "--jobs", "0"],
        ["run", "--seed", "x"],
        ["run", "--on", "moon"],
        ["run", "--video", "nowhere.mp4"],
        ["run", "--implementation", "nowhere.toml"],
        ["list", "no_such_scenario"],
        ["fly"],
        [],
    ],
)
def test_wrong_usage_is_2_and_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status: object = main(arguments)
    except SystemExit as ended:
        status = ended.code
    said = capsys.readouterr()
    assert status == 2
    assert said.out == ""
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [("--report", "letter.txt"), ("--video", "letter.txt"), ("--implementation", "letter.txt")],
)
def test_what_cannot_be_used_is_told_before_anything_else(
    tmp_path: Path, arguments: tuple[str, str]
) -> None:
    (tmp_path / "letter.txt").write_text("Dear Yoda")
    done = toom("run", case(tmp_path, PASSES), "--on", "local", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


def test_a_run_can_be_repeated_into_the_same_folder(tmp_path: Path) -> None:
    for _ in range(2):
        done = toom("run", case(tmp_path, PASSES), "--on", "local", "--report", "r", cwd=tmp_path)
        assert done.returncode == 0, done.stdout


def test_a_report_never_overwrites_other_files(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "thesis.txt").touch()
    done = toom("run", case(tmp_path, PASSES), "--on", "local", "--report", "r", cwd=tmp_path)
    assert done.returncode == 2
    assert "holds other files" in done.stderr


def test_docker_without_an_engine_is_unknown_never_a_local_pass(tmp_path: Path) -> None:
    name = case(tmp_path, PASSES)
    done = toom("run", name, "--on", "docker", cwd=tmp_path, DOCKER_HOST="unix:///nonexistent")
    assert done.returncode == 3
    assert "no container engine answers at unix:///nonexistent" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_an_engine_local_is_chosen_and_said(tmp_path: Path) -> None:
    name = case(tmp_path, PASSES)
    done = toom("run", name, cwd=tmp_path, DOCKER_HOST="unix:///nonexistent")
    assert done.returncode == 0
    assert done.stdout.startswith("on local: no container engine answers at unix:///nonexistent")


def test_the_users_own_pytest_settings_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --collect-only\n")
    name = case(tmp_path, PASSES)
    done = toom("run", name, "--on", "local", cwd=tmp_path, PYTEST_ADDOPTS="--collect-only")
    assert done.returncode == 0


STRANGERS = '''
@scenario(section="S7", part="atu")
def strangers_are_judged_fairly(stage: Stage) -> None:
    """«with nobody else: `no other active user`»"""
    server = stage.server(attempts=4)
    server.sees("serving, 4 attempts")
    yoda = stage.client("yoda", user="Yoda")
    assert yoda.asks("ATU") == ["no other active user"]
    yoda.leaves()
    server.stops()
'''


def test_other_programs_can_be_judged(tmp_path: Path) -> None:
    stranger = str(Path(__file__).parent / "stranger" / "stranger.toml")
    name = case(tmp_path, STRANGERS)
    done = toom(
        "run", name, "--on", "local", "--implementation", stranger, "--report", "r", cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout
    assert json.loads((tmp_path / "r" / "results.json").read_text())["implementation"] == "stranger"


def test_listing_for_programs(tmp_path: Path) -> None:
    done = toom("list", case(tmp_path, PASSES, FAILS), "--json", cwd=tmp_path)
    document = json.loads(done.stdout)
    assert [row["id"] for row in document["scenarios"]] == ["it_passes", "it_fails"]
    own = document["promises"][-1]
    assert (own["quote"], own["scenarios"]) == ("Every other active user", ["it_fails"])


def test_doctor_tells_what_works(tmp_path: Path) -> None:
    done = toom("doctor", "--json", cwd=tmp_path, DOCKER_HOST="unix:///nonexistent")
    document = json.loads(done.stdout)
    assert document["docker"] is False
    assert done.returncode == (0 if document["local"] else 3)


def test_a_fault_of_ours_is_not_a_failure_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    def fault() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("toom_scenarios.doctor.examine", fault)
    assert main(["doctor"]) == 3
