"""Which blocks of the audience are what the presenter has read, and which must come again.

Belongs here: comparing leaves, asking for what is damaged (PROTOCOL 5.14). Does not: hashing, the
file (listening), which chunks are missing (chunks).
"""

from __future__ import annotations

import math
from typing import Final

from toom_protocol.transfer.frames import LEAF_SIZE, MAX_REPAIRS, Leaves, Repair
from toom_protocol.transfer.packets import BATCH

# A bit that flipped in memory or on the way to it does so once. What spoils the same block again
# and again is broken, and would go on.
MOST_SPOILT: Final = 3  # times that one block may come out wrong
REPEAT: Final = 0.1  # seconds until the same is asked again
FARTHEST: Final = 4096  # leaves that are kept past the first one not known: 260 MB of file


class Repairs:
    """Compares each block that is whole with the leaf that was told of it."""

    def __init__(self, blocks: int = 0) -> None:
        """Begin with none of so many blocks."""
        self.known = 0
        """Leaves from the first one on that were told."""
        self.proved = 0
        """Blocks from the first one on that are what the presenter has read."""
        self.due = math.inf
        """When something is to be asked, again or for the first time."""
        self._blocks = blocks
        self._told: dict[int, bytes] = {}  # of blocks that are not proved
        self._found: dict[int, bytes] = {}  # of whole blocks whose leaf was not told yet
        self._known_later: set[int] = set()  # told behind one that was not
        self._proved_later: set[int] = set()
        self._spoilt: dict[int, int] = {}  # how often a block came out wrong; kept until proved
        self._awaited: dict[int, int] = {}  # blocks that come again: with packets from which on

    @property
    def is_done(self) -> bool:
        """Whether every block is proved."""
        return self.proved == self._blocks

    def skip(self, blocks: int) -> None:
        """The first blocks are of an earlier try, and were compared then."""
        self.known = self.proved = min(blocks, self._blocks)

    def hear(self, leaves: Leaves) -> list[int]:
        """Take what the presenter tells; give the blocks that are here and differ.

        What was told of a block counts once: whether a presenter contradicts itself, the root says.
        """
        damaged = []
        for index in range(len(leaves.leaves) // LEAF_SIZE):
            block = leaves.first + index
            if not self.known <= block < min(self._blocks, self.known + FARTHEST):
                continue
            if block in self._known_later:
                continue
            leaf = leaves.leaves[index * LEAF_SIZE : (index + 1) * LEAF_SIZE]
            self._known_later.add(block)
            self._told[block] = leaf
            found = self._found.pop(block, None)
            if found is not None and not self._compare(block, found):
                damaged.append(block)
        self.known = _advance(self.known, self._known_later)
        return damaged

    def take(self, block: int, leaf: bytes) -> bool:
        """A block is whole, and this is its leaf; False if it is damaged."""
        self._awaited.pop(block, None)
        if block in self._told:
            return self._compare(block, leaf)
        self._found[block] = leaf
        return True

    def ask(self, block: int, packet_end: int, *, now: float) -> bool:
        """Want a damaged block again; False if it was spoilt too often.

        Args:
            packet_end: packets of earlier numbers hold what has come out wrong.
        """
        self._spoilt[block] = self._spoilt.get(block, 0) + 1
        self._awaited[block] = packet_end
        self.due = now
        return self._spoilt[block] < MOST_SPOILT

    def is_old(self, packet_number: int, chunk: int, count: int) -> bool:
        """Whether a run was sent before one of its blocks was found damaged.

        It is not acknowledged: what it has of other blocks comes again under another number.
        """
        if not self._awaited:
            return False
        blocks = range(chunk // BATCH, (chunk + count - 1) // BATCH + 1)
        return any(packet_number < self._awaited.get(block, 0) for block in blocks)

    def frames(self, *, now: float) -> list[Repair]:
        """What to ask now."""
        if self.due > now:
            return []
        self.due = now + REPEAT if self._awaited else math.inf
        wanted = [(block, self._spoilt[block]) for block in list(self._awaited)[:MAX_REPAIRS]]
        return [Repair(tuple(wanted))] if wanted else []

    def _compare(self, block: int, leaf: bytes) -> bool:
        if leaf != self._told[block]:
            return False
        del self._told[block]
        self._spoilt.pop(block, None)
        self._proved_later.add(block)
        self.proved = _advance(self.proved, self._proved_later)
        return True


def _advance(first: int, later: set[int]) -> int:
    """The first number that is missing, from `first` on; what lies before it is forgotten."""
    while first in later:
        later.remove(first)
        first += 1
    return first
