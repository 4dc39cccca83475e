"""What happens in a host, as it happens: messages, output, ends of programs.

Belongs here: one loop, which waits for everything at once and for nothing alone. Does not: how
programs are started and ended (programs.py), files (files.py).
"""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress
from functools import partial

from . import files, wire
from .programs import Program, become, kill_all, new_terminal, processes
from .wire import DATA, DONE, END, EXIT, FAILED, GONE, TAKEN, Messages, message, pack, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Final

READ_SIZE: Final = 1 << 18  # bytes
FULL: Final = 1 << 18  # bytes on their way to the runner, above which nothing new is read
ENDLESS: Final = 1 << 62  # bytes of credit when nobody counts any more
FIRST: Final = 1  # number of the first process of a host


class Agent:
    """Does what the messages say.

    Args:
        source: they come from here.
        sink: the answers go here.
        stays: when nothing can come any more, programs go on, and what they print is thrown away.
    """

    def __init__(self, source: int, sink: int, *, stays: bool) -> None:
        self._source, self._sink = source, sink
        self._stays = stays
        self._messages = Messages()
        self._out = bytearray()
        self._programs: dict[int, Program] = {}
        self._jobs: dict[int, files.Job] = {}
        self._writings: dict[int, files.Writing] = {}
        with open("/proc/self/environ", "rb") as file:  # as it came: Python may have added to it
            pairs = (each.split(b"=", 1) for each in file.read().split(b"\0") if b"=" in each)
            self._environment = {name: value for name, value in pairs}
        self._wake, wakes = os.pipe()
        for end in (source, sink, self._wake, wakes):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
            signal.signal(number, lambda *_: self.leave())
        self._does: dict[int, Callable[[int, bytes], None]] = {
            wire.OPEN: self._open,
            wire.RUN: self._run,
            wire.SIGNAL: self._signal,
            wire.CLOSE: self._close,
            wire.READ: lambda channel, name: self._begin(channel, files.reading(name)),
            wire.WRITE: self._write,
            wire.REMOVE: self._remove,
            wire.LIST: lambda channel, _: self._begin(channel, files.listing()),
            wire.COLLECT: lambda channel, most: self._begin(channel, files.collecting(most)),
            wire.FREEZE: self._freeze,
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
        for channel, program in self._programs.items():
            events = select.POLLIN if program.credit > 0 and len(self._out) < FULL else 0
            events |= select.POLLOUT if program.untaken else 0
            if program.file >= 0 and events:
                yield program.file, events, partial(self._turn, channel)

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
        for program in self._programs.values():
            program.credit = ENDLESS

    def leave(self) -> None:
        """End, and all that was started with it."""
        self.end_programs()
        os._exit(0)

    def end_programs(self) -> None:
        """Where this is the first process the kernel does it."""
        if os.getpid() != FIRST:
            for program in self._programs.values():
                program.end()

    # --- programs

    def _open(self, channel: int, content: bytes) -> None:
        rows, columns, environment, *argv = unpack(content)
        ours, its = new_terminal(int(rows), int(columns))
        self._start(channel, (ours, its), its, environment, argv)
        self._send(DONE, channel)

    def _run(self, channel: int, content: bytes) -> None:
        environment, *argv = unpack(content)
        nothing = os.open(os.devnull, os.O_RDONLY)
        self._start(channel, os.pipe(), nothing, environment, argv)

    def _start(
        self, channel: int, ends: tuple[int, int], reads: int, environment: bytes, argv: list[bytes]
    ) -> None:
        ours, prints = ends
        more = dict(pair.split(b"=", 1) for pair in environment.split(b"\0") if pair)
        try:
            pid = os.fork()
            if pid == 0:
                become(argv, {**self._environment, **more}, reads, prints)
            self._programs[channel] = Program(pid, ours, at_terminal=reads == prints)
        except OSError:
            os.close(ours)
            raise
        finally:
            for end in {reads, prints}:
                os.close(end)

    def _turn(self, channel: int) -> None:
        """Pass on what was typed, and send what was printed."""
        program = self._programs.get(channel)
        if program is None:
            return
        self._pass_on(channel, program)
        was_open = program.file >= 0
        data, is_all = program.printed()
        if data:
            self._send(DATA, channel, data)
        if program.at_terminal:
            if was_open and program.file < 0:
                self._send(END, channel)
        elif is_all and program.status is not None:
            self._send(EXIT, channel, pack(program.status))
            self._forget(channel)

    def _pass_on(self, channel: int, program: Program) -> None:
        if program.untaken and program.take():
            for _ in range(program.untaken):
                self._send(TAKEN, channel, GONE if program.file < 0 else b"")
            program.untaken = 0

    def _reap(self) -> None:
        """Tell who has ended, and bury the orphans of all the others."""
        with suppress(BlockingIOError):
            os.read(self._wake, READ_SIZE)
        for channel, program in list(self._programs.items()):
            if program.has_ended():
                self._turn(channel)
                if program.at_terminal:
                    self._send(EXIT, channel, pack(program.status or 0))
        known = {program.pid for program in self._programs.values()}
        for pid, state, parent, _ in list(processes()):
            if state == b"Z" and parent == os.getpid() and pid not in known:
                with suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)

    def _signal(self, channel: int, content: bytes) -> None:
        target, number = map(int, unpack(content))
        program = self._programs.get(target)
        if program is not None and program.status is None:
            os.kill(
                program.pid, number
            )  # it is ours and not buried, so the number is no stranger's
        self._send(DONE, channel)

    def _close(self, channel: int, content: bytes) -> None:
        target = int(unpack(content)[0])
        self._jobs.pop(target, None)
        if (program := self._programs.get(target)) is not None:
            program.end()
            self._reap()
            self._forget(target)
        self._send(DONE, channel)

    def _forget(self, channel: int) -> None:
        program = self._programs.pop(channel, None)
        if program is not None:
            program.hang_up()
            with suppress(ChildProcessError):
                os.waitpid(program.pid, os.WNOHANG)

    def _freeze(self, channel: int, _: bytes) -> None:
        if os.getpid() != FIRST:
            raise PermissionError(1, "other people's programs run here")
        with suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)  # all at once: nobody sees another end
        kill_all(lambda pid, _: pid != FIRST)
        self._reap()
        for target in list(self._programs):
            self._turn(target)
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
        self._turn(channel)

    def _write(self, channel: int, name: bytes) -> None:
        self._writings[channel] = files.Writing(name)

    def _data(self, channel: int, content: bytes) -> None:
        if channel in self._writings:
            self._writings[channel].take(content)
        elif (program := self._programs.get(channel)) is not None:
            program.typed += content
            program.untaken += 1
            self._pass_on(channel, program)

    def _end(self, channel: int, _: bytes) -> None:
        self._writings.pop(channel).end()
        self._send(DONE, channel)

    def _remove(self, channel: int, name: bytes) -> None:
        os.unlink(name)
        self._send(DONE, channel)
