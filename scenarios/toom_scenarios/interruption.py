"""Signals that ask for the end are taken like Ctrl-C, so that stages are removed and the report is
written.
"""

from __future__ import annotations

import signal
from types import FrameType
from typing import Final

ENDING: Final = (signal.SIGTERM, signal.SIGHUP)  # a cancelled job; a terminal that was closed


def take_endings() -> None:
    """From now on `ENDING` raises KeyboardInterrupt in this process; what is ignored stays so."""
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup(1)
            signal.signal(number, signal.default_int_handler)


def take_all_endings() -> None:
    """The same for a worker, with two differences. SIGINT reaches it though its runner ignores that
    (as whatever a shell's script starts with `&` does): it tells that the runner is gone. And the
    first counts alone: those that follow must not interrupt the removal of the stage.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for number in (*ENDING, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in (*ENDING, signal.SIGINT):
        signal.signal(number, interrupt)
