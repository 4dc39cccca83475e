"""The blocks of a file on its way in: opened, written, hashed once whole, compared (PROTOCOL 5.7).

Belongs here: what becomes of each run of chunks that comes. Does not: calls to the file system
(incoming), which chunks are new and what a wrong block means (the engine).

A block is hashed from the buffer in hand where it came at once, else as it lies on the disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toom_client.files import FileFault
from toom_client.incoming import IncomingFile
from toom_client.tickets import Address
from toom_protocol.transfer.audience import Audience
from toom_protocol.transfer.frames import LEAF_SIZE
from toom_protocol.transfer.halves import HalfOpener
from toom_protocol.transfer.packets import BATCH
from toom_protocol.transfer.reasons import Reason
from toom_protocol.transfer.sealing import DataOpener, OpenedRun
from toom_protocol.transfer.tree import Blocks, Tree, leaf_in, leaf_of

if TYPE_CHECKING:
    from toom_client.tracing import TraceFile


class BlockStore:
    """Puts chunks into an unfinished file, and tells the engine the leaves of its blocks.

    What the disk refuses ends the transfer.
    """

    def __init__(self, engine: Audience, connection: int) -> None:
        """Hold nothing; `begin` when the file is accepted, `end` when it is let go of."""
        self.tree = Tree(0, 1)
        """The leaves of the blocks that are here."""
        self.data: DataOpener | None = None
        """Opens chunks, since the file is accepted."""
        self.halves: HalfOpener | None = None
        """Opens those that come in halves."""
        self._engine = engine
        self._connection = connection
        self._file: IncomingFile | None = None
        self._buffer = memoryview(b"")  # where batches are opened
        self._blocks = Blocks(0)
        self._size = self._chunk_size = 0
        # Blocks from the first one on of which the file knows that they are here, once it is
        # settled how many there are of an earlier try.
        self._noted: int | None = None

    @property
    def dropped(self) -> int:
        """Datagrams with chunks that were not genuine."""
        openers = (self.data, self.halves)
        return sum(each.dropped for each in openers if each is not None)

    def begin(self, file: IncomingFile, key: bytes, *, size: int, chunk_size: int) -> None:
        """Take chunks from now on; the engine has just accepted the file.

        Args:
            key: of the presenter's direction.
            size: of the file in bytes.
        """
        connection = self._connection
        self.data = DataOpener(key, connection=connection, chunk_size=chunk_size, size=size)
        self._buffer = self.data.content
        self.halves = HalfOpener(key, connection=connection, chunk_size=chunk_size, size=size)
        self.tree = Tree(size, chunk_size)
        self._blocks = Blocks(self._engine.chunks.total)
        self._file, self._size, self._chunk_size = file, size, chunk_size
        self._noted = None if file.leaves else 0

    def take(
        self,
        run: OpenedRun,
        opened: memoryview,
        source: Address,
        trace: TraceFile | None,
        *,
        now: float,
        marked: bool = False,
    ) -> None:
        """Write and hash what is new of a run, whose bytes stand in `opened`."""
        if trace is not None:
            length = run.end - run.start
            trace.data_received(run.packet_number, run.chunk, run.count, length, now=now)
        pieces = self._engine.receive_run(
            run.packet_number, run.chunk, run.count, now=now, source=source, marked=marked
        )
        if self._file is None:
            return
        chunk_size = self._chunk_size
        for first, count in pieces:
            start = run.start + (first - run.chunk) * chunk_size
            content = opened[start : min(start + count * chunk_size, run.end)]
            try:
                self._file.write(content, first * chunk_size)
                for block in self._blocks.add(first, count):
                    begins = not start and opened is self._buffer
                    leaf = self._leaf(block, content, first * chunk_size, begins=begins)
                    self._note(block, leaf, now)
            except FileFault as fault:
                self._engine.abort(fault.reason, now=now)
                return

    def note_proved(self, *, now: float) -> None:
        """Tell the file of blocks that follow each other and are what the presenter has read."""
        try:
            self._note_proved()
        except FileFault as fault:
            self._engine.abort(fault.reason, now=now)

    def resume(self, blocks: int) -> None:
        """Go on behind so many blocks of an earlier try."""
        if self._file is None:
            return
        for block in range(blocks):
            at = block * LEAF_SIZE
            self.tree.put(block, self._file.leaves[at : at + LEAF_SIZE])
        self._noted = blocks
        if not blocks:
            self._file.begin_anew()

    def end(self) -> None:
        """Write no more; who has opened the file closes it."""
        self._file = None

    def _note(self, block: int, leaf: bytes, now: float) -> None:
        """Take a block's leaf, and have it compared."""
        self.tree.put(block, leaf)
        self._engine.hashed(block, leaf, now=now)
        self._note_proved()

    def _note_proved(self) -> None:
        if self._file is None or self._noted is None:
            return
        while self._noted < self._engine.repairs.proved:
            self._file.note(self.tree.leaf(self._noted))
            self._noted += 1

    def _leaf(self, block: int, content: memoryview, offset: int, *, begins: bool) -> bytes:
        """Hash a block that is whole, of which these bytes came last.

        Args:
            begins: they stand at the beginning of the buffer.
        """
        block_size = BATCH * self._chunk_size
        start = block * block_size
        length = min(block_size, self._size - start)
        if begins and offset == start and len(content) == block_size:
            return leaf_in(self._buffer)
        if offset <= start and start + length <= offset + len(content):
            return leaf_of(content[start - offset : start - offset + length])
        if self._file is None:
            raise FileFault(Reason.CANNOT_READ)
        written = self._file.read(start, length)
        if len(written) != length:  # somebody has shortened the unfinished file
            raise FileFault(Reason.CANNOT_READ)
        return leaf_of(written)
