"""The server's terminal: lines for people on stdout (SPEC S6, PROTOCOL 4.3).

Written by a thread of its own, so that a terminal that nobody reads never stops the conference.
"""

import queue
import sys
import threading
from io import TextIOWrapper
from typing import Final

MAX_LINES: Final = 10_000  # lines that wait for a slow terminal; later ones are left out


class ServerTerminal:
    """Prints lines in order, and gives up silently when stdout is gone."""

    def __init__(self) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue(MAX_LINES)
        self._thread = threading.Thread(target=self._write, name="terminal", daemon=True)
        self._thread.start()

    def say(self, line: str) -> None:
        """Queue one line; it is left out when the terminal is too far behind."""
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            return

    def close(self, timeout: float = 1.0) -> None:
        """Wait until everything is printed, at most `timeout` seconds."""
        try:
            self._lines.put(None, timeout=timeout)
        except queue.Full:
            return
        self._thread.join(timeout)

    def _write(self) -> None:
        if isinstance(sys.stdout, TextIOWrapper):  # what its encoding cannot say is escaped
            sys.stdout.reconfigure(errors="backslashreplace")
        while (line := self._lines.get()) is not None:
            try:
                sys.stdout.write(line + "\n")
                sys.stdout.flush()
            except (OSError, ValueError):  # closed pipe or terminal: nobody is there to read
                return
