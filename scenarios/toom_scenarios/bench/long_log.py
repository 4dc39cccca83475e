"""A log as it is after years of use: made here, read by our server (SPEC S4, S6)."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from ..timestamps import timestamp
from . import wire
from .peers import MOST, TEXT

NAME: Final = "messagelog.txt"
MILLION: Final = 1_000_000
A_SECOND: Final = 10  # messages of one second: a lively conference
BEGIN: Final = datetime(2022, 6, 1, 12)
TAIL: Final = 32 * 1024  # bytes in which the last line surely begins: twice a longest one


def write(directory: Path, count: int) -> int:
    """Write a log of so many messages; give its bytes."""
    path = directory / NAME
    with path.open("w", encoding="ascii") as log:
        for first in range(1, count + 1, A_SECOND):
            at = timestamp(time_of(first))
            log.writelines(
                f"{number}; {at}; {wire.user(number % MOST)}; {TEXT}\n"
                for number in range(first, min(first + A_SECOND, count + 1))
            )
    return path.stat().st_size


def time_of(number: int) -> datetime:
    """When a message was sent."""
    return BEGIN + timedelta(seconds=(number - 1) // A_SECOND)


def before_the_last(count: int, last: int) -> str:
    """The time to ask RDM for, so that the last messages come, no more; `last`: whole seconds."""
    assert last % A_SECOND == count % A_SECOND == 0
    return timestamp(time_of(count - last + 1) - timedelta(seconds=1))


def last_number(directory: Path) -> int:
    """The number of a log's last message; 0: there is none."""
    with (directory / NAME).open("rb") as log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - TAIL))
        lines = log.read().splitlines()
    return int(lines[-1].split(b";")[0]) if lines else 0
