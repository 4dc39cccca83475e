"""A file on its way out: read, sealed, sent and hashed, run by run (PROTOCOL 5.7).

Belongs here: every byte of the file that a presenter reads. Does not: which run is due (the
engine), what the audience says that it has already (claims).

Each byte is read once and hashed where it lies, in the buffer that it was sealed from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toom_client.control import Send
from toom_client.files import FileFault, OpenedFile
from toom_client.tickets import Address
from toom_protocol.transfer.halves import HalfSealer
from toom_protocol.transfer.packets import BATCH, DataRun
from toom_protocol.transfer.presenter import Presenter
from toom_protocol.transfer.reasons import Reason
from toom_protocol.transfer.sealing import DataSealer
from toom_protocol.transfer.tree import LeafMaker, Tree

if TYPE_CHECKING:
    from toom_client.tracing import TraceFile


class OutgoingFile:
    """Sends the chunks of one open file, and tells the engine the leaves of its blocks."""

    def __init__(self, file: OpenedFile, engine: Presenter) -> None:
        """Take over a file; `begin` when its audience wants it, `close` at the end."""
        self.size = file.size
        self.tree = Tree(0, 1)
        """The leaves of what was hashed so far."""
        self.next_new = 0
        """The chunk that is hashed next."""
        self.resent = 0
        """Packets of chunks that had been sent before."""
        self._file: OpenedFile | None = file
        self._engine = engine
        self._data: DataSealer | None = None  # until the audience has accepted
        self._halves: HalfSealer | None = None
        self._leaves = LeafMaker(self.tree, 0, 1)

    def begin(self, key: bytes, *, connection: int) -> None:
        """Prepare for chunks of the size that the engine has agreed on."""
        chunk_size = self._engine.chunk_size
        self._data = DataSealer(key, connection=connection, chunk_size=chunk_size)
        self._halves = HalfSealer(key, connection=connection, chunk_size=chunk_size)
        self.tree = Tree(self.size, chunk_size)
        self._leaves = LeafMaker(self.tree, self.size, chunk_size)

    def send(
        self, run: DataRun, send: Send, peer: Address, trace: TraceFile | None, *, now: float
    ) -> None:
        """Read and send a run; hash it where it is new.

        Raises:
            FileFault: CANNOT_READ, FILE_CHANGED.
        """
        if self._file is None or self._data is None:  # the engine sends no data once it has ended
            raise FileFault(Reason.CANNOT_READ)
        chunk_size = self._engine.chunk_size
        start = run.chunk * chunk_size
        length = min(start + run.count * chunk_size, self.size) - start
        content = self._data.content[:length]
        self._file.read_into(content, start)
        if trace is not None:
            trace.data_sent(run.packet_number, run.chunk, run.count, length, now=now)
        if self._engine.sending.halving and self._halves is not None:
            for halves in self._halves.seal(run.packet_number, run.chunk, content):
                send(halves, self._halves.datagram_size, peer, False)
        else:
            wire = self._data.seal(run.packet_number, run.chunk, length)
            if not send(wire, self._data.datagram_size, peer, self._engine.sending.marking.on):
                self._engine.too_long(now=now)
        if run.chunk == self.next_new:  # chunks are first sent in order, run by run
            self._engine.hashed(self._leaves.update(content, self._data.content), now=now)
            self.next_new += run.count
            if self.tree.is_whole:
                self._file.check_unchanged()
                self._engine.digested(self.tree.root(), now=now)
        else:
            self.resent += run.count

    def hash_next(self, *, now: float) -> None:
        """Read and hash the next block without sending it.

        Raises:
            FileFault: CANNOT_READ, FILE_CHANGED.
        """
        if self._file is None or self._data is None:
            raise FileFault(Reason.CANNOT_READ)
        chunk_size = self._engine.chunk_size
        start = self.next_new * chunk_size
        content = self._data.content[: min(BATCH * chunk_size, self.size - start)]
        self._file.read_into(content, start)
        self._engine.hashed(self._leaves.update(content, self._data.content), now=now)
        self.next_new += BATCH
        if self.tree.is_whole:
            self._file.check_unchanged()

    def read_block(self, block: int) -> memoryview | None:
        """Read a block anew; None where the file is closed.

        Raises:
            FileFault: CANNOT_READ, FILE_CHANGED.
        """
        if self._file is None:
            return None
        size = BATCH * self._engine.chunk_size
        content = memoryview(bytearray(min(size, self.size - block * size)))
        self._file.read_into(content, block * size)
        return content

    def close(self) -> None:
        """Let go of the file; safe at any stage."""
        file, self._file = self._file, None
        if file is not None:
            file.close()
