"""What happened in a stage, on one clock, written down as it happens.

Belongs here: the clock of a stage, the transcripts and the merged timeline on disk. Written line by
line, so that a runner that is killed leaves what it saw; put in order of time at the end. Does not:
looking at files (watch.py).
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Final

FAILED: Final = "!"  # the sign of a row at which a promise was found broken
HIDDEN: Final = "••••"  # stands for what was typed at a hidden prompt
LARGEST_TRANSCRIPT: Final = (
    20_000_000  # characters; a program that prints without end must not fill the disk
)
ROW_OVERHEAD: Final = 12  # characters of a row that are not its text
RECENT: Final = 40  # rows of each terminal that are at hand for a report
DONE: Final = 3  # lines typed last, over all terminals, that are at hand for a report
NOTHING: Final = "(an empty line)"
NEW_LINE: Final = "⏎"  # stands for a newline in a text, so that a row is a line
TIME_OF_ROW: Final = re.compile(r" *([0-9]+\.[0-9]{3}) ")
HEADING: Final = """\
# Seconds since {began}, on the runner's clock; in order of time.
# < printed   > typed   = done or found by the runner   ! failed: exact to some milliseconds.
# + -  a line of a log or a file came, went: when the kernel says that the file was changed last,
#      up to 10 ms early. Of lines between two looks (0.1 s here, 0.25 s in a container; more on a
#      busy machine) all have the last one's time.
# ~    a log's line, placed afterwards by the time that it tells itself: exact to a second.
"""


class Transcript:
    """One terminal's story: `  1.234 < printed`, `  1.300 > typed`.

    Attributes:
        place: its file, below the scenario's folder.
    """

    def __init__(self, path: Path, who: str, timeline: Timeline) -> None:
        self.place = f"{path.parent.name}/{path.name}"
        self._file = _Log(path)
        self._who = who
        self._timeline = timeline
        self._left = LARGEST_TRANSCRIPT
        self._recent: deque[tuple[float, str, str]] = deque(maxlen=RECENT)
        self._lock = threading.Lock()  # the terminals' reader and the scenario write

    def note(self, at: float, sign: str, text: str) -> None:
        """Write a line. `sign` is `<` printed, `>` typed, `=` what the harness did or found."""
        self.notes(sign, [(at, text)])

    def notes(self, sign: str, rows: Sequence[tuple[float, str]]) -> None:
        """Write several lines, each with its time."""
        with self._lock:
            self._recent.extend((at, sign, text) for at, text in rows)
            if self._left <= 0:
                return
            self._left -= sum(len(text) + ROW_OVERHEAD for _, text in rows)
            if self._left <= 0:
                sign, rows = (
                    "=",
                    [(self._timeline.now(), "the transcript ends here: it is too long")],
                )
        self._file.write([f"{at:9.3f} {sign} {_one_line(text)}\n" for at, text in rows])
        self._timeline.notes(self._who, sign, rows)

    def last(self, count: int) -> list[tuple[float, str, str]]:
        """The last rows: time, sign, text."""
        with self._lock:
            return list(self._recent)[-count:]

    def close(self) -> None:
        self._file.close()


class Timeline:
    """All that happens in a stage, merged.

    Attributes:
        began: the time of day at which its clock began, in seconds since the epoch.
    """

    def __init__(self, path: Path) -> None:
        self._start = time.monotonic()
        self.began = time.time()
        self._path = path
        self._typed: deque[tuple[float, str, str]] = deque(maxlen=DONE)
        began = datetime.fromtimestamp(self.began).astimezone()
        self._file = _Log(path)
        self._file.write([HEADING.format(began=f"{began:%Y-%m-%d %H:%M:%S.%f %z}")])

    def now(self) -> float:
        """Seconds since the stage began."""
        return time.monotonic() - self._start

    def at(self, moment: float) -> float:
        """The same for a moment that a clock of this machine told (seconds since the epoch), even
        if that clock was put right since the stage began.
        """
        return moment - time.time() + self.now()

    def note(self, at: float, who: str, sign: str, text: str) -> None:
        """Write a line."""
        self.notes(who, sign, [(at, text)])

    def notes(self, who: str, sign: str, rows: Sequence[tuple[float, str]]) -> None:
        """Write several lines, each with its time."""
        if sign == ">":
            self._typed.extend((at, who, text) for at, text in rows)
        self._file.write([f"{at:9.3f} {who:>12} {sign} {_one_line(text)}\n" for at, text in rows])

    def done(self) -> list[str]:
        """What was typed last, in words, oldest first."""
        return [f"{at:.3f} s {who} typed: {text or NOTHING}" for at, who, text in self._typed]

    def close(self) -> None:
        """Put the rows in order of time, which they are not where something was found later."""
        self._file.close()
        with self._path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            rows = list(file)
        ordered = sorted(rows, key=_time_of_row)
        if ordered != rows:
            unfinished = self._path.with_name(f".{self._path.name}.new")
            unfinished.write_text("".join(ordered), encoding="utf-8", errors="surrogateescape")
            os.replace(unfinished, self._path)


def _time_of_row(row: str) -> float:
    found = TIME_OF_ROW.match(row)
    return float(found[1]) if found else -1.0  # the heading


def _one_line(text: str) -> str:
    return text.replace("\n", NEW_LINE)


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
