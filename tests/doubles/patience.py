"""Waiting in tests: for a condition up to a deadline, or for time itself where that is tested."""

import threading
import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], within: float = 5.0) -> None:
    """Look every 2 ms until the condition holds; seconds."""
    nobody = threading.Event()
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"{condition} did not hold within {within} s"
        nobody.wait(0.002)


def lets_pass(seconds: float, *, because: str) -> None:
    """Let real time pass; `because` says which promise is about time."""
    assert because
    threading.Event().wait(seconds)
