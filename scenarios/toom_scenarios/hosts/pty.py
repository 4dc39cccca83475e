"""A program of this machine at a pseudo-terminal of ours."""

from __future__ import annotations

import ctypes
import os
import select
import signal
from collections.abc import Mapping, Sequence
from typing import Final

import pexpect

from ..deadline import Deadline
from ..errors import Broken
from ..processes import children, end_session
from .base import COLUMNS, INPUT_CHUNK, ROWS
from .guardian import Guardian

READ_SIZE: Final = 65536  # bytes
PR_SET_PDEATHSIG: Final = 1  # prctl(2)
KEYBOARD_SIGNALS: Final = (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP)
WAKING: Final = (signal.SIGCONT, signal.SIGKILL)
_libc: Final = ctypes.CDLL(None, use_errno=True)


def die_with_parent() -> None:
    """Called in a forked child: no program outlives the runner, not even one killed with -9."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _in_child(wrapped: bool) -> None:
    die_with_parent()
    if (
        wrapped
    ):  # Ctrl-C is for the program inside; what carries it must live on to tell its exit status
        for number in KEYBOARD_SIGNALS:
            signal.signal(number, signal.SIG_IGN)


class PtyCarrier:
    """A Carrier over pexpect's pty.

    Args:
        command: argv.
        guardian: to end what it starts, where no pid namespace does.
        wrapped: the first process only enters the host and waits; the program is its child.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        directory: str,
        wrapped: bool,
        guardian: Guardian | None = None,
    ) -> None:
        words = [*command, *(word for pair in environment.items() for word in pair)]
        if any("\0" in word for word in words) or any("=" in name for name in environment):
            # The fork would come back from here as a second runner.
            raise Broken(f"cannot start {' '.join(command)!r}: no such command or environment")
        try:
            self._spawn = pexpect.spawn(
                command[0],
                list(command[1:]),
                cwd=directory,
                env=dict(environment),
                echo=False,
                dimensions=(ROWS, COLUMNS),
                timeout=None,
                preexec_fn=lambda: _in_child(wrapped),
            )
        except (pexpect.ExceptionPexpect, OSError) as error:
            raise Broken(f"cannot start {' '.join(command)}: {error}") from error
        self._spawn.delaybeforesend = None  # pexpect would wait 50 ms before each send
        self._pid = int(self._spawn.pid or 0)
        self._guardian = guardian
        if guardian is not None:
            guardian.entrust(self._pid)
        self._wrapped = wrapped
        self._status: int | None = None
        self._closed = False
        os.set_blocking(self._spawn.child_fd, False)

    def fileno(self) -> int:
        return int(self._spawn.child_fd)

    def read(self) -> bytes:
        # Not read_nonblocking: at the end of output it waits for the process, which may live on
        # without its terminal.
        try:
            data = os.read(self.fileno(), READ_SIZE)
        except BlockingIOError:
            raise
        except OSError as error:  # Linux: EIO when the last process has closed the terminal
            raise EOFError from error
        if not data:
            raise EOFError
        return data

    def write(self, data: bytes, within: float) -> None:
        deadline = Deadline(within)
        while data:
            _, writable, _ = select.select([], [self.fileno()], [], deadline.left())
            if not writable:
                raise TimeoutError(f"the terminal took no input for {within:.1f} s")
            try:
                sent = self._spawn.send(data[:INPUT_CHUNK])
            except BlockingIOError:
                continue
            except OSError as error:
                raise BrokenPipeError("the terminal is closed") from error
            data = data[sent:]

    def exit_status(self) -> int | None:
        if self._status is None and not self._closed:
            # WNOWAIT: until we close, the dead leader keeps its pid, so that no stranger can get
            # its session's number.
            ended = os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is not None:
                by_exit = ended.si_code == os.CLD_EXITED
                self._status = ended.si_status if by_exit else -ended.si_status
        return self._status

    def signal(self, number: signal.Signals) -> None:
        if self.exit_status() is not None:
            return
        targets = children(self._pid) if self._wrapped else [self._pid]
        for pid in targets:
            os.kill(pid, number)
        if self._wrapped and number in WAKING:
            os.kill(self._pid, signal.SIGCONT)  # nsenter stopped itself when the program was

    def close(self) -> None:
        if self._closed:
            return
        end_session(self._pid)
        self.exit_status()
        self._closed = True
        if self._guardian is not None:
            self._guardian.release(self._pid)
        os.waitpid(self._pid, 0)
        # pexpect's own close() would sleep, and signal a pid that may be another's by now; its file
        # object owns the descriptor, and would close it once more when it is collected.
        process = getattr(self._spawn, "ptyproc")  # noqa: B009 - unknown to its type stubs
        process.fileobj.close()
        process.closed = self._spawn.closed = True
        process.fd = self._spawn.child_fd = -1
