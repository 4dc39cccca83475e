"""What happens in a host, as it happens: messages, output, ends of programs.

Belongs here: one loop, which waits for everything at once and for nothing alone. Does not: programs
(roster.py), files (files.py), the way back to a new host (fresh.py).
"""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress
from functools import partial

from . import files, fresh, wire
from .roster import Roster
from .wire import DATA, DONE, FAILED, Messages, message, pack, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Final

READ_SIZE: Final = 1 << 18  # bytes
FULL: Final = 1 << 18  # bytes on their way to the runner, above which nothing new is read


class Agent:
    """Does what the messages say.

    Args:
        source: they come from here.
        sink: the answers go here.
        folder: the working directory; see fresh.settle.
        stays: when nothing can come any more, programs go on, and what they print is thrown away.
    """

    def __init__(self, source: int, sink: int, *, folder: bytes, stays: bool) -> None:
        self._source, self._sink = source, sink
        self._folder = folder
        self._stays = stays
        self._messages = Messages()
        self._out = bytearray()
        self._jobs: dict[int, files.Job] = {}
        self._writings: dict[int, files.Writing] = {}
        with open("/proc/self/environ", "rb") as file:  # as it came: Python may have added to it
            pairs = (each.split(b"=", 1) for each in file.read().split(b"\0") if b"=" in each)
            self._programs = Roster(self._send, {name: value for name, value in pairs})
        self._wake, wakes = os.pipe()
        for end in (source, sink, self._wake, wakes):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
            signal.signal(number, lambda *_: self.leave())
        self._does: dict[int, Callable[[int, bytes], None]] = {
            wire.OPEN: self._programs.open,
            wire.RUN: self._programs.run,
            wire.SIGNAL: self._programs.signal,
            wire.CLOSE: self._close,
            wire.READ: lambda channel, name: self._begin(channel, files.reading(name)),
            wire.WRITE: self._write,
            wire.REMOVE: self._remove,
            wire.LIST: lambda channel, _: self._begin(channel, files.listing()),
            wire.COLLECT: lambda channel, most: self._begin(channel, files.collecting(most)),
            wire.STOP: self._stop,
            wire.FREEZE: self._freeze,
            wire.RESET: self._reset,
            wire.CREDIT: self._credit,
            wire.DATA: self._data,
            wire.END: self._end,
        }

    # --- the loop

    def serve(self) -> None:
        """Until the runner is gone."""
        while True:
            could_go_on = self._work()
            poll = select.poll()
            turns = {}
            for file, events, turn in self._awaited():
                poll.register(file, events)
                turns[file] = turn
            for file, _ in poll.poll(0 if could_go_on else None):
                turns[file]()

    def _awaited(self) -> Iterator[tuple[int, int, Callable[[], None]]]:
        yield self._wake, select.POLLIN, self._reap
        if self._source >= 0:
            yield self._source, select.POLLIN, self._hear
        if self._out:
            yield self._sink, select.POLLOUT, self._flush
        for channel, program in self._programs:
            events = select.POLLIN if program.credit > 0 and len(self._out) < FULL else 0
            events |= select.POLLOUT if program.untaken else 0
            if program.file >= 0 and events:
                yield program.file, events, partial(self._programs.turn, channel)

    def _hear(self) -> None:
        try:
            data = os.read(self._source, READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._runner_is_gone()
        for kind, channel, content in self._messages.feed(data):
            try:
                self._does[kind](channel, content)
            except OSError as error:
                self._fail(channel, error)

    def _send(self, kind: int, channel: int, content: bytes = b"") -> None:
        if self._sink >= 0:
            self._out += message(kind, channel, content)

    def _fail(self, channel: int, error: OSError) -> None:
        self._send(FAILED, channel, pack(error.errno or 0, str(error.strerror).encode()))

    def _flush(self) -> None:
        try:
            del self._out[: os.write(self._sink, self._out[: wire.CHUNK])]
        except BlockingIOError:
            pass
        except OSError:
            self._runner_is_gone()

    def hello(self) -> None:
        """Say that all is ready, and where."""
        self._send(wire.HELLO, 0, os.getcwdb())

    def _runner_is_gone(self) -> None:
        if not self._stays:
            self.leave()
        self._source = self._sink = -1
        self._out.clear()
        self._programs.nobody_listens()

    def leave(self) -> None:
        """End, and all that was started with it."""
        self.end_programs()
        os._exit(0)

    def end_programs(self) -> None:
        """End all that was started."""
        self._programs.end_sessions()

    def _reap(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._wake, READ_SIZE)
        self._programs.reap()

    # --- the whole host

    def _stop(self, channel: int, _: bytes) -> None:
        self._programs.signal_everybody(signal.SIGSTOP)
        self._send(DONE, channel)

    def _freeze(self, channel: int, _: bytes) -> None:
        self._programs.end_everybody()
        self._send(DONE, channel)

    def _reset(self, channel: int, content: bytes) -> None:
        lifetime = int(unpack(content)[0])
        self._programs.end_everybody()
        self._programs.forget_all()
        self._jobs.clear()
        for writing in self._writings.values():
            with suppress(OSError):
                writing.end()
        self._writings.clear()
        fresh.make_new()
        fresh.settle(self._folder)
        signal.alarm(lifetime)
        self._send(DONE, channel, os.getcwdb())

    def _close(self, channel: int, content: bytes) -> None:
        target = int(unpack(content)[0])
        self._jobs.pop(target, None)
        self._programs.close(target)
        self._send(DONE, channel)

    # --- files, and what came in pieces

    def _begin(self, channel: int, answers: files.Answers) -> None:
        self._jobs[channel] = files.Job(answers)

    def _work(self) -> bool:
        """Let each job answer once; whether some job could go on at once."""
        could_go_on = False
        for channel, job in list(self._jobs.items()):
            if job.credit <= 0 or len(self._out) >= FULL:
                continue
            try:
                kind, content = next(job.answers, (DONE, b""))
            except OSError as error:
                self._fail(channel, error)
                kind = FAILED
            else:
                self._send(kind, channel, content)
                job.credit -= len(content) if kind == DATA else 0
            if kind in (DONE, FAILED):
                del self._jobs[channel]
            could_go_on = True
        return could_go_on

    def _credit(self, channel: int, content: bytes) -> None:
        receiver = self._programs.get(channel) or self._jobs.get(channel)
        if receiver is not None:
            receiver.credit += int(unpack(content)[0])
        self._programs.turn(channel)

    def _write(self, channel: int, name: bytes) -> None:
        self._writings[channel] = files.Writing(name)

    def _data(self, channel: int, content: bytes) -> None:
        if channel in self._writings:
            self._writings[channel].take(content)
        else:
            self._programs.type(channel, content)

    def _end(self, channel: int, _: bytes) -> None:
        self._writings.pop(channel).end()
        self._send(DONE, channel)

    def _remove(self, channel: int, name: bytes) -> None:
        os.unlink(name)
        self._send(DONE, channel)
