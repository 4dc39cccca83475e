"""How long our server takes to listen, with a million messages in its log.

Belongs here: starts of three kinds, turn by turn. Does not: the log, the clock (peers.started).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from . import long_log
from .document import Goal, Row
from .generator import CORE
from .peers import free_port, prepare, running
from .process import on_core

READY_AT_MOST: Final = 0.3  # seconds beyond a start in an empty folder
REBUILT_AT_LEAST: Final = 50.0  # MB/s, 10^6 bytes, of a log without an index
MB: Final = 1e6


def measure(
    rounds: int, folder: Path, tell: Callable[[str], None], messages: int = long_log.MILLION
) -> list[Row]:
    """Start it in an empty folder, with an index, and without one, in turn."""
    empty, full = folder / "start-empty", folder / "start-full"
    for place in (empty, full):
        prepare(place)
    size = long_log.write(full, messages)
    nothing, indexed, rebuilt = [], [], []
    with on_core(CORE):
        _start(full)  # makes the index
        for turn in range(rounds):
            for path in (empty / long_log.NAME, empty / "userlog.txt"):
                path.unlink(missing_ok=True)
            shutil.rmtree(empty / ".toom", ignore_errors=True)
            nothing.append(_start(empty))
            indexed.append(_start(full))
            shutil.rmtree(full / ".toom")
            rebuilt.append(_start(full))
            tell(
                f"round {turn + 1} of {rounds}, start: {nothing[-1]:.2f} s empty, "
                f"{indexed[-1]:.2f} with {messages:,} messages, {rebuilt[-1]:.2f} without an index"
            )
    more = [with_index - without for with_index, without in zip(indexed, nothing, strict=True)]
    rates = [
        size / MB / max(whole - without, 1e-3)
        for whole, without in zip(rebuilt, nothing, strict=True)
    ]
    name = f"start with {messages:,} messages"
    return [
        Row.of("start in an empty folder", "s", nothing),
        Row.of(f"{name}, beyond an empty one", "s", more, goal=Goal(at_most=READY_AT_MOST)),
        Row.of(f"{name}, no index", "MB/s", rates, goal=Goal(at_least=REBUILT_AT_LEAST)),
    ]


def _start(place: Path) -> float:
    """Seconds from the command until somebody can connect; then it ends in order."""
    with running(place, free_port()) as process:
        return process.seconds
