"""Lines for people on stdout or stderr, written by a thread of its own, so that a terminal or a
pipe that nobody reads never stops the conference (SPEC S6, PROTOCOL 4.3).
"""

import threading
from collections import deque
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Final, TextIO

MAX_LINES: Final = 10_000  # lines that wait for a slow reader; later ones are left out
# Seconds in which lines gather before the next ones are written: each waking of the thread costs
# the conference more than a line does. The first line after a silence waits for nothing.
GATHERING: Final = 0.02
LAST_WORDS: Final = 1.0  # seconds that the reader has to take the last lines


class LineWriter:
    """Writes lines in order, and gives up silently when the stream is gone."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: deque[str] = deque()
        self._closing = False
        self._waiting = False  # the thread waits for news
        self._news = threading.Condition()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._write, name="lines", daemon=True)
        self._thread.start()

    def say(self, *lines: str) -> None:
        """Queue lines; they are left out when the reader is too far behind."""
        self._lines.extend(lines[: MAX_LINES - len(self._lines)])
        if self._waiting:
            with self._news:
                self._news.notify()

    def close(self, timeout: float = LAST_WORDS) -> None:
        """Wait until everything is written, at most `timeout` seconds."""
        self._end.set()
        with self._news:
            self._closing = True
            self._news.notify()
        self._thread.join(timeout)

    def _write(self) -> None:
        if isinstance(self._stream, TextIOWrapper):  # what its encoding cannot say is escaped
            self._stream.reconfigure(errors="backslashreplace")
        while lines := self._take():
            try:
                self._stream.write("\n".join(lines) + "\n")
                self._stream.flush()
            except (OSError, ValueError):  # closed pipe or terminal: nobody is there to read
                return
            self._end.wait(GATHERING)

    def _take(self) -> Sequence[str]:
        """Wait for lines; none: there will be no more."""
        with self._news:
            self._waiting = True
            self._news.wait_for(lambda: self._lines or self._closing)
            self._waiting = False
        return [self._lines.popleft() for _ in range(len(self._lines))]
