"""Counts failed log-ins and blocks accounts (SPEC S2). Pure: time is an argument.

Failures are counted for each account, across connections and addresses. Unknown names are counted
too, so that names cannot be probed, but in a table of bounded size (PROTOCOL 7.2).
"""

import hashlib
from collections import OrderedDict
from collections.abc import Container
from dataclasses import dataclass
from typing import Final

BLOCK_PERIOD: Final = 10.0  # seconds from the failure that blocked; SPEC S2
MAX_UNKNOWN_NAMES: Final = 10_000  # about 2 MB; the oldest is forgotten first


@dataclass(slots=True)
class _Record:
    failures: int = 0
    blocked_until: float | None = None


class Doorkeeper:
    """Who is blocked, and who is about to be."""

    def __init__(self, attempts: int, known: Container[str]) -> None:
        """Block after `attempts` consecutive failures; `known` are the names with an account."""
        self._attempts = attempts
        self._known = known
        self._accounts: dict[str, _Record] = {}
        self._strangers: OrderedDict[bytes, _Record] = OrderedDict()

    def know(self, known: Container[str]) -> None:
        """These names have an account from now on; what was counted stays."""
        self._known = known

    @property
    def stranger_count(self) -> int:
        """How many unknown names are remembered."""
        return len(self._strangers)

    def is_blocked(self, username: str, *, now: float) -> bool:
        """Tell whether log-ins of this name are refused at the moment.

        Args:
            username: as typed; case matters.
            now: seconds, monotonic clock of the server.
        """
        record = self._record(username)
        if record.blocked_until is None:
            return False
        if now < record.blocked_until:
            return True
        self.clear(username)  # a block that has run out clears the failures
        return False

    def count_failure(self, username: str, *, now: float) -> bool:
        """Note a wrong password for a name that is not blocked; True: it is blocked from now on."""
        record = self._record(username)
        record.failures += 1
        if record.failures < self._attempts:
            return False
        record.blocked_until = now + BLOCK_PERIOD
        return True

    def clear(self, username: str) -> None:
        """Forget the failures of a name, after a success."""
        self._accounts.pop(username, None)
        self._strangers.pop(_key(username), None)

    def _record(self, username: str) -> _Record:
        if username in self._known:
            return self._accounts.setdefault(username, _Record())
        record = self._strangers.setdefault(_key(username), _Record())
        if len(self._strangers) > MAX_UNKNOWN_NAMES:
            self._strangers.popitem(last=False)
        return record


def _key(username: str) -> bytes:
    return hashlib.blake2b(username.encode(), digest_size=16).digest()
