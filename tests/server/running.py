"""A real server on loopback in the test's event loop, and bare clients that speak its frames."""

import asyncio
import contextlib
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from toom_protocol import messages as m
from toom_protocol.codec import PREFACE, Decoder, encode
from toom_server.accounts import Accounts
from toom_server.conference import Conference
from toom_server.connection import Connection
from toom_server.doorway import Doorway
from toom_server.file_store import FileStore
from toom_server.hub import Hub
from toom_server.line_writer import LineWriter
from toom_server.sessions import TOKEN_SIZE, Sessions
from toom_server.store import Store

PATIENCE = 5.0  # seconds that a reply may take on a busy host


class BareClient:
    """A TCP connection that sends what it is told, right or wrong."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._decoder = Decoder()
        self._frames: list[tuple[int, object]] = []

    def send(self, request_id: int, message: m.Message) -> None:
        self.writer.write(encode(request_id, message))

    async def receive(self) -> tuple[int, object]:
        """Give the next frame; EOFError when the server closed."""
        async with asyncio.timeout(PATIENCE):
            while not self._frames:
                data = await self.reader.read(65536)
                if not data:
                    raise EOFError
                self._frames += self._decoder.receive(data)
        return self._frames.pop(0)

    async def ask(self, message: m.Message, request_id: int = 1) -> object:
        self.send(request_id, message)
        got_id, reply = await self.receive()
        assert got_id == request_id
        return reply

    async def log_in(self, name: str) -> None:
        assert await self.ask(m.LogIn(name, "pw", 8000)) == m.LoggedIn(name)

    async def ended(self) -> None:
        """Wait until the server has closed the connection."""
        with contextlib.suppress(EOFError, ConnectionError):
            while True:
                await self.receive()


class Running:
    """The server and the way to it."""

    def __init__(
        self, hub: Hub, port: int, directory: Path, conference: Conference, sessions: Sessions
    ) -> None:
        self.hub = hub
        self.conference = conference
        self.sessions = sessions
        self.port = port
        self.directory = directory
        self.clients: list[BareClient] = []

    async def client(self, preface: bytes = PREFACE) -> BareClient:
        client = BareClient(*await asyncio.open_connection("127.0.0.1", self.port))
        self.clients.append(client)
        client.writer.write(preface)
        return client

    def lines(self, name: str) -> list[str]:
        return (self.directory / name).read_text().splitlines()


@contextlib.asynccontextmanager
async def running(
    directory: Path,
    *,
    store: Store | None = None,
    doorway: Doorway | None = None,
    accounts: Accounts | None = None,
) -> AsyncIterator[Running]:
    ours = contextlib.ExitStack()
    if store is None:
        store = ours.enter_context(contextlib.closing(FileStore(directory)))
    history = store.load()
    accounts = accounts or Accounts(dict.fromkeys(("Yoda", "Han", "Luke"), "pw"))
    sessions = Sessions(lambda: secrets.token_bytes(TOKEN_SIZE))
    conference = Conference(accounts, 3, history, lambda: (7, b"k" * 32), sessions)
    hub = Hub(conference, store, LineWriter(sys.stdout), doorway)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(hub), "127.0.0.1", 0)
    there = Running(hub, server.sockets[0].getsockname()[1], directory, conference, sessions)
    try:
        yield there
    finally:
        server.close()
        for client in there.clients:
            client.writer.close()
            with contextlib.suppress(OSError):
                await client.writer.wait_closed()
        await hub.close()
        ours.close()


def play(directory: Path, story: Callable[[Running], Awaitable[None]], **named: Any) -> None:
    """Let a story happen beside a running server."""

    async def run() -> None:
        async with running(directory, **named) as server:
            await story(server)

    asyncio.run(run())
