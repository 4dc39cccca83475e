"""One time limit that can be carried through several steps, and waiting for a condition.

Belongs here: clocks of the runner (monotonic). Nothing else in the runner sleeps.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

from .accounting import ANSWERS, on

T = TypeVar("T")

POLL_INTERVAL: Final = 0.03  # seconds between two looks at something that cannot notify us (a file)


class Deadline:
    """A moment on the monotonic clock.

    Args:
        seconds: from now on.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds that remain, never negative."""
        return max(0.0, self._end - time.monotonic())

    def passed(self) -> bool:
        return time.monotonic() >= self._end


@on(ANSWERS)
def wait_for(condition: Callable[[], T | None], deadline: Deadline) -> T | None:
    """Look until `condition` gives something true, or until the deadline.

    Returns:
        What it gave; the last (false) answer when time ran out. It is asked at least once.
    """
    nobody = threading.Event()
    while True:
        answer = condition()
        if answer or deadline.passed():
            return answer
        nobody.wait(min(POLL_INTERVAL, deadline.left()))


def pause(seconds: float) -> None:
    """Let real time pass, where time itself is what was promised."""
    threading.Event().wait(seconds)
