"""What an audience says of the file that it is sent, and whether that is so (PROTOCOL 5.7, 5.14).

Belongs here: the blocks that it has of an earlier try, those that came out wrong there. Does not:
reading the file (outgoing), what follows from the answer (the engine).
"""

from __future__ import annotations

import hmac
from collections import deque
from typing import TYPE_CHECKING, Final

from toom_client.files import FileFault
from toom_client.outgoing import OutgoingFile
from toom_protocol.transfer.events import Resumable
from toom_protocol.transfer.frames import LEAF_SIZE
from toom_protocol.transfer.packets import BATCH
from toom_protocol.transfer.presenter import Presenter
from toom_protocol.transfer.reasons import Reason
from toom_protocol.transfer.tree import digest_of, leaf_of

if TYPE_CHECKING:
    from toom_client.tracing import TraceFile

CHECKED_PER_TURN: Final = 32  # blocks, 2 MB: 1 ms in which other transfers wait


class Claims:
    """Compares what the audience says with the file, bit by bit, so that others get their turns."""

    def __init__(self, file: OutgoingFile, engine: Presenter) -> None:
        self.resumable: Resumable | None = None
        """What it has of an earlier try, while that is not settled."""
        self.disputed: deque[int] = deque()
        """Blocks that came out wrong there, and were not looked at here again."""
        self._file = file
        self._engine = engine

    def check(self, trace: TraceFile | None, *, now: float) -> None:
        """Do a turn's share of the work."""
        if self.resumable is not None:
            self._compare(self.resumable, trace, now)
        for _ in range(min(len(self.disputed), CHECKED_PER_TURN)):
            self._look_again(self.disputed.popleft(), now)

    def _compare(self, claim: Resumable, trace: TraceFile | None, now: float) -> None:
        """Hash as many blocks as the audience has, and see whether they are the same."""
        file = self._file
        try:
            for _ in range(CHECKED_PER_TURN):
                if file.next_new >= claim.blocks * BATCH or file.tree.is_whole:
                    break
                file.hash_next(now=now)
        except FileFault as fault:
            self.resumable = None
            self._engine.abort(fault.reason, now=now)
            return
        if file.next_new < claim.blocks * BATCH and not file.tree.is_whole:
            return  # more of it in the next turn
        self.resumable = None
        had = claim.blocks * LEAF_SIZE
        leaves = file.tree.leaves[:had]
        is_so = len(leaves) == had and hmac.compare_digest(digest_of(leaves), claim.digest)
        self._engine.resume(claim.blocks if is_so else 0, now=now)
        if trace is not None:
            trace.resumed(claim.blocks if is_so else 0)
        if file.tree.is_whole:
            self._engine.digested(file.tree.root(), now=now)

    def _look_again(self, block: int, now: float) -> None:
        """See whether a block is still what it was when it was hashed."""
        try:
            content = self._file.read_block(block)
            if content is not None and leaf_of(content) != self._file.tree.leaf(block):
                raise FileFault(Reason.FILE_CHANGED)
        except FileFault as fault:
            self._engine.abort(fault.reason, now=now)
