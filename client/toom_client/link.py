"""The TCP connection to the server: requests and replies, notices, heartbeat (PROTOCOL 2)."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final, cast, get_args

from toom_protocol.codec import PREFACE, Decoder, Frame, encode
from toom_protocol.liveness import PING_INTERVAL, SILENCE_LIMIT
from toom_protocol.messages import (
    ActiveLines,
    Cause,
    Expected,
    LogLines,
    Marks,
    Message,
    Ping,
    Pong,
    Posted,
    Reply,
    Request,
    SentAway,
    Unknown,
)

PARTS: Final = (ActiveLines, LogLines, Marks)  # replies after which more is to come
MAX_PARTS_AHEAD: Final = 8  # parts of a long answer that may wait to be shown
LOOK_AGAIN: Final = 0.05  # seconds until a screen that was behind is looked at again
LAST_ID: Final = 0xFFFFFFFF  # PROTOCOL 2.2
TLS_ALERT: Final = b"\x15\x03"  # what a TLS record with an alert begins with; RFC 8446, 5.1


class ServerGone(Exception):
    """The connection has ended or fallen silent, or the server does not speak Toom."""


def request_ids() -> Iterator[int]:
    """Yield the ids of requests, for one connection or for all of a run (PROTOCOL 3.6)."""
    while True:
        yield from range(1, LAST_ID + 1)


class Link(asyncio.Protocol):
    """One connection; one command at a time is under way, and pings beside it."""

    def __init__(
        self,
        hear: Callable[[Expected | Posted | Reply], None],
        ids: Iterator[int] | None = None,
        is_behind: Callable[[], bool] = lambda: False,
    ) -> None:
        """Prepare.

        Args:
            hear: told all that the server says, in its order, replies included.
            ids: of the requests, when they are not this connection's own.
            is_behind: whether what is pushed comes faster than it is shown.
        """
        self._hear = hear
        self._is_behind = is_behind
        self._decoder = Decoder()
        self._replies: dict[int, asyncio.Queue[Reply]] = {}
        self._ids = ids or request_ids()
        self._last_heard = time.monotonic()
        self._paused = False
        self._look_again: asyncio.TimerHandle | None = None
        self.sent_away: Cause | None = None  # what the server said before it ended the connection
        self.may_want_tls = False  # it ended a plain connection without a word of Toom
        loop = asyncio.get_running_loop()
        self.gone: asyncio.Future[str] = loop.create_future()
        self._heard: asyncio.Future[None] = loop.create_future()  # a byte from the server
        self._heart = asyncio.create_task(self._beat())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._is_plain = transport.get_extra_info("sslcontext") is None
        self._transport.write(PREFACE)

    def data_received(self, data: bytes) -> None:
        self._last_heard = time.monotonic()
        if not self._heard.done():
            self._heard.set_result(None)
            self.may_want_tls = data.startswith(TLS_ALERT)
        for frame in self._decoder.receive(data):
            self._take(frame)
        if self._decoder.failure is not None:
            self._end(str(self._decoder.failure))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._is_plain and not (self._heard.done() or self.gone.done()):
            self.may_want_tls = True
        self._end(str(exc or "connection closed"))

    @property
    def certificate(self) -> bytes:
        """The server's certificate in DER; empty on plain TCP."""
        encrypted = self._transport.get_extra_info("ssl_object")
        return (encrypted.getpeercert(binary_form=True) or b"") if encrypted else b""

    async def greeting(self) -> None:
        """Wait for the server's first word, by which it takes this connection.

        Raises:
            ServerGone: there is none, or it takes no more connections.
        """
        waiting: set[asyncio.Future[Any]] = {self._heard, self.gone}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if self.gone.done():
            raise ServerGone(self.gone.result())
        if self.sent_away is not None:
            raise ServerGone("sent away")

    def new_id(self) -> int:
        """Give the id of the next request."""
        return next(self._ids)

    async def ask(self, request: Request, request_id: int = 0) -> AsyncIterator[Reply]:
        """Send a request and give its replies as they come, the closing one included.

        Args:
            request_id: of `new_id`, also that of another connection; 0: a new one.

        Raises:
            ServerGone: before the closing reply came.
        """
        request_id = request_id or self.new_id()
        replies: asyncio.Queue[Reply] = asyncio.Queue()
        self._replies[request_id] = replies
        try:
            self._send(request_id, request)
            while True:
                reply = await self._next_reply(replies)
                yield reply
                if not isinstance(reply, PARTS):
                    return
        finally:
            del self._replies[request_id]
            self._pace()

    async def ask_once(self, request: Request) -> Reply:
        """Send a request that has one reply."""
        async for reply in self.ask(request):
            return reply
        raise AssertionError("there is a closing reply")

    def close(self) -> None:
        """End the connection."""
        self._heart.cancel()
        if self._look_again is not None:
            self._look_again.cancel()
        self._transport.close()

    async def _next_reply(self, replies: "asyncio.Queue[Reply]") -> Reply:
        getting = asyncio.ensure_future(replies.get())
        waiting: set[asyncio.Future[Any]] = {getting, self.gone}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        self._pace()
        if getting.done():
            return getting.result()
        getting.cancel()
        raise ServerGone(self.gone.result())

    def _take(self, frame: Frame) -> None:
        request_id, message = frame
        if isinstance(message, Pong | Unknown):
            return
        if isinstance(message, Expected | Posted):
            self._hear(message)
            self._pace()
        elif isinstance(message, SentAway):
            self.sent_away = message.cause
        elif request_id in self._replies and isinstance(message, get_args(Reply)):
            reply = cast(Reply, message)
            self._hear(reply)
            self._replies[request_id].put_nowait(reply)
            self._pace()

    def _pace(self) -> None:
        """Read on only as fast as long answers are shown."""
        waiting = max((replies.qsize() for replies in self._replies.values()), default=0)
        full = waiting > MAX_PARTS_AHEAD
        if self._is_behind():
            full = True
            self._look_later()
        if full == self._paused or self._transport.is_closing():
            return
        self._paused = full
        if full:
            self._transport.pause_reading()
        else:
            self._last_heard = time.monotonic()
            self._transport.resume_reading()

    def _look_later(self) -> None:
        if self._look_again is None:

            def look() -> None:
                self._look_again = None
                self._pace()

            self._look_again = asyncio.get_running_loop().call_later(LOOK_AGAIN, look)

    def _send(self, request_id: int, message: Message) -> None:
        if not self._transport.is_closing():
            self._transport.write(encode(request_id, message))

    async def _beat(self) -> None:
        """Say that we live, and notice when the server does not (PROTOCOL 2.4)."""
        while not self.gone.done():
            await asyncio.sleep(PING_INTERVAL)
            if not self._paused and time.monotonic() - self._last_heard > SILENCE_LIMIT:
                self._end("it is silent")
                self._transport.abort()
            self._send(0, Ping())

    def _end(self, reason: str) -> None:
        if not self.gone.done():
            self.gone.set_result(reason)
