"""Lines for people on stdout or stderr, written by a thread of its own, so that a terminal or a
pipe that nobody reads never stops the conference (SPEC S6, PROTOCOL 4.3).
"""

import threading
from collections import deque
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Final, TextIO

MAX_LINES: Final = 10_000  # lines that wait for a slow reader; later ones are left out
LAST_WORDS: Final = 1.0  # seconds that the reader has to take the last lines


class LineWriter:
    """Writes lines in order, and gives up silently when the stream is gone."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: deque[str] = deque()
        self._closing = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._write, name="lines", daemon=True)
        self._thread.start()

    def say(self, *lines: str) -> None:
        """Queue lines; they are left out when the reader is too far behind."""
        with self._news:
            self._lines.extend(lines[: MAX_LINES - len(self._lines)])
            self._news.notify()

    def close(self, timeout: float = LAST_WORDS) -> None:
        """Wait until everything is written, at most `timeout` seconds."""
        with self._news:
            self._closing = True
            self._news.notify()
        self._thread.join(timeout)

    def _write(self) -> None:
        if isinstance(self._stream, TextIOWrapper):  # what its encoding cannot say is escaped
            self._stream.reconfigure(errors="backslashreplace")
        while lines := self._take():
            try:
                self._stream.write("".join(f"{line}\n" for line in lines))
                self._stream.flush()
            except (OSError, ValueError):  # closed pipe or terminal: nobody is there to read
                return

    def _take(self) -> Sequence[str]:
        """Wait for lines; none: there will be no more."""
        with self._news:
            self._news.wait_for(lambda: self._lines or self._closing)
            lines = tuple(self._lines)
            self._lines.clear()
        return lines
