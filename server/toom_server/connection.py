"""One TCP connection: bytes to requests, replies to bytes (PROTOCOL 2.3, 2.5). Decides nothing."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from logging import INFO, WARNING
from typing import TYPE_CHECKING, Final, cast, get_args

from toom_protocol.codec import PREFACE, Decoder, encode
from toom_protocol.forms import FORMS
from toom_protocol.messages import Cause, Message, Notice, Request, SentAway, Unknown
from toom_server.events import tell
from toom_server.outcomes import Session

if TYPE_CHECKING:
    from toom_server.hub import Hub

MAX_UNREAD: Final = 1 << 20  # bytes that wait for a client before notices are too much; 10,000 each
MAX_UNANSWERED: Final = 64  # requests of one client that may wait; then reading pauses
REFUSED: Final = {Cause.FULL: "full", Cause.TOO_MANY: "too-many"}  # events
REQUESTS: Final = {kind.KIND: FORMS[kind.KIND] for kind in get_args(Request)}  # all else is unknown
FEED: Final = 0  # the request id of notices; PROTOCOL 2.2
STREAM_TURN: Final = 8  # parts of a long answer that are written before others have a turn


def send_away(transport: asyncio.Transport, address: str, cause: Cause) -> None:
    """Tell somebody for whom there is no place so, and end the connection."""
    tell(WARNING, REFUSED[cause], address=address)
    transport.write(PREFACE + encode(0, SentAway(cause)))
    transport.close()


class Connection(asyncio.Protocol):
    """A client at the other end of a socket, logged in or not."""

    __slots__ = (
        *("_admitted", "_decoder", "_full", "_hub", "_joined", "_last_buffered", "_last_guest"),
        *("_last_progress", "_more_due", "_reading", "_streams", "_transport", "_turn_due"),
        *("_unanswered", "_undecoded", "is_made", "session"),
    )  # a connection costs little memory

    def __init__(self, hub: "Hub", admitted: str | None = None) -> None:
        """Belong to a hub.

        Args:
            admitted: the address from which it was let in already (`Hub.admit`).
        """
        self._hub = hub
        self._admitted = admitted
        self.is_made = False  # from then on it gives its place back by itself
        self._decoder = Decoder(REQUESTS)
        self._unanswered = 0
        self._full = False  # the kernel takes no more; asyncio told us
        self._reading = True
        self._undecoded = False  # the decoder may hold whole frames still
        self._more_due = False  # the next look into the decoder is scheduled
        self._streams: list[tuple[int, Iterator[Message]]] = []
        self._turn_due = False  # the next turn of the streams is scheduled
        self._last_buffered = 0  # bytes that waited to be sent at the last look
        self._last_progress = time.monotonic()
        self._last_guest = self._last_progress  # when somebody was last seen logged in

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.is_made = True
        peer = transport.get_extra_info("peername") or ("unknown", 0)
        address = self._admitted or peer[0]
        self.session = Session(address=address)
        cause = self._hub.admit(address) if self._admitted is None else None
        self._joined = cause is None
        if cause is not None:
            send_away(self._transport, address, cause)
            return
        self._hub.joined(self)
        self._transport.write(PREFACE)
        tell(INFO, "connected", address=address, port=peer[1])

    def data_received(self, data: bytes) -> None:
        """Decode no more than may wait, so that a client that sends fast fills no batch."""
        self._last_progress = time.monotonic()
        if not (self._undecoded or self._full) and self._unanswered < MAX_UNANSWERED:
            frame = self._decoder.receive_alone(data)
            if frame is not None:
                self._unanswered += 1
                self._hub.submit(self, (frame,))
                return
        room = 0 if self._full else MAX_UNANSWERED - self._unanswered
        frames = self._decoder.receive(data, room)
        self._undecoded = len(frames) == room
        if frames:
            self._unanswered += len(frames)
            self._hub.submit(self, cast(list[tuple[int, Request | Unknown]], frames))
        if self._decoder.failure is not None:
            tell(WARNING, "malformed", peer=self._name, why=self._decoder.failure)
            self._transport.abort()
        if self._undecoded or not self._reading:
            self._pace()

    def _take_more(self) -> None:
        self._more_due = False
        if not self._transport.is_closing():
            self.data_received(b"")

    def connection_lost(self, exc: Exception | None) -> None:
        self._streams.clear()
        if not self._joined:
            return
        tell(INFO, "disconnected", peer=self._name, why=exc or "closed")
        self._hub.gone(self)

    def pause_writing(self) -> None:
        self._full = True
        self._pace()

    def resume_writing(self) -> None:
        self._full = False
        self._pace()
        if self._streams and self._streams[0][0] == FEED and not self._turn_due:
            # Nobody has asked for it: what the client has to say meanwhile is read first.
            self._turn_due = True
            loop = asyncio.get_running_loop()
            loop.call_soon(loop.call_soon, self._write_streams)
        else:
            self._write_streams()

    def answer(self, frames: Sequence[bytes], requests: int) -> None:
        """Send the answers to so many requests; the loop keeps what the kernel does not take."""
        self._unanswered -= requests
        if self._transport.is_closing():
            return
        if frames:
            self._transport.write(frames[0] if len(frames) == 1 else b"".join(frames))
        if self._undecoded or not self._reading:
            self._pace()

    def send(self, request_id: int, *messages: Message) -> None:
        """Send messages."""
        self.answer([encode(request_id, each) for each in messages], 0)

    def notify(self, notice: Notice) -> None:
        """Send what nobody asked for; a client that does not read is dropped (PROTOCOL 2.5)."""
        if self.buffered > MAX_UNREAD:
            tell(WARNING, "slow", peer=self._name, buffered=self.buffered)
            self._transport.abort()
        else:
            self.send(0, notice)

    def push(self, frames: bytes) -> bool:
        """Send frames that nobody asked for; False: they are not taken, the client reads slowly."""
        if self._full or self._transport.is_closing():
            return False
        self.answer((frames,), 0)
        return True

    def feed(self, parts: Iterator[Message]) -> None:
        """Send notices one after the other, as fast as the client reads, in turn with answers."""
        self._unanswered += 1  # until the last of them, as if it were an answer
        self.stream(FEED, parts)

    def stream(self, request_id: int, parts: Iterator[Message]) -> None:
        """Send a long answer in parts, the closing one included, as fast as the client reads."""
        self._streams.append((request_id, parts))
        if not self._turn_due:  # one chain of turns, however many answers wait
            self._write_streams()

    def send_away_if_late(self, now: float, limit: float) -> None:
        """Tell a client that has not logged in for `limit` seconds so, and let it go."""
        if self.session.username is not None:
            self._last_guest = now
        elif now - self._last_guest > limit and not self._transport.is_closing():
            tell(INFO, "late", peer=self._name)
            self.send(0, SentAway(Cause.NO_LOG_IN))
            self.close()

    def close_if_silent(self, now: float, limit: float) -> None:
        """Drop a client that has neither spoken nor read for `limit` seconds (SPEC S3)."""
        buffered = self.buffered
        if buffered < self._last_buffered:
            self._last_progress = now
        self._last_buffered = buffered
        if now - self._last_progress > limit:
            tell(WARNING, "silent", peer=self._name)
            self._transport.abort()

    @property
    def buffered(self) -> int:
        """Bytes that the client has not taken yet."""
        return self._transport.get_write_buffer_size()

    def abort(self) -> None:
        """End the connection at once."""
        self._transport.abort()

    def close(self) -> None:
        """End the connection after what is to be sent."""
        self._transport.close()

    @property
    def _name(self) -> str:
        return self.session.username or self.session.address

    def _pace(self) -> None:
        """Read on only while this client's requests are answered and its answers are read."""
        has_room = not self._full and self._unanswered < MAX_UNANSWERED
        if self._undecoded and has_room and not self._more_due:
            self._more_due = True
            asyncio.get_running_loop().call_soon(self._take_more)
        may_read = has_room and not self._undecoded
        if may_read == self._reading or self._transport.is_closing():
            return
        self._reading = may_read
        if may_read:
            self._last_progress = time.monotonic()
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _write_streams(self) -> None:
        self._turn_due = False
        for _ in range(STREAM_TURN):
            if not self._streams or self._full:
                return
            request_id, parts = self._streams[0]
            part = next(parts, None)
            if part is not None:
                self.send(request_id, part)
            else:
                self._streams.pop(0)
                self.answer((), 1)
        if not self._turn_due:
            self._turn_due = True
            asyncio.get_running_loop().call_soon(self._write_streams)
