"""`make steady`, with a stand-in for `toom` that does in each run what the test wants."""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.steady import census
from tests.steady.__main__ import main
from tests.steady.plan import QUIET, Turn
from tests.steady.tree import identity
from tests.steady.trial import JOBS, Trial
from toom_scenarios.deadline import Deadline, wait_for
from toom_scenarios.processes import children, process

ROOT = Path(__file__).parents[1]

STAND_IN = ROOT / "tests" / "doubles" / "toom_run.py"
DRIVER = """
import sys; from pathlib import Path; from tests.steady.__main__ import main
sys.exit(main(sys.argv[2:], Path(sys.argv[1])))
"""


@pytest.fixture
def toom(tmp_path: Path) -> Path:
    program = tmp_path / "bin" / "toom"
    program.parent.mkdir()
    line = [sys.executable, str(STAND_IN), str(program.parent)]
    program.write_text(f'#!/bin/sh\nexec {shlex.join(line)} "$@"\n')
    program.chmod(0o755)
    (program.parent / "todo").touch()
    return program


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with one commit."""
    made = tmp_path / "sources"
    made.mkdir()
    (made / "file").write_text("one\n")
    git(made, "init", "-q")
    git(made, "add", ".")
    git(made, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "-m", "one")
    return made


@pytest.fixture(autouse=True)
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """What leaks here leaks for good: it needs no time to go."""
    monkeypatch.setattr(census, "GRACE", 0.3)


def git(root: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=root, check=True, capture_output=True)


def todo(toom: Path, text: str) -> None:
    (toom.parent / "todo").write_text(text)


def steady(toom: Path, root: Path, *words: str) -> int:
    where = ("--toom", str(toom), "--results", str(root.parent / "results"))
    given = words if "--on" in words else ("--on", "local", *words)
    return main([*given, *where], root)


def results(root: Path) -> Path:
    return root.parent / "results" / identity(root)


def rows(root: Path) -> list[dict[str, Any]]:
    text = (results(root) / "runs.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def told(root: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((results(root) / "summary.json").read_text())
    return document


# --- clean runs


def test_clean_runs_are_kept_as_rows_without_their_reports(
    toom: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert steady(toom, root, "--runs", "3", "--loaded", "1") == 0
    assert [(row["on"], row["load"], row["number"]) for row in rows(root)] == [
        ("local", "quiet", 1),
        ("local", "quiet", 2),
        ("local", "loaded", 1),
    ]
    seen = (toom.parent / "seen").read_text()
    assert seen.startswith(
        f"run --on local --jobs {JOBS['local']} --seed {rows(root)[0]['seed']} --json --rep"
    )
    assert rows(root)[0]["marks"] == {"earned": 18.0, "possible": 18.0}
    assert list((results(root) / "runs").iterdir()) == []
    assert [kind["clean"] for kind in told(root)["kinds"]] == [2, 1]
    assert capsys.readouterr().out.splitlines()[-2] == "steady: 3 runs without a flake or a leak"


# --- flakes


@pytest.mark.parametrize(
    ("what", "name", "reason"),
    [
        ("fail", "it_fails", "yoda waited 5 s"),
        ("nonsense", "(the run)", "what?"),
        ("empty", "(the run)", "no scenario ran"),
        ("status", "(the run)", "ended with status 3, and every scenario passed"),
    ],
)
def test_a_flake_is_named_and_its_report_kept(
    toom: Path, root: Path, capsys: pytest.CaptureFixture[str], what: str, name: str, reason: str
) -> None:
    todo(toom, what)
    assert steady(toom, root, "--runs", "2", "--loaded", "0") == 1
    flake = told(root)["flakes"][0]
    assert (flake["name"], flake["reason"]) == (name, reason)
    assert (Path(flake["report"]) / "report" / "run.json").is_file()
    out = capsys.readouterr().out
    assert f"flake in local quiet 1 (seed {flake['seed']}): " in out
    assert "NOT STEADY: 1 flakes, 0 leaks in 2 of 2 runs" in out


def test_it_stops_at_the_first_when_asked(toom: Path, root: Path) -> None:
    todo(toom, "pass fail")
    assert steady(toom, root, "--runs", "5", "--stop-at-first") == 1
    assert len(rows(root)) == 2


def test_a_run_that_hangs_is_ended(toom: Path, tmp_path: Path) -> None:
    todo(toom, "hang")
    row = Trial(toom, tmp_path / "runs", limit=1.0).run(Turn("local", QUIET, 1), 7)
    assert row.status == -signal.SIGTERM
    assert row.not_passed[0]["reason"] == "steady: ended after 1 s"
    assert not row.leaks


# --- leaks


@pytest.mark.parametrize(
    ("what", "leak"),
    [
        ("process", "process {}: sleep 4000"),
        ("daemon", "process {}: sleep 4000"),
        ("file", "temporary file toom-"),
    ],
)
def test_what_is_left_over_is_found_and_removed(
    toom: Path, root: Path, what: str, leak: str
) -> None:
    todo(toom, f"{what} pass")
    assert steady(toom, root, "--runs", "2", "--loaded", "0") == 1
    first, second = rows(root)
    assert len(first["leaks"]) == 1
    number = next(iter(filter(str.isdecimal, first["leaks"][0].replace(":", "").split())), "")
    assert first["leaks"][0].startswith(leak.format(number))
    if number:
        assert process(int(number)) is None
    assert second["leaks"] == []
    assert Path(first["report"]).is_dir()
    assert told(root)["kinds"][0]["leaks"] == 1


@pytest.mark.parametrize("what", ["process", "home", "directory"])
def test_a_process_is_found_without_its_ancestry_too(toom: Path, tmp_path: Path, what: str) -> None:
    """By the mark in its environment, by its home, by its working directory."""
    todo(toom, what)
    row = Trial(toom, tmp_path / "runs").run(Turn("local", QUIET, 1), 7)
    assert [leak.partition(": ")[2] for leak in row.leaks] == ["sleep 4000"]


def test_a_mount_that_is_left_over_is_found_and_removed(toom: Path, root: Path) -> None:
    tried = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)
    if tried.returncode:
        pytest.skip(f"no mounts here: {tried.stderr.decode().strip()}")
    todo(toom, "mount")
    try:
        assert steady(toom, root, "--runs", "1") == 1
        assert any(leak.startswith("mount ") for leak in rows(root)[0]["leaks"])
        assert str(root.parent) not in Path("/proc/self/mounts").read_text()
    finally:
        for place in root.parent.glob("results/*/runs/*/tmp/place"):
            subprocess.run(["umount", str(place)], capture_output=True, check=False)


@pytest.mark.engine
def test_a_network_that_is_left_over_is_found_and_removed(toom: Path, root: Path) -> None:
    import docker

    from toom_scenarios.engine import engine_answer

    found, why = engine_answer()
    if not found:
        pytest.skip(why)
    todo(toom, "network")
    row = Trial(toom, root.parent / "runs").run(Turn("docker", QUIET, 1), 7)
    assert [leak.split("-")[0] for leak in row.leaks] == ["network stand"]
    client = docker.from_env()
    assert client.networks.list(names=[row.leaks[0].removeprefix("network ")]) == []
    client.close()


def test_the_locks_that_stay_and_a_strangers_process_are_no_leaks(toom: Path, root: Path) -> None:
    todo(toom, "pool")
    other = subprocess.Popen(["sleep", "4000"])
    try:
        assert steady(toom, root, "--runs", "1") == 0
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


# --- going on


def test_started_again_it_goes_on_where_it_stopped(toom: Path, root: Path) -> None:
    assert steady(toom, root, "--runs", "2", "--loaded", "1") == 0
    assert steady(toom, root, "--runs", "5", "--loaded", "2") == 0
    kinds = [(row["load"], row["number"]) for row in rows(root)]
    assert sorted(kinds) == [("loaded", 1), ("loaded", 2), ("quiet", 1), ("quiet", 2), ("quiet", 3)]
    assert steady(toom, root, "--runs", "5", "--loaded", "2") == 0
    assert len(rows(root)) == 5


def test_time_that_is_up_is_not_complete(
    toom: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert steady(toom, root, "--runs", "2", "--minutes", "0.000001") == 3
    assert "not complete yet: 0 of 2 runs" in capsys.readouterr().out
    assert told(root)["complete"] is False


def test_a_run_that_cannot_be_done_in_time_is_not_begun(toom: Path, root: Path) -> None:
    steady(toom, root, "--runs", "1", "--loaded", "0")
    path = results(root) / "runs.jsonl"
    path.write_text(json.dumps({**rows(root)[0], "seconds": 4000.0}) + "\n")
    assert steady(toom, root, "--runs", "2", "--loaded", "1", "--minutes", "60") == 3
    assert len(rows(root)) == 1


def test_a_flake_found_before_is_not_forgotten(toom: Path, root: Path) -> None:
    todo(toom, "fail")
    assert steady(toom, root, "--runs", "1") == 1
    assert steady(toom, root, "--runs", "2") == 1


def test_a_row_that_was_cut_off_does_not_count(toom: Path, root: Path) -> None:
    steady(toom, root, "--runs", "2", "--loaded", "0")
    path = results(root) / "runs.jsonl"
    path.write_text(path.read_text()[:-20])
    assert steady(toom, root, "--runs", "2", "--loaded", "0") == 0
    assert [row["number"] for row in rows(root)] == [1, 2]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_however_it_ends_nothing_goes_on(toom: Path, root: Path, number: signal.Signals) -> None:
    todo(toom, "hang")
    words = ["--runs", "1", "--on", "local", "--toom", str(toom)]
    words += ["--results", str(root.parent / "results")]
    runner = subprocess.Popen([sys.executable, "-c", DRIVER, str(root), *words], cwd=ROOT)
    with killed_at_last(runner):
        hangs = toom.parent / "hangs"
        assert wait_for(lambda: hangs.exists() and hangs.read_text(), Deadline(20))
        born = [process(pid) for pid in children(runner.pid)]
        assert len(born) == 3  # two loops and the run
        runner.send_signal(number)
        status = runner.wait(20)
        assert status == (-signal.SIGKILL if number == signal.SIGKILL else 3)
        assert wait_for(lambda: all(ended(each) for each in born), Deadline(10))
    assert steady(toom, root, "--runs", "1") == 0


@contextmanager
def killed_at_last(runner: subprocess.Popen[bytes]) -> Iterator[None]:
    """Whatever the block finds, neither the runner nor what it has started outlives it."""
    try:
        yield
    finally:
        for pid in [*children(runner.pid), runner.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        runner.wait()


def ended(born: Any) -> bool:
    now = process(born.pid)
    return now is None or now.state == "Z" or now.started != born.started


def test_it_stops_when_the_sources_change(toom: Path, root: Path) -> None:
    before = results(root)
    (toom.parent / "source").symlink_to(root / "file")
    todo(toom, "edit")
    assert steady(toom, root, "--runs", "3", "--loaded", "0") == 3
    assert len((before / "runs.jsonl").read_text().splitlines()) == 1


def test_docker_without_an_engine_could_not_find_out(
    toom: Path, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent")
    assert steady(toom, root, "--runs", "1", "--on", "docker") == 3
    assert "steady: no container engine answers" in capsys.readouterr().out
