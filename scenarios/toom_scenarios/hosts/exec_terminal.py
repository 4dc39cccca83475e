"""A program in a container at a TTY of the engine's.

The exec's stream is taken over from the HTTP connection by hand: the SDK's socket loses what its
buffer has read ahead. Ending the stream leaves the program running, so its whole session is ended
from inside.

Source: Docker Engine API 1.41, "exec start", connection hijacking.
"""

from __future__ import annotations

import json
import select
import signal
import socket
from collections.abc import Sequence
from typing import Final, Protocol
from urllib.parse import urlsplit

from ..deadline import Deadline
from ..errors import Broken
from .base import COLUMNS, INPUT_CHUNK, ROWS, Completed
from .guardian import END_SESSION

READ_SIZE: Final = 65536  # bytes
HEAD_LIMIT: Final = 65536  # bytes of an HTTP head; the engine's have 200
ANSWER_LIMIT: Final = 30.0  # seconds for a busy engine to start a program

# The TTY echoes and is 0 by 0 at first. $$ is the session's number, since an exec with a TTY leads
# a session.
ENTER: Final = f"""
stty -echo rows {ROWS} cols {COLUMNS}
echo $$ > "$1"; mkdir -p "$2" && cd "$2" || exit 126
shift 2
exec "$@"
"""
END: Final = (
    END_SESSION
    + """
read -r session < "$1" || exit 0
end_session "$session"
"""
)
SIGNAL: Final = """read -r pid < "$1" && kill -"$2" "$pid" """


class Inside(Protocol):
    """The container, as far as a terminal needs it."""

    def run(self, command: Sequence[str], within: float) -> Completed: ...
    def exec_status(self, exec_id: str) -> int | None: ...
    def is_up(self) -> bool: ...


def hijack(engine: str, path: str, body: bytes) -> tuple[socket.socket, bytes]:
    """Ask the engine for a stream, and take it over from the HTTP connection.

    Args:
        engine: as in DOCKER_HOST.
        path: that answers with a stream, such as `/exec/ID/start`.
        body: JSON.

    Returns:
        The stream, and what came with the answer's head.

    Raises:
        Broken: the engine refused.
    """
    head = (
        f"POST {path} HTTP/1.1\r\nHost: engine\r\n"
        "Connection: Upgrade\r\nUpgrade: tcp\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    stream = _connect(engine)
    try:
        stream.settimeout(ANSWER_LIMIT)
        stream.sendall(head.encode() + body)
        answer = b""
        while b"\r\n\r\n" not in answer:
            more = stream.recv(READ_SIZE)
            if not more or len(answer) > HEAD_LIMIT:
                raise Broken(f"the engine broke off the start of a terminal: {answer[:200]!r}")
            answer += more
    except (OSError, Broken) as error:
        stream.close()
        raise Broken(f"the engine at {engine}: {error}") from error
    told, _, first = answer.partition(b"\r\n\r\n")
    if told.split()[1:2] not in ([b"101"], [b"200"]):
        stream.close()
        raise Broken(f"the engine refused a terminal: {answer[-300:].decode(errors='replace')}")
    stream.setblocking(False)
    return stream, first


def _connect(engine: str) -> socket.socket:
    where = urlsplit(engine)
    try:
        if where.scheme in ("unix", "http+unix"):
            stream = socket.socket(socket.AF_UNIX)
            stream.settimeout(ANSWER_LIMIT)
            stream.connect(where.path or f"/{where.netloc}")
            return stream
        return socket.create_connection(
            (where.hostname or "localhost", where.port or 2375), ANSWER_LIMIT
        )
    except OSError as error:
        raise Broken(f"the engine at {engine}: {error}") from error


class ExecCarrier:
    """A Carrier over an exec.

    Args:
        inside: its container.
        exec_id: made with a TTY and `entry_command`.
        pid_file: inside the container; holds the program's pid, which is its session's number.
    """

    def __init__(self, inside: Inside, engine: str, exec_id: str, pid_file: str) -> None:
        self._inside = inside
        self._exec_id = exec_id
        self._pid_file = pid_file
        body = json.dumps({"Detach": False, "Tty": True}).encode()
        self._stream, self._first = hijack(engine, f"/exec/{exec_id}/start", body)
        self._status: int | None = None
        self._closed = False

    def fileno(self) -> int:
        return self._stream.fileno()

    def read(self) -> bytes:
        if self._first:
            data, self._first = self._first, b""
            return data
        try:
            data = self._stream.recv(READ_SIZE)
        except BlockingIOError:
            raise
        except OSError as error:
            raise EOFError from error
        if not data:
            raise EOFError
        return data

    def write(self, data: bytes, within: float) -> None:
        deadline = Deadline(within)
        while data:
            _, writable, _ = select.select([], [self._stream], [], deadline.left())
            if not writable:
                raise TimeoutError(f"the terminal took no input for {within:.1f} s")
            try:
                sent = self._stream.send(data[:INPUT_CHUNK])
            except BlockingIOError:
                continue
            except OSError as error:
                raise BrokenPipeError("the terminal is closed") from error
            data = data[sent:]

    def exit_status(self) -> int | None:
        if self._status is None and not self._closed:
            told = self._inside.exec_status(self._exec_id)
            self._status = None if told is None else as_subprocess_tells(told)
        return self._status

    def signal(self, number: signal.Signals) -> None:
        if self.exit_status() is None:
            name = number.name.removeprefix("SIG")
            self._inside.run(["sh", "-c", SIGNAL, "sh", self._pid_file, name], ANSWER_LIMIT)

    def close(self) -> None:
        if self._closed:
            return
        if self._inside.is_up():
            self._inside.run(["sh", "-c", END, "sh", self._pid_file], ANSWER_LIMIT)
            self.exit_status()
        self._closed = True
        self._stream.close()


def entry_command(pid_file: str, directory: str, command: Sequence[str]) -> list[str]:
    """The command for an exec that becomes the program."""
    return ["sh", "-c", ENTER, "sh", pid_file, directory, *command]


def in_directory(directory: str, command: Sequence[str]) -> list[str]:
    """Without a terminal. A container makes the directory as it starts: it may be late."""
    return ["sh", "-c", 'mkdir -p "$0" && cd "$0" && exec "$@"', directory, *command]


def as_subprocess_tells(status: int) -> int:
    """A shell's 128 + n as -n, where n is a signal."""
    try:
        return -signal.Signals(status - 128)
    except ValueError:
        return status
