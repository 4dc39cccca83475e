"""What happened in a stage, on one clock, written down as it happens.

Belongs here: the clock of a stage, the transcripts and the merged timeline on disk. Written line by
line, so that a
runner that is killed leaves what it saw.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import IO, Final

HIDDEN: Final = "••••"  # stands for what was typed at a hidden prompt
LARGEST_TRANSCRIPT: Final = (
    20_000_000  # characters; a program that prints without end must not fill the disk
)


class Transcript:
    """One terminal's story: `  1.234 < printed`, `  1.300 > typed`."""

    def __init__(self, path: Path, who: str, timeline: Timeline) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[str] = path.open(
            "w", encoding="utf-8", errors="surrogateescape", buffering=1
        )
        self._who = who
        self._timeline = timeline
        self._left = LARGEST_TRANSCRIPT

    def note(self, at: float, sign: str, text: str) -> None:
        """Write a line. `sign` is `<` printed, `>` typed, `=` what the harness did or found."""
        if self._file.closed or self._left <= 0:
            return
        self._left -= len(text) + 12
        if self._left <= 0:
            sign, text = "=", "the transcript ends here: it is too long"
        self._file.write(f"{at:9.3f} {sign} {text}\n")
        self._timeline.note(at, self._who, sign, text)

    def close(self) -> None:
        self._file.close()


class Timeline:
    """All terminals of a stage, merged."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._start = time.monotonic()
        self._file: IO[str] = path.open(
            "w", encoding="utf-8", errors="surrogateescape", buffering=1
        )
        self._lock = threading.Lock()

    def now(self) -> float:
        """Seconds since the stage began."""
        return time.monotonic() - self._start

    def note(self, at: float, who: str, sign: str, text: str) -> None:
        """Write a line."""
        with self._lock:
            if not self._file.closed:
                self._file.write(f"{at:9.3f} {who:>12} {sign} {text}\n")

    def close(self) -> None:
        with self._lock:
            self._file.close()
