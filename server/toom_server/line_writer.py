"""Lines for people on stdout or stderr, written by a thread of its own, so that a terminal or a
pipe that nobody reads never stops the conference (SPEC S6, PROTOCOL 4.3).
"""

import queue
import threading
from io import TextIOWrapper
from typing import Final, TextIO

MAX_LINES: Final = 10_000  # lines that wait for a slow reader; later ones are left out
LAST_WORDS: Final = 1.0  # seconds that the reader has to take the last lines


class LineWriter:
    """Writes lines in order, and gives up silently when the stream is gone."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: queue.Queue[str | None] = queue.Queue(MAX_LINES)
        self._thread = threading.Thread(target=self._write, name="lines", daemon=True)
        self._thread.start()

    def say(self, line: str) -> None:
        """Queue one line; it is left out when the reader is too far behind."""
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            return

    def close(self, timeout: float = LAST_WORDS) -> None:
        """Wait until everything is written, at most `timeout` seconds."""
        try:
            self._lines.put(None, timeout=timeout)
        except queue.Full:
            return
        self._thread.join(timeout)

    def _write(self) -> None:
        if isinstance(self._stream, TextIOWrapper):  # what its encoding cannot say is escaped
            self._stream.reconfigure(errors="backslashreplace")
        while (line := self._lines.get()) is not None:
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except (OSError, ValueError):  # closed pipe or terminal: nobody is there to read
                return
