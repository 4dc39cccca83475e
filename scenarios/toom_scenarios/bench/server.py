"""`toom bench server`: all that is measured of our server, in parts that can be chosen.

Belongs here: which parts there are. Does not: any of them.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ..errors import Broken
from . import fairness, logouts, memory, reading, speed, starting
from .document import Row


@dataclass(slots=True)
class Bench:
    """What is measured, and what has been found.

    Attributes:
        folder: on the disk that is meant.
        tell: hears of the progress.
        connections: of the cases of speed that are wanted; empty: all of them.
        more: what else belongs into the document.
    """

    rounds: int
    folder: Path
    tell: Callable[[str], None]
    connections: Sequence[int] = ()
    rows: list[Row] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)

    def speed(self) -> None:
        """Acknowledgements per second against Redis, p50 and p99."""
        cases = speed.chosen(self.connections)
        self._add(*speed.measure(self.rounds, self.folder, self.tell, cases))

    def memory(self) -> None:
        """Memory of an idle connection, and of a stored message."""
        rounds = min(self.rounds, FEW)
        rows = [memory.idle(rounds, self.folder, self.tell)]
        rows += [memory.loaded(self.folder, self.tell), memory.posted(self.folder, self.tell)]
        self._add(rows)

    def reading(self) -> None:
        """RDM of the last thousand of a million messages."""
        self._add(reading.measure(self.rounds, self.folder, self.tell))

    def start(self) -> None:
        """Seconds until it listens, with a million messages."""
        self._add(starting.measure(self.rounds, self.folder, self.tell))

    def logouts(self) -> None:
        """Many log-outs in one moment."""
        self._add(logouts.measure(min(self.rounds, FEW), self.folder, self.tell))

    def fairness(self) -> None:
        """What one who floods costs fifty others."""
        self._add(*fairness.measure(self.rounds, self.folder, self.tell))

    def _add(self, rows: Sequence[Row], more: dict[str, Any] | None = None) -> None:
        self.rows += rows
        self.more |= more or {}


FEW: Final = 3  # rounds of what takes long and varies little
PARTS: Final[dict[str, Callable[[Bench], None]]] = {
    "speed": Bench.speed,
    "memory": Bench.memory,
    "reading": Bench.reading,
    "start": Bench.start,
    "logouts": Bench.logouts,
    "fairness": Bench.fairness,
}


def measure(
    rounds: int, where: Path | None, tell: Callable[[str], None], only: Sequence[str | int] = ()
) -> tuple[list[Row], dict[str, Any]]:
    """Measure the parts that are wanted.

    Args:
        where: a folder on the disk that is meant; default: the folder for temporary files.
        tell: hears of the progress.
        only: names of parts, and numbers of connections (of `speed`); none: everything.

    Returns:
        Rows, and what else belongs into the document.

    Raises:
        Broken: a server, the peer's package, or a compiler is missing, or one broke.
    """
    if shutil.which("taskset") is None:
        raise Broken("taskset is missing: sudo apt-get install util-linux")
    connections = [each for each in only if isinstance(each, int)]
    names = {each for each in only if isinstance(each, str)} or set(() if only else PARTS)
    if connections:
        names.add("speed")
    bench = Bench(rounds, Path(), tell, () if "speed" in only else connections)
    for name, part in PARTS.items():
        if name in names:
            with tempfile.TemporaryDirectory(prefix="toom-bench-", dir=where) as folder:
                bench.folder = Path(folder)
                part(bench)
    return bench.rows, bench.more
