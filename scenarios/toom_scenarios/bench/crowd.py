"""Many users of our server at once, in one event loop: logged in, and alive while they wait.

Belongs here: connections that speak Toom, and those that stay. Does not: what is measured with
them, nor loads that are to be fast (generator.c).
"""

from __future__ import annotations

import asyncio
import resource
import struct
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final, TypeVar, cast

from ..errors import Broken
from . import wire

PATIENCE: Final = 60.0  # seconds that an answer may take
AT_A_TIME: Final = 64  # log-ins under way; the server's queue of new connections holds some 100
PING_EVERY: Final = 3.0  # seconds; PROTOCOL 2.4
SLICES: Final = 30  # of the crowd; one pings at a time, so that no wave of pings is measured
SPARE: Final = 200  # descriptors that this program needs beside the connections
Answered = Callable[[int, bytes], None]
Lost = Callable[["Client", Exception | None], None]  # whose connection has ended, and why
T = TypeVar("T")


class Client(asyncio.Protocol):
    """One connection, with at most one question under way, and pings beside it."""

    def __init__(self) -> None:
        self._lost: Lost | None = None
        self._data = b""
        self._preface_left = len(wire.PREFACE)
        self._answered: Answered | None = None
        self._awaited: asyncio.Future[tuple[int, bytes]] | None = None
        self._leaving = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._preface_left:
            skipped = min(self._preface_left, len(data))
            self._preface_left -= skipped
            data = data[skipped:]
        data = self._data + data
        at, size = 0, len(data)
        while size - at >= wire.HEAD.size:
            (length,) = struct.unpack_from("!I", data, at)
            end = at + 4 + length
            if end > size:
                break
            kind = data[at + wire.KIND]
            if kind not in wire.PARTS and kind != wire.PONG and kind < wire.NOTICES:
                self._take(kind, data[at + 4 : end])
            at = end
        self._data = data[at:]

    def _take(self, kind: int, answer: bytes) -> None:
        answered, self._answered = self._answered, None
        if answered is None:
            raise Broken(f"the server answered, with kind {kind}, what nobody asked")
        answered(kind, answer)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_exception(Broken(f"the server has hung up: {exc or 'closed'}"))
        if not self._leaving and self._lost is not None:
            self._lost(self, exc)

    def ask(self, question: bytes, answered: Answered) -> None:
        """Ask; `answered` gets the kind of the frame that ends the answer, and that frame.

        Raises:
            Broken: the connection has ended.
        """
        assert self._answered is None
        if self._transport.is_closing():
            raise Broken("the server has hung up")
        self._answered = answered
        self._transport.write(question)

    @property
    def is_waiting(self) -> bool:
        """Whether an answer is due."""
        return self._answered is not None

    async def asked(self, question: bytes, kind: int) -> bytes:
        """Ask, and wait for an answer of this kind.

        Raises:
            Broken: it is of another kind, or does not come.
        """
        answer: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()

        def answered(kind: int, body: bytes) -> None:
            if not answer.done():
                answer.set_result((kind, body))

        self._awaited = answer
        self.ask(question, answered)
        came, body = await in_time(answer)
        if came != kind:
            raise wire.other_kind(came, kind)
        return body

    def watch(self, lost: Lost) -> None:
        """Let somebody hear when the server ends the connection."""
        self._lost = lost

    def ping(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(wire.frame(wire.PING))

    def leave(self) -> None:
        """End the connection."""
        self._leaving = True
        self._transport.close()


async def enter(port: int, index: int) -> Client:
    """Connect, and log in as the user of this index."""
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(Client, "127.0.0.1", port)
    await client.asked(wire.greeting(index), wire.LOGGED_IN)
    return client


class Crowd:
    """Users 0, 1, 2 … who are logged in and stay alive."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._slice = 0
        self._timer: asyncio.TimerHandle | None = None
        self.clients: list[Client] = []

    async def enter(self, count: int) -> None:
        """Let so many log in; the first stay alive while the last are on their way."""
        self._beat()
        for some in shares(count):
            self.clients += await asyncio.gather(*(enter(self._port, index) for index in some))

    async def log_out(self) -> None:
        """Everybody logs out in one moment.

        Raises:
            Broken: somebody is not let go, or not in time.
        """
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        left = len(self.clients)

        def answered(kind: int, _: bytes) -> None:
            nonlocal left
            left -= 1
            if over.done():
                return
            if kind != wire.LOGGED_OUT:
                over.set_exception(wire.other_kind(kind, wire.LOGGED_OUT))
            elif not left:
                over.set_result(None)

        for client in self.clients:
            client.ask(wire.frame(wire.LOG_OUT), answered)
        await in_time(over)

    def leave(self) -> None:
        """Everybody goes."""
        if self._timer is not None:
            self._timer.cancel()
        for client in self.clients:
            client.leave()

    def _beat(self) -> None:
        for client in self.clients[self._slice :: SLICES]:
            client.ping()
        self._slice = (self._slice + 1) % SLICES
        self._timer = asyncio.get_running_loop().call_later(PING_EVERY / SLICES, self._beat)


def shares(count: int) -> Iterator[range]:
    """The numbers below `count`, in shares of which each may be under way at once."""
    for first in range(0, count, AT_A_TIME):
        yield range(first, min(first + AT_A_TIME, count))


async def in_time(answer: asyncio.Future[T]) -> T:
    """Wait for what the server must answer.

    Raises:
        Broken: it does not.
    """
    try:
        async with asyncio.timeout(PATIENCE):
            return await answer
    except TimeoutError as exc:
        raise Broken(f"the server has not answered for {PATIENCE:.0f} s") from exc


async def lets_pass(seconds: float) -> None:
    """Let time pass which is measured, while everybody stays alive."""
    passed = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, passed.set)
    await passed.wait()


def run(work: Coroutine[Any, Any, T], connections: int) -> T:
    """Run it in the quickest event loop that there is, with descriptors for so many connections.

    Raises:
        Broken: the system grants too few.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < connections + SPARE:
        work.close()
        raise Broken(f"{connections} connections need as many file descriptors: ulimit -n {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with asyncio.Runner(loop_factory=_event_loop) as runner:
        return runner.run(work)


def _event_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
