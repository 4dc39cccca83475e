"""The servers of `toom bench server`: ours, and Redis with a stream that is synced each time.

Belongs here: starting them alike, and what is said to them. Does not: the load, the figures.
"""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..deadline import Deadline, wait_for
from ..errors import Broken
from .generator import Talk

CORE: Final = "0"  # on which servers run
START: Final = 60.0  # seconds that a server may take to listen
EMPTY: Final = 60.0  # seconds in which everybody must have left after a round
TEXT: Final = "a message of thirty-four letters.."  # a line of 75 bytes or so
PASSWORD: Final = "pw"
ATTEMPTS: Final = "3"
UDP_PORT: Final = 8000
MOST: Final = 5000  # connections

# PROTOCOL 2.2, 3.1
PREFACE: Final = b"TOOM\x01"
LOG_IN: Final = 1
BROADCAST: Final = 3
BUILD_ROOM: Final = 5
ROOM_MESSAGE: Final = 6


def frame(kind: int, *fields: bytes) -> bytes:
    """A request of Toom; a field of 8 bytes is a number as well."""
    body = b"".join(
        struct.pack("!BH", number, len(value)) + value for number, value in enumerate(fields, 1)
    )
    return struct.pack("!IBI", 5 + len(body), kind, 7) + body


def number(value: int) -> bytes:
    """A number on Toom's wire."""
    return struct.pack("!Q", value)


def log_in(index: int) -> bytes:
    """What the user of this index says first."""
    return PREFACE + frame(LOG_IN, f"u{index}".encode(), PASSWORD.encode(), number(UDP_PORT))


@dataclass(frozen=True, slots=True)
class Peer:
    """A server that is up.

    Attributes:
        framing: of its answers; see generator.c.
        broadcasts: what so many connections say.
        rooms: what so many connections say, each to a room or stream of its own.
        settle: waits until it has forgotten the connections of before.
    """

    name: str
    framing: str
    port: int
    broadcasts: Callable[[int], Sequence[Talk]]
    rooms: Callable[[int], Sequence[Talk]]
    settle: Callable[[], None]


@contextmanager
def toom(directory: Path, rooms: int) -> Iterator[Peer]:
    """Our server, with accounts for everybody and rooms of two each."""
    accounts = "".join(f"u{index} {PASSWORD}\n" for index in range(MOST))
    (directory / "credentials.txt").write_text(accounts)
    program = Path(sys.executable).parent / "toom-server"
    port = free_port()
    command = [str(program), str(port), ATTEMPTS, "--directory", str(directory)]
    command += ["--host", "127.0.0.1", "--log-level", "error"]

    def settle() -> None:
        users = directory / "userlog.txt"
        if not wait_for(lambda: not users.read_bytes(), Deadline(EMPTY)):
            raise Broken("users are logged in a minute after they have left")

    with started(command, port, directory / "stderr"):
        build_rooms(port, rooms)
        settle()
        yield Peer(
            "ours",
            "length",
            port,
            lambda count: [
                Talk(log_in(index), frame(BROADCAST, TEXT.encode())) for index in range(count)
            ],
            lambda count: [
                Talk(log_in(index), frame(ROOM_MESSAGE, number(index), TEXT.encode()))
                for index in range(1, count + 1)
            ],
            settle,
        )


@contextmanager
def redis(directory: Path) -> Iterator[Peer]:
    """Redis: what it has acknowledged is on the disk too."""
    program = shutil.which("redis-server")
    if program is None:
        raise Broken("the peer is missing: sudo apt-get install redis-server")
    port = free_port()
    settings = {
        "port": port,
        "bind": "127.0.0.1",
        "dir": directory,
        "save": "",
        "appendonly": "yes",
        "appendfsync": "always",
        "auto-aof-rewrite-percentage": 0,
        "maxclients": 2 * MOST,
        "tcp-backlog": 1024,
    }
    command = [program]
    for name, value in settings.items():
        command += [f"--{name}", str(value)]

    def adds(stream: str) -> Talk:
        words = ("XADD", stream, "*", "m", TEXT)
        parts = "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
        return Talk(b"", f"*{len(words)}\r\n{parts}".encode())

    with started(command, port, directory / "stderr"):
        yield Peer(
            "redis-always",
            "lines",
            port,
            lambda count: [adds("all")] * count,
            lambda count: [adds(f"room{index}") for index in range(count)],
            lambda: None,
        )


@contextmanager
def started(command: Sequence[str], port: int, complaints: Path) -> Iterator[None]:
    """A server on its core, ended when it is no longer needed."""
    with complaints.open("wb") as stderr:
        server = subprocess.Popen(
            ["taskset", "-c", CORE, *command], stdout=subprocess.DEVNULL, stderr=stderr
        )
    try:
        if not wait_for(lambda: listens(port) or server.poll() is not None, Deadline(START)):
            raise Broken(f"{command[0]} does not listen")
        if server.poll() is not None:
            raise Broken(f"{command[0]} ended: {complaints.read_text()[-500:].strip()}")
        yield
    finally:
        server.terminate()
        try:
            server.wait(START)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def build_rooms(port: int, count: int) -> None:
    """Let user 0 build rooms with everybody else in turn."""
    people = [socket.create_connection(("127.0.0.1", port)) for _ in range(count + 1)]
    try:
        for index, person in enumerate(people):
            person.sendall(log_in(index))
            take(person, len(PREFACE))
            answer(person)
        for index in range(1, count + 1):
            people[0].sendall(frame(BUILD_ROOM, f"u{index}".encode()))
            answer(people[0])
    finally:
        for person in people:
            person.close()


def answer(connection: socket.socket) -> bytes:
    """One whole answer of Toom."""
    (length,) = struct.unpack("!I", take(connection, 4))
    return take(connection, length)


def take(connection: socket.socket, size: int) -> bytes:
    """So many bytes."""
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise Broken("the server has hung up")
        data += more
    return data


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def listens(port: int) -> bool:
    """Whether somebody answers there."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
