"""The verbs of the Makefile, in a stand-in checkout whose `toom` ends as the test wants."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent"}

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="this machine has no make")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "a checkout"
    shutil.copytree(ROOT / "containers", root / "containers")
    shutil.copy(ROOT / "Makefile", root)
    (root / "containers" / "setup.sh").write_text("exit 0\n")
    program(root / ".venv" / "bin" / "python", f'exec "{sys.executable}" "$@"')
    program(root / ".venv" / "bin" / "toom", 'echo "toom $*"; exit ${TOOM_ENDS:-0}')
    return root


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def make(root: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", "-C", str(root), *words],
        env={**inherited, **environment}, cwd="/",
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_make_prints_its_verbs(checkout: Path) -> None:
    done = make(checkout)
    assert done.returncode == 0
    verbs = (
        "scenarios",
        "test",
        "check",
        "format",
        "image",
        "mutants",
        "kills",
        "transfers",
        "fuzz",
        "steady",
        "bench",
        "clean",
    )
    for verb in verbs:
        assert f"make {verb} " in done.stdout


@pytest.mark.parametrize(("ends", "made"), [(0, 0), (1, 1), (2, 2), (3, 2)])
def test_a_failure_is_never_mixed_with_what_could_not_be_found_out(
    checkout: Path, ends: int, made: int
) -> None:
    done = make(checkout, "scenarios", "ON=local", "STATUS=left", TOOM_ENDS=str(ends))
    assert done.returncode == made
    assert (checkout / "left").read_text() == f"{ends}\n"


@pytest.mark.parametrize(("ends", "meaning"), [(2, "wrong usage"), (3, "could not find out")])
def test_the_last_line_tells_the_two_statuses_of_make_apart(
    checkout: Path, ends: int, meaning: str
) -> None:
    done = make(checkout, "scenarios", "ON=local", TOOM_ENDS=str(ends))
    assert done.stdout.splitlines()[-2:-1] == [f"make scenarios: status {ends}, {meaning}"]


def test_a_failed_verb_is_remembered_while_the_next_is_done(checkout: Path) -> None:
    done = make(checkout, "scenarios", "help", "ON=local", TOOM_ENDS="1")
    assert done.returncode == 1
    assert "make mutants " in done.stdout


def test_no_file_is_left_for_the_status(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    make(checkout, "scenarios", "ON=local", TOOM_ENDS="1", TMPDIR=str(tmp_path / "tmp"))
    assert list((tmp_path / "tmp").iterdir()) == []


def test_words_are_passed_on(checkout: Path) -> None:
    done = make(checkout, "scenarios", "ON=local", "JOBS=3", "ARGS=login --seed 7")
    assert "toom run --on local --jobs 3 login --seed 7\n" in done.stdout


def test_the_bench_is_of_the_suite(checkout: Path) -> None:
    done = make(checkout, "bench", "ON=local", "ARGS=--rounds 1")
    assert "toom bench suite --on local --rounds 1\n" in done.stdout


def test_steady_gets_its_words(checkout: Path) -> None:
    program(checkout / ".venv" / "bin" / "python", 'echo "python $*"; exit 3')
    done = make(checkout, "steady", "ON=local", "ARGS=--runs 2", "STATUS=left")
    assert "python -m tests.steady --on local --runs 2\n" in done.stdout
    assert (checkout / "left").read_text() == "3\n"


def test_without_an_engine_local_is_chosen_and_said(checkout: Path) -> None:
    done = make(checkout, "scenarios", **NO_ENGINE)
    assert done.returncode == 0
    assert "toom run --on local\n" in done.stdout
    assert "on local processes, since no container engine answers at unix:///none" in done.stderr


def test_docker_asked_for_is_never_a_local_pass(checkout: Path) -> None:
    done = make(checkout, "scenarios", "ON=docker", "STATUS=left", **NO_ENGINE)
    assert done.returncode == 2
    assert (checkout / "left").read_text() == "3\n"
    assert "toom run" not in done.stdout


def test_an_unknown_kind_of_host_is_wrong_usage(checkout: Path) -> None:
    done = make(checkout, "scenarios", "ON=podman", "STATUS=left")
    assert (checkout / "left").read_text() == "2\n"
    assert "ON is docker or local, not 'podman'" in done.stderr


@pytest.mark.parametrize(("first", "second", "worse"), [(0, 0, 0), (1, 0, 1), (0, 3, 3), (3, 1, 3)])
def test_the_service_of_compose_ends_with_the_worse_status(
    tmp_path: Path, first: int, second: int, worse: int
) -> None:
    program(
        tmp_path / "bin" / "toom",
        f'echo "$*"; case $2 in the_whole_story) exit {first};; *) exit {second};; esac',
    )
    reports = tmp_path / "reports"
    reports.mkdir()
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", str(ROOT / "containers" / "story-and-suite.sh")],
        env={**os.environ, "PATH": path, "TOOM_REPORTS": str(reports)},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == worse
    assert "--on compose" in done.stdout.splitlines()[0]
    assert "--on docker" in done.stdout.splitlines()[1]
