"""What happened in a stage, on one clock, written down as it happens.

Belongs here: the clock of a stage, the transcripts and the merged timeline on disk. Written line by
line, so that a runner that is killed leaves what it saw.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

HIDDEN: Final = "••••"  # stands for what was typed at a hidden prompt
LARGEST_TRANSCRIPT: Final = (
    20_000_000  # characters; a program that prints without end must not fill the disk
)

ROW_OVERHEAD: Final = 12  # characters of a row that are not its text


class Transcript:
    """One terminal's story: `  1.234 < printed`, `  1.300 > typed`."""

    def __init__(self, path: Path, who: str, timeline: Timeline) -> None:
        self._file = _Log(path)
        self._who = who
        self._timeline = timeline
        self._left = LARGEST_TRANSCRIPT

    def note(self, at: float, sign: str, text: str) -> None:
        """Write a line. `sign` is `<` printed, `>` typed, `=` what the harness did or found."""
        self.notes(sign, [(at, text)])

    def notes(self, sign: str, rows: Sequence[tuple[float, str]]) -> None:
        """Write several lines, each with its time."""
        if self._left <= 0:
            return
        self._left -= sum(len(text) + ROW_OVERHEAD for _, text in rows)
        if self._left <= 0:
            sign, rows = "=", [(self._timeline.now(), "the transcript ends here: it is too long")]
        self._file.write([f"{at:9.3f} {sign} {text}\n" for at, text in rows])
        self._timeline.write([f"{at:9.3f} {self._who:>12} {sign} {text}\n" for at, text in rows])

    def close(self) -> None:
        self._file.close()


class Timeline:
    """All terminals of a stage, merged."""

    def __init__(self, path: Path) -> None:
        self._start = time.monotonic()
        self._file = _Log(path)

    def now(self) -> float:
        """Seconds since the stage began."""
        return time.monotonic() - self._start

    def note(self, at: float, who: str, sign: str, text: str) -> None:
        """Write a line."""
        self.write([f"{at:9.3f} {who:>12} {sign} {text}\n"])

    def write(self, rows: Sequence[str]) -> None:
        """Write rows that are made up already."""
        self._file.write(rows)

    def close(self) -> None:
        self._file.close()


class _Log:
    """A text file that several threads append to. Each batch is on disk when `write` returns."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[str] = path.open("w", encoding="utf-8", errors="surrogateescape")
        self._lock = threading.Lock()

    def write(self, rows: Sequence[str]) -> None:
        with self._lock:
            if not self._file.closed:
                self._file.writelines(rows)
                self._file.flush()

    def close(self) -> None:
        with self._lock:
            self._file.close()
