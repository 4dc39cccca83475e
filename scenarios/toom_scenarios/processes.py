"""Processes of this machine as /proc shows them: members of a session, children of a process.

Belongs here: reading /proc and ending a whole session. A program may put itself into a process
group of its own, so the session is the unit that is ended.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .deadline import Deadline, wait_for


@dataclass(frozen=True, slots=True)
class Process:
    """One row of /proc. `started` is in clock ticks since boot: with the pid it names a process for
    good.
    """

    pid: int
    state: str
    parent: int
    session: int
    started: int


def process(pid: int) -> Process | None:
    """A process that exists, or None."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()  # the name may hold spaces and brackets
    return Process(pid, fields[0], int(fields[1]), int(fields[3]), int(fields[19]))


def processes() -> Iterator[Process]:
    """All processes that this one can see."""
    for name in os.listdir("/proc"):
        if name.isdigit() and (found := process(int(name))) is not None:
            yield found


def children(pid: int) -> list[int]:
    """The pids of a process' children."""
    return [found.pid for found in processes() if found.parent == pid]


def in_session(session: int) -> list[int]:
    """The living members of a session, its leader too."""
    return [found.pid for found in processes() if found.session == session and found.state != "Z"]


def end_session(session: int, within: float = 5.0) -> None:
    """Kill every member of a session, those that are born meanwhile too."""

    def nobody_left() -> bool:
        members = in_session(session)
        for pid in members:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        return not members

    wait_for(nobody_left, Deadline(within))
