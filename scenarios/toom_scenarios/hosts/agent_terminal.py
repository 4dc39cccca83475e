"""A program at a terminal in a host, carried by the host's agent."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from ..errors import Broken
from ..timezone import time_zone
from .agent import wire
from .base import COLUMNS, INPUT_CHUNK, ROWS
from .link import LOST, Link

START_LIMIT: Final = 30.0  # seconds for a host to start a program


def environment_of(more: Mapping[str, str]) -> bytes:
    """What is added to the environment of the host's user, as it travels."""
    told = {"TZ": time_zone(), **more}
    return b"\0".join(os.fsencode(f"{name}={value}") for name, value in told.items())


class AgentTerminal:
    """A Carrier over a link.

    Raises:
        Broken: the host cannot start another program.
    """

    def __init__(self, link: Link, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._link = link
        self._channel = link.new_channel()
        self._changed = threading.Condition()
        self._printed: deque[bytes] = deque()
        self._unpaid = 0  # bytes taken from here and not told to the agent
        self._ended = False
        self._status: int | None = None
        self._started: bool | OSError = False
        self._typed = self._taken = 0  # pieces
        self._nobody_there = False
        self._told_lost = False
        self._closed = False
        self._ready = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        link.listen(self._channel, self._hear)
        told = {"TERM": "dumb", **environment}
        argv = [os.fsencode(word) for word in command]
        link.send(wire.OPEN, self._channel, wire.pack(ROWS, COLUMNS, environment_of(told), *argv))
        self._awaits_start()

    def _awaits_start(self) -> None:
        with self._changed:
            told = self._changed.wait_for(lambda: self._started or self._link.is_lost, START_LIMIT)
        if isinstance(self._started, OSError):
            self._let_go()
            raise Broken(f"host {self._link.name}: no terminal: {self._started}")
        if not self._started:
            self._let_go()
            raise self._link.broken("" if told else "no terminal in time")

    def _hear(self, kind: int, content: bytes) -> None:
        """In the link's thread."""
        with self._changed:
            if kind == wire.DATA:
                self._printed.append(content)
            elif kind == wire.END:
                self._ended = True
            elif kind == wire.EXIT:
                self._status = int(wire.unpack(content)[0])
            elif kind == wire.TAKEN:
                self._taken += 1
                self._nobody_there = content == wire.GONE
            elif kind == wire.DONE:
                self._started = True
            elif kind == wire.FAILED:
                number, text = wire.unpack(content)
                self._started = OSError(int(number), text.decode())
            if not self._closed and kind in (wire.DATA, wire.END, LOST):
                os.eventfd_write(self._ready, 1)
            self._changed.notify_all()

    def fileno(self) -> int:
        return self._ready

    def read(self) -> bytes:
        with self._changed:
            with suppress(BlockingIOError):
                os.eventfd_read(self._ready)
            data = b"".join(self._printed)
            self._printed.clear()
            if not data and self._ended:
                raise EOFError
        if data:
            self._pay(len(data))
            return data
        if not self._link.is_lost:
            raise BlockingIOError
        if self._told_lost:  # once is enough: whoever tears the stage down wants to come to an end
            raise EOFError
        self._told_lost = True
        raise self._link.broken()

    def _pay(self, size: int) -> None:
        """Let the agent send as much again."""
        self._unpaid += size
        if self._unpaid > wire.WINDOW // 4 and not self._link.is_lost:
            self._link.send(wire.CREDIT, self._channel, wire.pack(self._unpaid))
            self._unpaid = 0

    def write(self, data: bytes, within: float) -> None:
        for begin in range(0, len(data), INPUT_CHUNK):
            self._link.send(wire.DATA, self._channel, data[begin : begin + INPUT_CHUNK])
            with self._changed:
                self._typed += 1
                taken = self._changed.wait_for(
                    lambda: self._taken == self._typed or self._link.is_lost, within
                )
            if self._link.is_lost:
                raise self._link.broken()
            if not taken:
                raise TimeoutError(f"the terminal took no input for {within:.1f} s")
            if self._nobody_there:
                raise BrokenPipeError("the terminal is closed")

    def exit_status(self) -> int | None:
        if self._status is None and not self._closed and self._link.is_lost:
            raise self._link.broken()
        return self._status

    def signal(self, number: signal.Signals) -> None:
        if self.exit_status() is None:
            self._link.ask(wire.SIGNAL, wire.pack(self._channel, int(number))).done()

    def close(self) -> None:
        if self._closed:
            return
        if not self._link.is_lost:
            self._link.ask(wire.CLOSE, wire.pack(self._channel)).done()
        self._let_go()

    def _let_go(self) -> None:
        self._link.forget(self._channel)
        with self._changed:
            self._closed = True
            os.close(self._ready)
