"""How often one user may have others disturbed (PROTOCOL 2.5). Pure.

A token bucket in the form of the virtual scheduling algorithm (ITU-T I.371): one time says it all.
"""

from typing import Final

AT_ONCE: Final = 256  # with those of 30 s below what a client expects of one user; PROTOCOL 5.7
EVERY: Final = 0.1  # seconds for each further one: nobody types faster


class Pace:
    """Of one user; what comes too fast is to wait, and is not refused."""

    __slots__ = ("_paid_until",)

    def __init__(self) -> None:
        self._paid_until = 0.0

    def wait(self, now: float) -> float:
        """Count one more, if it may be at once.

        Args:
            now: seconds, monotonic clock.

        Returns:
            0: it may, and is counted. Else in how many seconds to ask again.
        """
        paid_until = max(self._paid_until, now)
        wait = paid_until - now - (AT_ONCE - 0.5) * EVERY  # half a one is for rounding
        if wait > 0:
            return wait
        self._paid_until = paid_until + EVERY
        return 0.0
