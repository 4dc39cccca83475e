"""Chunks that are out a second time, and what the answer to one says of the other (PROTOCOL 5.5).

Belongs here: which lost chunks need not be sent again. Does not: when a copy is sent (recovery).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from toom_protocol.transfer.samples import SentRun

REMEMBERED: Final = 256  # chunks, before those of which no older packet is out are let go of


class Copies:
    """The newest packet of each chunk for which one that left before it may still be out."""

    def __init__(self) -> None:
        self._newest: dict[int, int] = {}  # by chunk; packet numbers

    def note(self, run: SentRun, *, oldest: int) -> None:
        """The chunks of a run are there, or this run now stands for what left before it.

        Args:
            oldest: packet number that is out.
        """
        if len(self._newest) >= REMEMBERED:
            self._newest = {c: number for c, number in self._newest.items() if number > oldest}
        for number in range(run.start, run.end):
            self._newest[run.chunk + number - run.start] = number

    def stand_in(self, runs: Sequence[SentRun], *, since: float) -> None:
        """All that is out is to be given up, but for copies that have left since then.

        Of each chunk one of these is its packet now, where an older one has been until now.

        Args:
            runs: that are out, oldest first; those of copies that have just left hold a chunk each.
        """
        given_up = [run for run in runs if run.time < since and not run.is_copy]
        stand: set[int] = set()
        for run in runs:
            if run.time < since or not run.is_copy or run.chunk in stand:
                continue
            if any(old.chunk <= run.chunk < old.chunk + old.end - old.start for old in given_up):
                stand.add(run.chunk)
                self.note(run, oldest=runs[0].start)
                run.is_copy = False

    def missing(self, run: SentRun) -> list[tuple[int, int]]:
        """What of a lost run has to be sent again: chunk and count."""
        if run.is_copy:  # what it is a copy of is here, was sent again, or will be
            return []
        if not self._newest:
            return [(run.chunk, run.end - run.start)]
        pieces: list[tuple[int, int]] = []
        for number in range(run.start, run.end):
            chunk = run.chunk + number - run.start
            if self._newest.get(chunk, -1) > number:
                continue
            first, count = pieces[-1] if pieces else (chunk, 0)
            if first + count == chunk:
                pieces[-1:] = [(first, count + 1)]
            else:
                pieces.append((chunk, 1))
        return pieces
