"""What a process has cost."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from toom_scenarios.bench import process
from toom_scenarios.errors import Broken

LARGE = 64 << 20  # bytes
CHILD = (
    "import sys, threading\n"
    "for line in sys.stdin:\n"
    "    kept = [bytearray(b'x') * int(line), open('/dev/null')]\n"
    "    threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    "    print('done', flush=True)\n"
)


@pytest.fixture
def child() -> Iterator["subprocess.Popen[str]"]:
    """A process that takes as much memory as it is told, a thread and a file."""
    command = [sys.executable, "-c", CHILD]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as there:
        take(there, 1)
        yield there
        assert there.stdin is not None
        there.stdin.close()


def take(child: "subprocess.Popen[str]", size: int) -> None:
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(f"{size}\n")
    child.stdin.flush()
    assert child.stdout.readline() == "done\n"


def test_memory_threads_and_descriptors_of_another(child: "subprocess.Popen[str]") -> None:
    before, own = process.proportional_bytes(child.pid), process.own_bytes(child.pid)
    threads, files = process.threads(child.pid), process.open_descriptors(child.pid)
    take(child, LARGE)
    assert LARGE <= process.proportional_bytes(child.pid) - before < LARGE * 1.1
    assert LARGE <= process.own_bytes(child.pid) - own < LARGE * 1.1
    assert process.own_bytes(child.pid) < process.proportional_bytes(child.pid)
    assert process.threads(child.pid) == threads + 1
    assert process.open_descriptors(child.pid) >= files


def test_processor_time_of_another_is_finer_than_a_tick(child: "subprocess.Popen[str]") -> None:
    before = process.cpu_seconds(child.pid)
    take(child, LARGE)
    assert 0.001 < process.cpu_seconds(child.pid) - before < 10


def test_processor_time_is_that_of_the_process() -> None:
    assert process.cpu_seconds(os.getpid()) == pytest.approx(time.process_time(), abs=0.05)


def test_a_core_that_is_not_there() -> None:
    before = os.sched_getaffinity(0)
    with process.on_core(min(before)):
        assert os.sched_getaffinity(0) == {min(before)}
    assert os.sched_getaffinity(0) == before
    with pytest.raises(Broken, match="no core 1023"), process.on_core(1023):
        pass
