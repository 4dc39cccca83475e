"""What the server has acknowledged, and whether its logs have each of that exactly once (SPEC S13).

A message names its writer and counts, so that no two are alike. Belongs here: remembering and
comparing. Does not: sending.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

WORD: Final = b"soak"
LENGTH: Final = 34  # characters of a message, as in the other benchmarks
COUNT_BITS: Final = 32  # of a message's key; the writer's index is above them
BROADCASTS: Final = 0  # the log of BCM; others are rooms


def text(writer: int, count: int) -> str:
    """The message that a writer sends as so-manieth."""
    return f"{WORD.decode()} {writer} {count} ".ljust(LENGTH, ".")


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many messages there are of each kind.

    Attributes:
        missing: acknowledged, and not in the log under the number that was told.
        doubled: in the logs more than once.
        unasked: in the logs, and never acknowledged.
    """

    acknowledged: int
    missing: int
    doubled: int
    unasked: int


class Ledger:
    """Acknowledgements, 16 bytes each."""

    def __init__(self) -> None:
        self._numbers: dict[int, array[int]] = {}
        self._keys: dict[int, array[int]] = {}

    def note(self, log: int, number: int, writer: int, count: int) -> None:
        """The server said: this message is number so-and-so of that log."""
        self._numbers.setdefault(log, array("Q")).append(number)
        self._keys.setdefault(log, array("Q")).append(writer << COUNT_BITS | count)

    def compare(self, directory: Path) -> Comparison:
        """Look each of them up in the logs of a server that has ended."""
        seen: set[int] = set()
        acknowledged = missing = doubled = found = 0
        logs = {BROADCASTS: directory / "messagelog.txt"} | {
            int(path.name.split("_")[1]): path for path in directory.glob("SR_*_messagelog.txt")
        }
        for log in logs.keys() | self._numbers.keys():
            there: dict[int, int] = {}
            for number, key in _lines(logs[log]) if log in logs else ():
                found += 1
                doubled += key in seen
                seen.add(key)
                there[number] = key
            told = zip(self._numbers.get(log, ()), self._keys.get(log, ()), strict=True)
            for number, key in told:
                acknowledged += 1
                missing += there.get(number) != key
        unasked = max(0, found - doubled - (acknowledged - missing))
        return Comparison(acknowledged, missing, doubled, unasked)


def _lines(path: Path) -> Iterator[tuple[int, int]]:
    """Number and key of each message of ours in a log."""
    with path.open("rb") as log:
        for line in log:
            number, _, _, said = line.split(b"; ", 3)
            words = said.split()
            if words[0] == WORD:
                yield int(number), int(words[1]) << COUNT_BITS | int(words[2])
