"""How many connections there may be, in all and from one address (PROTOCOL 2.5). Pure."""

from collections import Counter
from typing import Final

from toom_protocol.messages import Cause

MOST: Final = 1 << 20  # connections, where nobody says how many; more than any system grants


class Doorway:
    """Counts who is inside."""

    def __init__(self, most: int = MOST, per_address: int | None = None) -> None:
        """Let so many in; `per_address` is nobody's limit when it is None, as SPEC has it."""
        self._most = most
        self._per_address = per_address
        self._inside: Counter[str] = Counter()
        self._total = 0

    @property
    def count(self) -> int:
        """How many are inside."""
        return self._total

    def enter(self, address: str) -> Cause | None:
        """Let a connection in, or say why not."""
        if self._total >= self._most:
            return Cause.FULL
        if self._per_address is not None and self._inside[address] >= self._per_address:
            return Cause.TOO_MANY
        self._inside[address] += 1
        self._total += 1
        return None

    def leave(self, address: str) -> None:
        """Note that a connection which was let in has ended."""
        self._total -= 1
        self._inside[address] -= 1
        if not self._inside[address]:
            del self._inside[address]
