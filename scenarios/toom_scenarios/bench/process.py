"""What a running process has cost so far, as Linux tells it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ..errors import Broken

CPU_OF_PROCESS: Final = 2  # CPUCLOCK_SCHED; the clocks of others have the complement of a pid above
PID_SHIFT: Final = 3  # of the pid in such a clock's number (kernel: posix-timers.h)


def cpu_seconds(pid: int) -> float:
    """Processor time of all its threads, to the nanosecond; /proc/PID/stat knows hundredths."""
    return time.clock_gettime((~pid << PID_SHIFT) | CPU_OF_PROCESS)


def proportional_bytes(pid: int) -> int:
    """Its memory, with pages that it shares counted in part (proc(5), smaps_rollup)."""
    return _told(pid, "Pss:")


def own_bytes(pid: int) -> int:
    """Its memory without pages of files, of which its part changes with who else has them: each
    other process of the same interpreter that ends makes it larger.
    """
    return _told(pid, "Pss_Anon:")


def _told(pid: int, what: str) -> int:
    try:
        told = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except FileNotFoundError as exc:
        raise Broken("this kernel tells no proportional set size: /proc/PID/smaps_rollup") from exc
    for line in told.splitlines():
        name, *rest = line.split()
        if name == what:
            return int(rest[0]) * 1024
    raise Broken(f"/proc/PID/smaps_rollup has no {what[:-1]}")


def open_descriptors(pid: int) -> int:
    """How many files and sockets it has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def threads(pid: int) -> int:
    """How many threads it has."""
    return len(os.listdir(f"/proc/{pid}/task"))


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """Keep this process to one core, so that it takes none of the server's time."""
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {core})
    except OSError as exc:
        raise Broken(f"this machine has no core {core} for the load beside the server's") from exc
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
