"""A TCP proxy in the test's event loop that ends connections after so many bytes, or when told."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator


class Cutter:
    """Carries bytes between clients and a server; each connection has a limit of its own."""

    def __init__(self, port: int, limits: Iterator[int | None]) -> None:
        """Carry to this port of loopback.

        Args:
            limits: for each connection in turn, the bytes in both directions after which it is
                cut; what exceeds them is lost. None: it is not.
        """
        self.server_port = port  # may be changed: the server has moved
        self._limits = limits
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.is_kind = False  # the limits count no longer
        self.is_mute = False  # what the server says is lost
        self.lost = 0  # bytes of that

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Cutter"]:
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()

    def cut(self) -> None:
        """End all connections at once."""
        for writer in self._writers:
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        limit = next(self._limits, None)
        self._writers.add(writer)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.server_port)
        except OSError:
            writer.transport.abort()
            self._writers.discard(writer)
            return
        self._writers.add(back)
        left = [limit]
        ways = [
            asyncio.ensure_future(self._pump(reader, back, left)),
            asyncio.ensure_future(self._pump(there, writer, left, is_server=True)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in (writer, back):
                end.transport.abort()
                self._writers.discard(end)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        left: list[int | None],
        *,
        is_server: bool = False,
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if is_server and self.is_mute:
                    self.lost += len(data)
                    continue
                if left[0] is not None and not self.is_kind:
                    data, left[0] = data[: left[0]], max(0, left[0] - len(data))
                writer.write(data)
                await writer.drain()
                if left[0] == 0 and not self.is_kind:
                    return
