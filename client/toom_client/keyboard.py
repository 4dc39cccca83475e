"""The user's terminal, as far as it is read: lines from a tty in raw mode, or from a pipe."""

import asyncio
import contextlib
import os
import signal
import termios
import threading
from typing import Any, Final

from toom_client.line_editor import (
    MAX_LINE,
    EndOfInput,
    Line,
    LineEditor,
    Suspended,
    Typed,
)
from toom_client.screen import Screen

CHUNK: Final = 4096  # bytes read at once
MAX_AHEAD: Final = 1 << 20  # bytes typed or piped ahead of the commands that take them


class Keyboard:
    """Gives one line after the other; restores the terminal when closed."""

    def __init__(self, handle: int, screen: Screen, loop: asyncio.AbstractEventLoop) -> None:
        self._handle = handle
        self._screen = screen
        self._loop = loop
        self._editor = LineEditor()
        self._ahead = bytearray()
        self._ended = False
        self._more = asyncio.Event()
        self._wanted = threading.Event()
        self._original = self._make_raw()
        self.is_tty = self._original is not None
        self._echoes = self._original is not None and self._original[3] & termios.ECHO != 0
        self._wanted.set()
        threading.Thread(target=self._read_all, name="keyboard", daemon=True).start()

    async def line(self, prompt: str, *, hidden: bool = False) -> Typed:
        """Show a prompt and wait for what is typed; nothing of it is echoed when hidden."""
        visible = self._echoes and not hidden
        self._screen.prompt(prompt, self._editor.shown if visible else bytes)
        while True:
            typed = self._take(visible)
            if isinstance(typed, Suspended):
                self._suspend(prompt)
            elif typed is not None:
                self._screen.end_prompt()
                return typed
            else:
                self._more.clear()
                await self._more.wait()

    def close(self) -> None:
        """Give the terminal back as it was."""
        if self._original is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self._handle, termios.TCSANOW, self._original)

    def _take(self, visible: bool) -> Typed | None:
        """Feed the editor from what was typed ahead, up to the end of a line."""
        if not self.is_tty:
            return self._take_piped()
        echo = bytearray()
        typed: Typed | None = None
        taken = 0
        for byte in self._ahead:
            shown, typed = self._editor.type(byte)
            echo += shown
            taken += 1
            if typed is not None:
                break
        del self._ahead[:taken]
        if visible:
            self._screen.echo(bytes(echo))
        self._ask_for_more()
        return EndOfInput() if typed is None and self._ended else typed

    def _take_piped(self) -> Typed | None:
        end = self._ahead.find(b"\n")
        if end < 0 and not self._ended:
            del self._ahead[MAX_LINE + 1 :]  # as much as a tty would keep, and perhaps a \r
            self._ask_for_more()
            return None
        if end < 0 and not self._ahead:
            return EndOfInput()
        if end < 0:
            end = len(self._ahead)
        content = bytes(self._ahead[:end]).removesuffix(b"\r")
        del self._ahead[: end + 1]
        self._ask_for_more()
        return Line(content[:MAX_LINE])

    def _ask_for_more(self) -> None:
        if len(self._ahead) < MAX_AHEAD:
            self._wanted.set()

    def _suspend(self, prompt: str) -> None:
        """Ctrl-Z: stop as other programs do, and show the line again afterwards."""
        self._screen.end_prompt()
        self.close()
        os.killpg(0, signal.SIGTSTP)  # the kernel ignores it where nobody could wake us
        self._make_raw()
        self._screen.prompt(prompt, self._editor.shown)
        self._screen.echo(self._editor.shown())

    def _make_raw(self) -> list[Any] | None:
        """Take line editing, echo, signals and flow control from the kernel; None: no tty."""
        try:
            original = termios.tcgetattr(self._handle)
        except termios.error:
            return None
        raw = termios.tcgetattr(self._handle)
        raw[0] &= ~termios.IXON
        raw[3] &= ~(termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN)
        raw[6][termios.VMIN], raw[6][termios.VTIME] = 1, 0
        termios.tcsetattr(self._handle, termios.TCSANOW, raw)
        return original

    def _read_all(self) -> None:
        """Run in a thread: stdin may be anything, and not all of it can be polled."""
        while self._wanted.wait():
            try:
                data = os.read(self._handle, CHUNK)
            except BlockingIOError:
                os.set_blocking(self._handle, True)
                continue
            except OSError:  # the terminal is gone
                data = b""
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._received, data)
            if not data:
                return

    def _received(self, data: bytes) -> None:
        self._ahead += data
        self._ended = self._ended or not data
        if len(self._ahead) >= MAX_AHEAD:
            self._wanted.clear()
        self._more.set()
