"""Where TLS connections come in (PROTOCOL 2.5, 2.6): each has a place from accept on, or is let go.

Belongs here: accepting them, the time that a handshake may take. Does not: how many there may be
(doorway.py), what is said over them (connection.py). Plain TCP needs none of it: there a connection
speaks as soon as it is accepted, so the event loop may accept it.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Coroutine
from logging import INFO, WARNING
from typing import TYPE_CHECKING, Final, cast

from toom_protocol.messages import Cause
from toom_server.connection import REFUSED, Connection, send_away
from toom_server.events import tell

if TYPE_CHECKING:
    from toom_server.hub import Hub

HANDSHAKE: Final = 10.0  # seconds that a TLS handshake may take; PROTOCOL 2.6
# Who is refused must be encrypted to before they can be told so, on a descriptor of those that are
# kept for files (app.OWN_DESCRIPTORS). So many at a time are told, others hear nothing.
COURTESY: Final = 16
ACCEPTED: Final = 64  # connections in one turn; then those that are here have theirs
EXHAUSTED: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)  # accept(2)
PAUSE: Final = 1.0  # seconds until the system is asked again after one of these


class Entrance:
    """Accepts connections on a socket that listens, and begins TLS on them."""

    def __init__(
        self,
        hub: "Hub",
        context: ssl.SSLContext,
        *,
        handshake: float = HANDSHAKE,
        courtesy: int = COURTESY,
    ) -> None:
        """Let clients in to a hub.

        Args:
            handshake: seconds that one may take.
            courtesy: how many who are refused may be told so at a time.
        """
        self._hub = hub
        self._context = context
        self._handshake = handshake
        self._courtesy = courtesy
        self._told = 0  # who are being told that they are refused
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: socket.socket | None = None

    def open(self, listener: socket.socket, backlog: int) -> None:
        """Listen, and let in from now on; the socket is this object's own then.

        Raises:
            OSError: another program listens there.
        """
        listener.setblocking(False)
        listener.listen(backlog)
        self._listener = listener
        self._watch()

    def close(self) -> None:
        """Let nobody in any more, and end handshakes."""
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None
        for task in self._tasks:
            task.cancel()

    def _watch(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        assert self._listener is not None
        for _ in range(ACCEPTED):
            try:
                sock, peer = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as exc:
                if exc.errno not in EXHAUSTED:
                    raise
                tell(WARNING, "not-accepted", why=exc.strerror)
                loop = asyncio.get_running_loop()
                loop.remove_reader(self._listener)
                loop.call_later(PAUSE, self._watch)
                return
            self._take(sock, peer[0])

    def _take(self, sock: socket.socket, address: str) -> None:
        """Give a connection its place before anything is read from it."""
        cause = self._hub.admit(address)
        if cause is None:
            self._spawn(self._encrypt(sock, address))
        elif self._told < self._courtesy:
            self._told += 1
            self._spawn(self._refuse(sock, address, cause))
        else:
            tell(WARNING, REFUSED[cause], address=address)
            sock.close()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _encrypt(self, sock: socket.socket, address: str) -> None:
        connection = Connection(self._hub, address)
        try:
            await self._begin_tls(sock, connection)
        except OSError as exc:  # its own or the peer's; TLS errors are among them
            tell(INFO, "no-handshake", address=address, why=exc)
        finally:
            if not connection.is_made:  # else it gives its place back at its end
                self._hub.release(address)

    async def _refuse(self, sock: socket.socket, address: str, cause: Cause) -> None:
        refusal = _Refusal(address, cause)
        transport: asyncio.Transport | None = None
        try:
            async with asyncio.timeout(self._handshake):
                transport = await self._begin_tls(sock, refusal)
                await refusal.ended.wait()  # TLS is ended from both sides
        except OSError as exc:
            tell(INFO, "no-handshake", address=address, why=exc)
        finally:
            if transport is not None:
                transport.abort()
            self._told -= 1

    async def _begin_tls(
        self, sock: socket.socket, protocol: asyncio.Protocol
    ) -> asyncio.Transport | None:
        """Shake hands; `protocol` is used from then on. None: the peer has gone meanwhile."""
        transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
            lambda: protocol, sock, ssl=self._context, ssl_handshake_timeout=self._handshake
        )
        return cast(asyncio.Transport | None, transport)


class _Refusal(asyncio.Protocol):
    """A connection on which one word is said."""

    def __init__(self, address: str, cause: Cause) -> None:
        self._address = address
        self._cause = cause
        self.ended = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        send_away(cast(asyncio.Transport, transport), self._address, self._cause)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.ended.set()
