"""The parts of `make steady`: which runs, which sources, which load, and what they come to."""

import os
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.steady import census
from tests.steady.__main__ import main
from tests.steady.ledger import Ledger, Row
from tests.steady.load import busy
from tests.steady.plan import LOADED, QUIET, plan, remaining, wanted
from tests.steady.summary import summary, table
from tests.steady.tree import identity
from toom_scenarios.deadline import Deadline, wait_for
from toom_scenarios.errors import Broken
from toom_scenarios.processes import process, processes
from toom_scenarios.results import Status


def git(root: Path, *words: str) -> None:
    author = ("-c", "user.name=t", "-c", "user.email=t@t")
    subprocess.run(["git", *author, *words], cwd=root, check=True, capture_output=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with one commit."""
    (tmp_path / "file").write_text("one\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "one")
    return tmp_path


def test_changes_without_a_commit_have_results_of_their_own(root: Path) -> None:
    clean = identity(root)
    (root / "file").write_text("two\n")
    changed = identity(root)
    (root / "file").write_text("three\n")
    (root / "new").write_text("four\n")
    names = [clean, changed, identity(root)]
    assert len(set(names)) == 3
    assert all(name.startswith(f"{clean}-dirty-") for name in names[1:])
    assert len(clean) == 12


def test_without_git_nothing_is_known(tmp_path: Path) -> None:
    with pytest.raises(Broken, match="git"):
        identity(tmp_path)


@given(runs=st.integers(1, 60), share=st.floats(0, 1))
def test_every_beginning_of_a_plan_has_something_of_each_kind(runs: int, share: float) -> None:
    loaded = int(runs * share)
    turns = plan(("docker", "local"), runs, loaded)
    assert wanted(turns).total() == 2 * runs
    assert wanted(turns)["local", LOADED] == wanted(turns)["docker", LOADED] == loaded
    assert len(set(turns)) == len(turns)
    for end in range(len(turns)):
        part = turns[:end]
        dockers = sum(turn.on == "docker" for turn in part)
        assert 0 <= 2 * dockers - len(part) <= 1
        busy_ones = sum(turn.load == LOADED for turn in part)
        assert abs(busy_ones - len(part) * loaded / runs) <= 2


def test_what_is_left_of_a_plan() -> None:
    turns = plan(("docker", "local"), 3, 1)
    left = remaining(turns, Counter({("docker", QUIET): 1, ("local", LOADED): 1}))
    assert [turn.name for turn in left] == [
        *("local-quiet-001", "docker-quiet-002", "local-quiet-002", "docker-loaded-001"),
    ]


def row(on: str, seconds: float, **more: Any) -> Row:
    common: dict[str, Any] = {"load": QUIET, "number": 1, "began": "", "seed": 3, "status": 0}
    return Row(**{**common, **more}, on=on, seconds=seconds)


def test_the_table_counts() -> None:
    flake = {"name": "it_fails", "verdict": "fail", "reason": "late"}
    every = [row("docker", 70.0), row("docker", 80.04, leaks=["network x"]), row("docker", 90.0)]
    every.append(row("local", 50.0, status=1, not_passed=[flake], report="/r"))
    asked = Counter({("docker", QUIET): 3, ("local", QUIET): 2})
    lines = table(summary("abc", every, asked))
    assert lines[1].split() == [
        "docker",
        "quiet",
        "3/3",
        "2",
        "0",
        "1",
        "80.0",
        "s",
        "70.0",
        "s",
        "90.0",
        "s",
    ]
    assert lines[2].split()[:6] == ["local", "quiet", "1/2", "0", "1", "0"]
    assert lines[3:5] == [
        "flake in local quiet 1 (seed 3): fail it_fails: late",
        "  report: /r",
    ]
    assert lines[5] == "leak of docker quiet 1: network x"


def test_an_incomplete_clean_campaign_is_unknown() -> None:
    asked = Counter({("local", QUIET): 2})
    assert summary("abc", [row("local", 1.0)], asked)["status"] == Status.UNKNOWN
    assert summary("abc", [row("local", 1.0)] * 2, asked)["status"] == Status.PASSED


def ticks(pid: int) -> int:
    """Time that a process has been running, in clock ticks (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11])


def test_the_load_is_busy_and_ends() -> None:
    def works(pid: int) -> bool:
        return ticks(pid) > 3

    with busy(2) as loops:
        assert len(loops) == 2
        for pid in loops:
            assert wait_for(partial(works, pid), Deadline(10))
    assert not any(process(pid) for pid in loops)


def test_two_campaigns_do_not_mix(tmp_path: Path) -> None:
    first = Ledger(tmp_path)
    with pytest.raises(Broken, match="another campaign"):
        Ledger(tmp_path)
    first.close()
    Ledger(tmp_path).close()


@pytest.mark.parametrize(
    "words",
    [["--runs", "0"], ["--runs", "x"], ["--runs", "2", "--loaded", "3"], ["--minutes", "0"]],
)
def test_wrong_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2


STAGE_THAT_LEAVES_AN_ORPHAN = """
import subprocess, sys, tempfile
from pathlib import Path
from toom_scenarios.deadline import Deadline, wait_for
from toom_scenarios.hosts.namespaces import Switch, possible
from toom_scenarios.processes import children
with tempfile.TemporaryDirectory() as folder:
    rootless, why = possible(Path(folder))
    if rootless is None:
        print(why)
        sys.exit(4)
    switch = Switch(Path(folder), rootless=rootless)
    inside = subprocess.Popen([*switch.enter(), "sleep", "1000"])
    wait_for(lambda: children(inside.pid), Deadline(10))
    inside.kill()
    inside.wait()
    switch.close()
"""


def test_what_a_pid_namespace_leaves_is_reaped_to_its_first_process(tmp_path: Path) -> None:
    with census.adopting():
        footing = census.before("marker", tmp_path, tmp_path / "scratch")
        done = subprocess.run([sys.executable, "-c", STAGE_THAT_LEAVES_AN_ORPHAN], check=False)
        if done.returncode == 4:
            pytest.skip("no network namespaces here")
        assert done.returncode == 0
        assert census.after(footing, "").words() == []
        left = [each for each in processes() if each.parent == os.getpid()]
        assert [each for each in left if each.pid not in footing.children] == []
