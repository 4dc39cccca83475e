"""Load on the processors: loops that do nothing but be busy.

Belongs here: starting and stopping them. They die with whoever started them, however it ends.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from toom_scenarios.hosts.pty import die_with_parent

LOOPS: Final = 2  # as the promise has it: one for each processor of the smallest machine
LOOP: Final = "while True: pass"


@contextmanager
def busy(loops: int) -> Iterator[list[int]]:
    """Keep so many processors busy; gives the pids of the loops."""
    started: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(loops):
            started.append(_start())
        yield [loop.pid for loop in started]
    finally:
        for loop in started:
            loop.kill()
        for loop in started:
            loop.wait()


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-S", "-E", "-c", LOOP],
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for us alone, and we stop them
        preexec_fn=die_with_parent,
    )
