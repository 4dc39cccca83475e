"""The programs that the runner has started in a host, each on its channel.

Belongs here: starting them, what passes between them and the runner, burying the dead. Does not:
what an operating system knows of a program (programs.py), when anything happens (loop.py).
"""

from __future__ import annotations

import os
from contextlib import suppress
from signal import SIGKILL

from .programs import Program, kill_all, new_terminal, processes, start
from .wire import DATA, DONE, END, EXIT, GONE, TAKEN, pack, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Final

    Send = Callable[[int, int, bytes], None]  # kind, channel, content

FIRST: Final = 1  # number of the first process of a host
ENDLESS: Final = 1 << 62  # bytes of credit when nobody counts any more


class Roster:
    """Programs by channel.

    Args:
        send: tells the runner.
        environment: of each, besides what the runner adds.
    """

    def __init__(self, send: Send, environment: dict[bytes, bytes]) -> None:
        self._send = send
        self._environment = environment
        self._programs: dict[int, Program] = {}

    def __iter__(self) -> Iterator[tuple[int, Program]]:
        return iter(list(self._programs.items()))

    def get(self, channel: int) -> Program | None:
        """The program on a channel."""
        return self._programs.get(channel)

    # --- from start to end

    def open(self, channel: int, content: bytes) -> None:
        """OPEN."""
        rows, columns, environment, *argv = unpack(content)
        ours, its = new_terminal(int(rows), int(columns))
        self._start(channel, (ours, its), its, environment, argv)
        self._send(DONE, channel, b"")

    def run(self, channel: int, content: bytes) -> None:
        """RUN."""
        environment, *argv = unpack(content)
        nothing = os.open(os.devnull, os.O_RDONLY)
        self._start(channel, os.pipe(), nothing, environment, argv)

    def _start(
        self, channel: int, ends: tuple[int, int], reads: int, environment: bytes, argv: list[bytes]
    ) -> None:
        ours, prints = ends
        more = dict(pair.split(b"=", 1) for pair in environment.split(b"\0") if pair)
        try:
            pid = start(argv, {**self._environment, **more}, reads, prints)
            self._programs[channel] = Program(pid, ours, at_terminal=reads == prints)
        except OSError:
            os.close(ours)
            raise
        finally:
            for end in {reads, prints}:
                os.close(end)

    def turn(self, channel: int) -> None:
        """Pass on what was typed, and send what was printed."""
        program = self._programs.get(channel)
        if program is None:
            return
        was_open = program.file >= 0
        self._pass_on(channel, program)
        data, is_all = program.printed()
        if data:
            self._send(DATA, channel, data)
        if program.at_terminal:
            if was_open and program.file < 0:
                self._send(END, channel, b"")
        elif is_all and program.status is not None:
            self._send(EXIT, channel, pack(program.status))
            self._forget(channel)

    def _pass_on(self, channel: int, program: Program) -> None:
        if program.untaken and program.take():
            for _ in range(program.untaken):
                self._send(TAKEN, channel, GONE if program.file < 0 else b"")
            program.untaken = 0

    def reap(self) -> None:
        """Tell who has ended, and bury the orphans of all the others."""
        for channel, program in self:
            if program.has_ended():
                self.turn(channel)
                if program.at_terminal:
                    self._send(EXIT, channel, pack(program.status or 0))
        known = {program.pid for program in self._programs.values()}
        for pid, state, parent, _ in list(processes()):
            if state == b"Z" and parent == os.getpid() and pid not in known:
                with suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)

    def signal(self, channel: int, content: bytes) -> None:
        """SIGNAL."""
        target, number = map(int, unpack(content))
        program = self._programs.get(target)
        if program is not None and program.status is None:
            os.kill(program.pid, number)  # not buried yet, so the number is no stranger's
        self._send(DONE, channel, b"")

    def close(self, channel: int) -> None:
        """End the program of a channel and all of its session, and forget it."""
        if (program := self._programs.get(channel)) is not None:
            program.end()
            self.reap()
            self._forget(channel)

    def _forget(self, channel: int) -> None:
        program = self._programs.pop(channel, None)
        if program is not None:
            program.hang_up()
            with suppress(ChildProcessError):
                os.waitpid(program.pid, os.WNOHANG)

    def type(self, channel: int, content: bytes) -> None:
        """DATA for a terminal."""
        if (program := self._programs.get(channel)) is not None:
            program.typed += content
            program.untaken += 1
            self._pass_on(channel, program)

    # --- all of them

    def end_sessions(self) -> None:
        """End every program, unless the kernel will: where this is the first process of all."""
        if os.getpid() != FIRST:
            for _, program in self:
                program.end()

    def signal_everybody(self, number: int) -> None:
        """Signal every process of this host but this one, all at once: nobody sees what becomes of
        another. Raises PermissionError: it is not our host.
        """
        if os.getpid() != FIRST:
            raise PermissionError(1, "other people's programs run here")
        with suppress(ProcessLookupError):
            os.kill(-1, number)

    def end_everybody(self) -> None:
        """End them. Raises PermissionError."""
        self.signal_everybody(SIGKILL)
        kill_all(lambda pid, _: pid != FIRST)
        self.reap()
        for channel, _ in self:
            self.turn(channel)

    def forget_all(self) -> None:
        """After everybody has ended. Raises OSError: somebody has not."""
        for channel, _ in self:
            self._forget(channel)
        self.reap()
        if left := [pid for pid, _, _, _ in processes() if pid != FIRST]:
            raise OSError(16, f"processes are left: {left}")

    def nobody_listens(self) -> None:
        """Programs go on, and what they print is thrown away."""
        for _, program in self:
            program.credit = ENDLESS
