"""The whole server without sockets: connections that are fed bytes, and what must hold after any.

The conference, the hub, the connections and the store are the real ones; only the transport is a
double, since a kernel's sockets would make each try a hundred times slower.
"""

import asyncio
import io
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import toom_server.presence
from toom_protocol import messages as m
from toom_protocol.codec import PREFACE, Decoder, encode
from toom_protocol.lines import parse_active_user, parse_post
from toom_protocol.marks import parse_marks
from toom_server.accounts import Accounts
from toom_server.conference import Conference
from toom_server.connection import Connection
from toom_server.file_store import FileStore
from toom_server.hub import Hub
from toom_server.line_writer import LineWriter
from toom_server.sessions import Sessions
from toom_server.store import Durability

USERS = ("Yoda", "Han", "Luke", "Leia")
PASSWORD = "pw"


class Wire(asyncio.Transport):
    """The server's end of a connection; keeps what the server says."""

    def __init__(self, hub: Hub, address: str = "10.0.0.1") -> None:
        super().__init__()
        self._address = address
        self.protocol = Connection(hub)
        self.said = b""
        self._closing = False
        self.protocol.connection_made(self)

    def get_extra_info(self, name: str, default: object = None) -> object:
        return (self._address, 4711) if name == "peername" else default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self._closing
        self.said += data

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    abort = close

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0


class Pushed:
    """What a connection was sent unasked: each message once, in order, without a hole."""

    def __init__(self) -> None:
        self._next: dict[int, set[int]] = {}  # by log: which numbers may come next

    def check(self, message: m.Message | m.Unknown) -> None:
        if isinstance(message, m.Marks):
            for log, number in parse_marks(message.marks).items():
                self._next.setdefault(log, set()).add(number + 1)
        elif isinstance(message, m.Posted):
            posts = [parse_post(line) for line in message.lines.decode().split("\n")[:-1]]
            for post in posts:
                assert post.number in self._next.setdefault(message.room_id, {1})
                self._next[message.room_id] = {post.number + 1}


class Play:
    """One server, and the people at it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        toom_server.presence.INTERVAL = 0.0  # type: ignore[misc]  # nobody waits here
        self._store = FileStore(directory, durability=Durability.NONE)
        accounts = Accounts(dict.fromkeys(USERS, PASSWORD))
        drawn = itertools.count()
        sessions = Sessions(lambda: b"token %d" % next(drawn))
        history = self._store.load()
        conference = Conference(accounts, 5, history, lambda: (7, b"k" * 32), sessions)
        self._conference = conference
        self._hub = Hub(conference, self._store, LineWriter(io.StringIO()))
        self._wires: dict[int, Wire] = {}
        self._acknowledged = 0

    def feed(self, who: int, data: bytes) -> None:
        """Let bytes come over a connection; it is opened with its first ones."""
        if who not in self._wires:
            self._wires[who] = Wire(self._hub)
        wire = self._wires[who]
        if not wire.is_closing():
            wire.protocol.data_received(data)

    def ask(self, who: int, request: m.Request, request_id: int = 1) -> None:
        """Let a whole request come; a new connection says its preface first."""
        start = b"" if who in self._wires else PREFACE
        self.feed(who, start + encode(request_id, request))

    def drop(self, who: int) -> None:
        """Let a connection end."""
        if who in self._wires:
            self._wires.pop(who).close()

    async def settle(self) -> None:
        """Let the server do all that it has to do."""
        for _ in range(2):  # connections that end tell the hub in the next turn of the loop
            turn = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(turn.set_result, None)
            await turn
            await self._hub.settle()

    def check(self) -> None:
        """What must hold after anything that may come."""
        log = (self._directory / "messagelog.txt").read_bytes().decode()
        assert not log or log.endswith("\n")
        posts = [parse_post(line) for line in log.split("\n")[:-1]]
        assert [post.number for post in posts] == list(range(1, len(posts) + 1))
        users = (self._directory / "userlog.txt").read_bytes()
        assert users == self._conference.user_log()
        active = [parse_active_user(line) for line in users.decode().splitlines()]
        assert [user.sequence for user in active] == list(range(1, len(active) + 1))
        assert len({user.username for user in active}) == len(active)
        for wire in self._wires.values():
            decoder = Decoder()
            pushed = Pushed()
            for _, message in decoder.receive(wire.said):
                pushed.check(message)
                assert not isinstance(message, m.Unknown)
                if isinstance(message, m.BroadcastSent):
                    assert message.number <= len(posts)
            assert decoder.failure is None

    async def close(self) -> None:
        """Everybody leaves, and the server ends."""
        for who in list(self._wires):
            self.drop(who)
        await self.settle()
        self.check()
        assert self._conference.active_count == 0
        await self._hub.close()
        self._store.close()


@contextmanager
def played() -> Iterator[Play]:
    """A play on a directory of its own; the event loop is the caller's."""
    with TemporaryDirectory(prefix="toom-fuzz-") as directory:
        yield Play(Path(directory))
