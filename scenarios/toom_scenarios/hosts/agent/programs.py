"""Programs in a host: at terminals of their own or without, and the end of whole sessions.

Belongs here: what an operating system knows of them. Does not: messages about them (loop.py).
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import termios
from contextlib import suppress
from time import monotonic

from .wire import CHUNK, WINDOW

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Final, NoReturn

LOOK: Final = 0.001  # seconds between two looks at processes that are dying
DYING: Final = 5.0  # seconds that they are given; the kernel may be busy with their files
NO_PROGRAM: Final = 127  # as a shell says "not found"
NOT_EXECUTABLE: Final = 126


def processes() -> Iterator[tuple[int, bytes, int, int]]:
    """Every process: its number, state, parent and session (proc(5))."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
                yield int(name), fields[0], int(fields[1]), int(fields[3])


def kill_all(wanted: Callable[[int, int], bool]) -> None:
    """Kill every process that is wanted, by number and session, until a look finds none."""
    others: set[int] = set()  # another user's
    end = monotonic() + DYING
    while monotonic() < end:
        alive = [(pid, session) for pid, state, _, session in processes() if state not in b"ZX"]
        doomed = [pid for pid, session in alive if pid not in others and wanted(pid, session)]
        if not doomed:
            return
        for pid in doomed:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            except PermissionError:
                others.add(pid)
        select.select([], [], [], LOOK)


def start(argv: list[bytes], environment: dict[bytes, bytes], reads: int, prints: int) -> int:
    """A new process that becomes that program. Returns its number. Raises OSError: no room.

    A signal meets the program or what it has become, but never this program's handlers in it.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            become(argv, environment, reads, prints)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pid


def become(argv: list[bytes], environment: dict[bytes, bytes], reads: int, prints: int) -> NoReturn:
    """In a forked child: be that program, which reads from and prints to these files."""
    try:
        os.setsid()
        os.dup2(reads, 0)
        os.dup2(prints, 1)
        os.dup2(prints, 2)
        if os.isatty(0):
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.execvpe(argv[0], argv, environment)
    except OSError as error:
        os.write(2, argv[0] + f": {error.strerror}\n".encode())
        os._exit(NO_PROGRAM if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE)
    finally:
        os._exit(NOT_EXECUTABLE)


def new_terminal(rows: int, columns: int) -> tuple[int, int]:
    """Both ends of a TTY that echoes nothing: ours, the program's."""
    ours, its = os.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    modes = termios.tcgetattr(its)
    modes[3] &= ~termios.ECHO
    termios.tcsetattr(its, termios.TCSANOW, modes)
    return ours, its


class Program:
    """A program that was started on a channel, and its terminal or pipe."""

    def __init__(self, pid: int, file: int, *, at_terminal: bool) -> None:
        self.pid = pid
        self.file = file  # -1: nothing comes or goes any more
        self.at_terminal = at_terminal
        self.status: int | None = None
        self.credit = WINDOW
        self.typed = bytearray()
        self.untaken = 0  # messages whose content is in `typed`
        os.set_blocking(file, False)

    def has_ended(self) -> bool:
        """Whether it has ended just now. Its number stays taken, so that no stranger gets it."""
        if self.status is not None:
            return False
        found = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if found is None:
            return False
        by_itself = found.si_code == os.CLD_EXITED
        self.status = found.si_status if by_itself else -found.si_status
        return True

    def printed(self) -> tuple[bytes, bool]:
        """What it has printed, as far as there is credit; whether that is all there is now."""
        data = bytearray()
        if self.file < 0:
            return b"", True
        while (room := min(CHUNK - len(data), self.credit)) > 0:
            try:
                piece = os.read(self.file, room)
            except BlockingIOError:
                return bytes(data), True
            except OSError:  # a terminal that the last process has closed
                piece = b""
            if not piece:
                self.hang_up()
                return bytes(data), True
            data += piece
            self.credit -= len(piece)
        return bytes(data), False

    def take(self) -> bool:
        """Pass on what was typed; whether all of it could be passed on."""
        with suppress(BlockingIOError):
            try:
                while self.typed and self.file >= 0:
                    del self.typed[: os.write(self.file, self.typed)]
            except OSError as error:
                if isinstance(error, BlockingIOError):
                    raise
                self.hang_up()
        return not self.typed or self.file < 0

    def hang_up(self) -> None:
        if self.file >= 0:
            os.close(self.file)
        self.file = -1

    def end(self) -> None:
        """End it and all of its session."""
        kill_all(lambda _, session: session == self.pid)
        self.hang_up()
