"""The user's terminal, as far as it is written to: replies, prompts and notices.

Written by a thread of its own, so that a terminal that is not read never stops the heartbeat.
No colour and no cursor movement (CONTRACT); a reply is a whole line, and one prompt follows it.
"""

import os
import queue
import threading
from collections.abc import Callable
from typing import Final

MAX_WAITING: Final = 1 << 20  # bytes that may wait for the terminal before long answers pause
MAX_HELD: Final = 1000  # notices that wait for the end of an answer; more go between its lines
_UNSAFE: Final = {  # what a stranger's text must not do to a terminal
    code: 0xFFFD for code in (*range(0x20), *range(0x7F, 0xA0)) if code != ord("\t")
}


class Screen:
    """Writes in order; knows which prompt stands and what has been typed after it."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._room = threading.Condition()
        self._size = 0
        self._prompt: bytes | None = None
        self._typed: Callable[[], bytes] = bytes
        self._held: list[str] = []
        self._thread = threading.Thread(target=self._write_all, name="screen", daemon=True)
        self._thread.start()

    def prompt(self, text: str, typed: Callable[[], bytes] = bytes) -> None:
        """Show notices that were held back, then the prompt; `typed` tells what stands after it."""
        self.show_held()
        self._prompt, self._typed = text.encode(), typed
        self.echo(self._prompt)

    def end_prompt(self) -> None:
        """Go to a new line: what was typed is complete."""
        self._prompt = None
        self.echo(b"\n")

    def line(self, text: str) -> None:
        """Show one whole line of a reply."""
        self.echo(_whole_line(text))

    def notice(self, *lines: str) -> None:
        """Show lines that nobody asked for, after which the prompt stands again (SPEC S5).

        While a command is being answered they wait: first the reply, then the notice.
        """
        if self._prompt is None:
            self._held += lines
            if len(self._held) > MAX_HELD:
                self.show_held()
        elif lines:
            shown = b"".join(map(_whole_line, lines))
            self.echo(b"\n" + shown + self._prompt + self._typed())

    def now(self, text: str) -> None:
        """Show a line at once, as a notice where a prompt stands."""
        if self._prompt is None:
            self.line(text)
        else:
            self.notice(text)

    def show_held(self) -> None:
        """Show the notices that wait for the end of a command."""
        for notice in self._held:
            self.line(notice)
        self._held.clear()

    def echo(self, data: bytes) -> None:
        """Write bytes as they are."""
        if data:
            with self._room:
                self._size += len(data)
            self._waiting.put(data)

    @property
    def is_behind(self) -> bool:
        """Whether so much waits for the terminal that long answers should pause."""
        return self._size > MAX_WAITING

    def wait_for_room(self) -> None:
        """Wait, in a thread, until the terminal has caught up."""
        with self._room:
            self._room.wait_for(lambda: not self.is_behind)

    def close(self, timeout: float) -> None:
        """Write what waits, at most for `timeout` seconds."""
        self.show_held()
        self._waiting.put(None)
        self._thread.join(timeout)

    def _write_all(self) -> None:
        gone = False
        while (data := self._waiting.get()) is not None:
            view = memoryview(data)
            while view and not gone:
                try:
                    view = view[os.write(self._handle, view) :]
                except BlockingIOError:
                    os.set_blocking(self._handle, True)
                except OSError:  # closed pipe or terminal: nobody is there to read
                    gone = True
            with self._room:
                self._size -= len(data)
                self._room.notify_all()


def _whole_line(text: str) -> bytes:
    return text.translate(_UNSAFE).encode(errors="replace") + b"\n"
