"""However a runner, or a scenario, is ended: nothing goes on, and nothing is marked."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from toom_scenarios.deadline import Deadline, wait_for
from toom_scenarios.processes import processes

from .stories import WAITS, case, toom


def commands() -> list[str]:
    found = []
    for each in processes():
        if each.state != "Z":
            try:
                words = Path(f"/proc/{each.pid}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            found.append(b" ".join(words).decode(errors="replace").strip())
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "scenarios", "kind", "end"),
    [
        (signal.SIGKILL, 1, "namespaces", os.kill),
        (signal.SIGKILL, 2, "namespaces", os.kill),
        (signal.SIGKILL, 1, "loopback", os.kill),
        (signal.SIGKILL, 2, "loopback", os.kill),
        (signal.SIGTERM, 1, "namespaces", os.kill),
        (signal.SIGTERM, 2, "loopback", os.kill),
        (signal.SIGTERM, 2, "namespaces", os.killpg),  # a cancelled job
        (signal.SIGHUP, 2, "namespaces", os.killpg),  # a terminal that was closed
        (signal.SIGINT, 2, "namespaces", os.kill),
    ],
)
def test_nothing_outlives_a_runner_that_is_ended(
    tmp_path: Path,
    number: signal.Signals,
    scenarios: int,
    kind: str,
    end: Callable[[int, int], None],
) -> None:
    mark = f"{7000 + os.getpid() % 1000}.{number}{scenarios}"
    name = case(tmp_path, *(WAITS.format(each, mark) for each in range(scenarios)))
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    with (tmp_path / "said").open("w") as said:
        runner = subprocess.Popen(
            [sys.executable, "-m", "toom_scenarios", "run", name, "--on", "local", "--report", "r"],
            cwd=tmp_path,
            stdout=said,
            stderr=subprocess.DEVNULL,
            env={
                **os.environ,
                "TOOM_LOCAL": "loopback" if kind == "loopback" else "",
                "TMPDIR": str(temporary),
            },
            start_new_session=True,
        )
    sleepers = f"sleep {mark}"
    assert wait_for(lambda: commands().count(sleepers) == 2 * scenarios, Deadline(20))
    end(runner.pid, number)
    status = runner.wait(20)
    assert wait_for(lambda: sleepers not in commands(), Deadline(10))
    document = json.loads((tmp_path / "r" / "results.json").read_text())
    assert {row["verdict"] for row in document["scenarios"]} <= {"broken", "skipped"}
    if number != signal.SIGKILL:
        assert status == 3
        assert "interrupted: nothing is marked" in (tmp_path / "said").read_text()
    assert wait_for(lambda: not list(temporary.glob("toom-????????")), Deadline(10))


ENDS_ITS_PROCESS = '''
@scenario(section="S10", part="rdm")
def it_ends_its_process(stage: Stage) -> None:
    """«no new message»"""
    import os
    os._exit(0)
'''


@pytest.mark.slow
def test_a_scenario_that_ends_its_process_is_broken(tmp_path: Path) -> None:
    name = case(tmp_path, ENDS_ITS_PROCESS)
    done = toom("run", name, "--on", "local", "--report", "r", cwd=tmp_path, TMPDIR=str(tmp_path))
    assert done.returncode == 3
    assert "broken it_ends_its_process" in done.stdout
    assert not list(tmp_path.glob("toom-????????"))
