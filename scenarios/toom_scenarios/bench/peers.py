"""The servers of `toom bench server`: ours, and Redis with a stream that is synced each time.

Belongs here: starting them alike, and what is said to them. Does not: the load, the figures.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

from ..deadline import Deadline, wait_for
from ..errors import Broken
from . import wire
from .generator import Talk

CORE: Final = 0  # on which servers run
START: Final = 60.0  # seconds that a server may take to listen
LOOK: Final = 0.002  # seconds between two looks whether it listens: starts are measured
EMPTY: Final = 60.0  # seconds in which everybody must have left after a round
TEXT: Final = "a message of thirty-four letters.."  # a line of 75 bytes or so
ATTEMPTS: Final = "3"
MOST: Final = 5000  # connections
ACCOUNTS: Final = MOST + 1  # one more, who comes and goes while all others stay


@dataclass(frozen=True, slots=True)
class Peer:
    """A server that is up.

    Attributes:
        framing: of its answers; see generator.c.
        broadcasts: what so many connections say.
        rooms: what so many connections say, each to a room or stream of its own.
        settle: waits until it has forgotten the connections of before.
        pid: of its process.
    """

    name: str
    framing: str
    port: int
    broadcasts: Callable[[int], Sequence[Talk]]
    rooms: Callable[[int], Sequence[Talk]]
    settle: Callable[[], None]
    pid: int


@dataclass(frozen=True, slots=True)
class Started:
    """A process that listens; `seconds`: how long it took until it did."""

    pid: int
    seconds: float


def prepare(directory: Path) -> None:
    """Give our server accounts for everybody, in a folder that may be there."""
    directory.mkdir(exist_ok=True)
    accounts = "".join(f"{wire.user(index)} {wire.PASSWORD}\n" for index in range(ACCOUNTS))
    (directory / "credentials.txt").write_text(accounts)


@contextmanager
def running(directory: Path, port: int) -> Iterator[Started]:
    """Our server in a folder that is prepared."""
    program = Path(sys.executable).parent / "toom-server"
    command = [str(program), str(port), ATTEMPTS, "--directory", str(directory)]
    command += ["--host", "127.0.0.1", "--log-level", "error"]
    with started(command, port, directory / "stderr") as process:
        yield process


def everybody_has_left(directory: Path) -> None:
    """Wait until our server has forgotten the connections of before."""
    users = directory / "userlog.txt"
    if not wait_for(lambda: not users.read_bytes(), Deadline(EMPTY)):
        raise Broken("users are logged in a minute after they have left")


@contextmanager
def toom(directory: Path, rooms: int = 0) -> Iterator[Peer]:
    """Our server, with accounts for everybody and rooms of two each."""
    prepare(directory)
    port = free_port()
    with running(directory, port) as process:
        build_rooms(port, rooms)
        everybody_has_left(directory)
        yield Peer(
            "ours",
            "length",
            port,
            lambda count: [
                Talk(wire.greeting(index), wire.frame(wire.BROADCAST, TEXT.encode()))
                for index in range(count)
            ],
            lambda count: [
                Talk(
                    wire.greeting(index),
                    wire.frame(wire.ROOM_MESSAGE, wire.number(index), TEXT.encode()),
                )
                for index in range(1, count + 1)
            ],
            lambda: everybody_has_left(directory),
            process.pid,
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

    with started(command, port, directory / "stderr") as process:
        yield Peer(
            "redis-always",
            "lines",
            port,
            lambda count: [adds("all")] * count,
            lambda count: [adds(f"room{index}") for index in range(count)],
            lambda: None,
            process.pid,
        )


@contextmanager
def started(command: Sequence[str], port: int, complaints: Path) -> Iterator[Started]:
    """A server on its core, ended when it is no longer needed.

    Raises:
        Broken: it ended before it listened, or did not come to it.
    """
    began = monotonic()
    with complaints.open("wb") as stderr:
        server = subprocess.Popen(  # taskset becomes the server: the pid is the same
            ["taskset", "-c", str(CORE), *command], stdout=subprocess.DEVNULL, stderr=stderr
        )
    try:
        deadline, nobody = Deadline(START), threading.Event()
        while not listens(port):
            if server.poll() is not None:
                raise Broken(f"{command[0]} ended: {complaints.read_text()[-500:].strip()}")
            if deadline.passed():
                raise Broken(f"{command[0]} does not listen")
            nobody.wait(LOOK)
        yield Started(server.pid, monotonic() - began)
    finally:
        server.terminate()
        try:
            server.wait(START)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def build_rooms(port: int, count: int) -> None:
    """Let user 0 build rooms with everybody else in turn."""
    if not count:
        return
    people = [wire.Line(port, index) for index in range(count + 1)]
    try:
        for index in range(1, count + 1):
            people[0].ask(wire.build_room([wire.user(index)]), wire.ROOM_BUILT)
    finally:
        for person in people:
            person.close()


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def listens(port: int) -> bool:
    """Whether somebody answers there; a socket that happened to meet itself is nobody."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as there:
            return bool(there.getsockname() != there.getpeername())
    except OSError:
        return False
