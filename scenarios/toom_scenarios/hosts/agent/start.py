"""The start of a host's first process.

Arguments: the working directory; the seconds after which it and all the host's programs end, 0:
never; `stays` or `goes`, when the runner is gone.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from .fresh import settle
from .loop import Agent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

PR_SET_DUMPABLE: Final = 4  # prctl(2)


def hide() -> None:
    """Keep this process' memory and streams from programs of the same user."""
    with suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def own_streams() -> tuple[int, int]:
    """Stdin and stdout, moved to where no program inherits them."""
    source, sink = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)
    return source, sink


def main(arguments: list[str]) -> None:
    """Serve until the runner is gone or the lifetime is over."""
    folder, lifetime, stays = arguments
    agent = Agent(*own_streams(), folder=os.fsencode(folder), stays=stays == "stays")
    hide()
    settle(os.fsencode(folder))
    signal.alarm(int(lifetime))
    agent.hello()
    try:
        agent.serve()
    finally:
        agent.end_programs()
