"""Signals that ask for the end are taken like Ctrl-C, so that stages are removed and the report is
written.
"""

from __future__ import annotations

import signal
from typing import Final

ENDING: Final = (signal.SIGTERM, signal.SIGHUP)  # a cancelled job; a terminal that was closed


def take_endings() -> None:
    """From now on `ENDING` raises KeyboardInterrupt in this process; what is ignored stays so."""
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup(1)
            signal.signal(number, signal.default_int_handler)
