"""TLS connections count from accept on, and handshakes are bounded: PROTOCOL 2.5, 2.6."""

import asyncio
import contextlib
import errno
import os
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.server.programs import PATIENCE, serving
from tests.server.running import BareClient
from toom_protocol import messages as m
from toom_protocol.codec import PREFACE, encode
from toom_server import entrance as module
from toom_server import tls
from toom_server.accounts import Accounts
from toom_server.conference import Conference
from toom_server.doorway import Doorway
from toom_server.entrance import Entrance
from toom_server.file_store import FileStore
from toom_server.hub import Hub
from toom_server.line_writer import LineWriter
from toom_server.sessions import Sessions

pytest.importorskip("cryptography")
LONG = 60.0  # seconds; no test waits for such a handshake to end


class House:
    """A hub behind an entrance, and ways to it."""

    def __init__(self, port: int, ends: contextlib.AsyncExitStack, hub: Hub) -> None:
        self._port = port
        self._ends = ends
        self.hub = hub

    async def bare(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._ends.callback(writer.close)
        return reader, writer

    async def half_open(self) -> asyncio.StreamReader:
        """A connection that never begins its handshake."""
        return (await self.bare())[0]

    async def client(self) -> BareClient:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, ssl=trusting())
        self._ends.callback(writer.close)
        writer.write(PREFACE)
        return BareClient(reader, writer)


def trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@contextlib.asynccontextmanager
async def house(
    directory: Path, doorway: Doorway, *, handshake: float = LONG, courtesy: int = 1
) -> AsyncIterator[House]:
    store = FileStore(directory)
    accounts = Accounts({"Yoda": "pw"})
    sessions = Sessions(lambda: b"t" * 32)
    conference = Conference(accounts, 3, store.load(), lambda: (7, b"k" * 32), sessions)
    hub = Hub(conference, store, LineWriter(sys.stdout), doorway)
    context = tls.context(*tls.own_certificate(directory / ".toom"))
    there = Entrance(hub, context, handshake=handshake, courtesy=courtesy)
    listener = socket.create_server(("127.0.0.1", 0))
    there.open(listener, 128)
    try:
        async with contextlib.AsyncExitStack() as ends:
            yield House(listener.getsockname()[1], ends, hub)
    finally:
        there.close()
        await hub.close()
        store.close()


async def is_ended(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(PATIENCE):
        with contextlib.suppress(ConnectionError):
            return await reader.read() == b""
    return True


def test_who_has_not_begun_a_handshake_has_a_place(tmp_path: Path) -> None:
    """Who is refused for it is told so, as far as courtesy goes; others are let go at once."""

    async def story() -> None:
        async with house(tmp_path, Doorway(2)) as there:
            for _ in range(2):
                await there.half_open()
            told = await there.client()
            assert await told.receive() == (0, m.SentAway(m.Cause.FULL))
            assert there.hub.connections == 2  # what the metric tells
            await told.ended()
            told.writer.close()

    asyncio.run(story())


def test_who_is_refused_holds_a_descriptor_only_as_far_as_courtesy_goes(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path, Doorway(99, per_address=1)) as there:
            await there.half_open()
            await there.half_open()  # is refused, and may shake hands to be told so
            assert await is_ended(await there.half_open())

    asyncio.run(story())


def test_a_handshake_that_does_not_end_is_ended(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path, Doorway(1), handshake=0.05, courtesy=0) as there:
            assert await is_ended(await there.half_open())
            yoda = await there.client()  # the place is free again
            await yoda.log_in("Yoda")

    asyncio.run(story())


def test_a_place_is_given_back_however_the_connection_ends(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path, Doorway(1), courtesy=0) as there:
            for words in (b"", b"TOOM\x01", b"\x16\x03\x01"):
                reader, writer = await there.bare()
                writer.write(words)
                writer.write_eof()
                assert await is_ended(reader)
            yoda = await there.client()
            await yoda.log_in("Yoda")

    asyncio.run(story())


def test_descriptors_that_are_used_up_stop_the_coming_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.01)
    faults: Iterator[int] = iter((errno.EMFILE, errno.ENFILE))
    accept = socket.socket.accept

    def refuse(self: socket.socket) -> tuple[socket.socket, object]:
        if (number := next(faults, None)) is not None:
            raise OSError(number, os.strerror(number))
        return accept(self)

    async def story() -> None:
        async with house(tmp_path, Doorway(9)) as there:
            monkeypatch.setattr(socket.socket, "accept", refuse)
            yoda = await there.client()
            await yoda.log_in("Yoda")

    asyncio.run(story())
    assert caplog.messages.count("not-accepted") == 2


def test_half_open_connections_count_by_address(tmp_path: Path) -> None:
    """The whole program, on whatever event loop it uses."""
    with (
        serving(tmp_path, "--tls", "--per-address", "2") as (_server, port, _said),
        contextlib.ExitStack() as stack,
    ):
        *_, third = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE))
            for _ in range(3)
        ]
        with trusting().wrap_socket(third) as encrypted:
            heard = b"".join(iter(lambda: encrypted.recv(100), b""))
    assert heard == PREFACE + encode(0, m.SentAway(m.Cause.TOO_MANY))
