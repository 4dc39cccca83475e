"""Which of the offered files come now, and which wait for their turn (PROTOCOL 5.9).

Belongs here: final names that are taken, how many files of one presenter come at a time. Does not:
the user's rules (rules), what lies where a file comes (place).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Final

from toom_protocol.transfer.reasons import Reason

AT_ONCE: Final = 64  # files of one presenter; each takes a descriptor, and its part of the buffer
# More of them, each with a few KiB and a word now and then; what a server lets one user announce
# within the minute in which the first of them come (PROTOCOL 2.5).
MOST_WAITING: Final = 1000


class Berths:
    """Those of one client; they belong to the transfers' thread.

    Each presenter has as many as any other, so that nobody's files keep others' from coming.
    """

    def __init__(self) -> None:
        """Begin with nobody."""
        self.under_way: Counter[str] = Counter()
        """Files that come, by presenter."""
        self.changes = 0
        """How often `under_way` has changed."""
        self._names: set[str] = set()
        self._waiting: defaultdict[str, dict[str, Callable[[], None]]] = defaultdict(dict)
        self._closed = False

    def __len__(self) -> int:
        """Count the files that come or wait."""
        return len(self._names)

    def take(self, presenter: str, name: str, begin: Callable[[], None]) -> Reason | None:
        """Take a place for a file, or one in the queue.

        Args:
            name: the final one.
            begin: called when the file may come: now, or when another one has left.

        Returns:
            Why there is none; None where there is.
        """
        if name in self._names:
            return Reason.NAME_BUSY
        if self.under_way[presenter] < AT_ONCE:
            self.under_way[presenter] += 1
            self.changes += 1
            self._names.add(name)
            begin()
            return None
        if len(self._waiting[presenter]) >= MOST_WAITING:
            return Reason.TOO_MANY
        self._names.add(name)
        self._waiting[presenter][name] = begin
        return None

    def leave(self, presenter: str, name: str) -> None:
        """Give up a place; who has waited longest gets it."""
        self._names.discard(name)
        waiting = self._waiting[presenter]
        if waiting.pop(name, None) is not None:
            return
        if waiting and not self._closed:
            begin = waiting.pop(next(iter(waiting)))
            begin()
            return
        self.under_way[presenter] -= 1
        self.changes += 1
        if not self.under_way[presenter] and not waiting:
            del self.under_way[presenter], self._waiting[presenter]

    def close(self) -> None:
        """Begin no more."""
        self._closed = True
