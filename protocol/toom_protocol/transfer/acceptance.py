"""The audience's answer to an offer: whether it is taken, and from which block on (PROTOCOL 5.3).

Belongs here: faults of an offer, ACCEPT, the blocks of an earlier try (PROTOCOL 5.7). Does not: the
user's rules and the disk, which the shell asks.
"""

from __future__ import annotations

from toom_protocol.filenames import fault_in
from toom_protocol.transfer.frames import (
    DIGEST_BLAKE3_TREE,
    SUITE_AES_256_GCM,
    VERSION,
    Accept,
    Offer,
    Skip,
    Skipped,
)
from toom_protocol.transfer.packets import MAX_NUMBER, SMALLEST_CHUNK, chunks_in
from toom_protocol.transfer.reasons import Reason


class Acceptance:
    """What is said to hellos, and what of an earlier try the presenter has confirmed."""

    def __init__(self) -> None:
        self.chunk_size = 0
        """Bytes of the file in a chunk; settled by `grant`."""
        self.skipped: int | None = None
        """How many blocks of an earlier try are the file's; None: not known yet."""
        self._blocks, self._digest = 0, b""
        self._echo: tuple[int, float] | None = None  # the hello to answer, and when it came
        self._skip_asked = False

    def ask(self, packet_number: int, *, now: float) -> None:
        """A hello has come, which is to be answered."""
        self._echo = packet_number, now

    def grant(self, chunk_size: int, blocks: int, digest: bytes) -> None:
        """The shell has room, and so many blocks of an earlier try with this digest."""
        self.chunk_size = chunk_size
        self._blocks, self._digest = blocks, digest
        self.skipped = None if blocks else 0

    def hear(self, skip: Skip) -> bool:
        """Take the presenter's word; whether it has settled how many blocks count."""
        if skip.blocks > self._blocks:
            return False
        self._skip_asked = True
        if self.skipped is not None:
            return False
        self.skipped = skip.blocks
        return True

    def frames(self, credit: int, receive_buffer: int, *, now: float) -> list[Accept | Skipped]:
        """What is owed to the presenter now, once for each hello and each SKIP."""
        frames: list[Accept | Skipped] = []
        if self._echo is not None:
            echo, arrival = self._echo
            self._echo = None
            limits = credit, receive_buffer, self.chunk_size
            frames.append(Accept(echo, now - arrival, *limits, self._blocks, self._digest))
        if self._skip_asked and self.skipped is not None:
            self._skip_asked = False
            frames.append(Skipped(self.skipped))
        return frames


def reason_against(offer: Offer) -> Reason | None:
    """Why an offer cannot be taken, whatever the audience's disk says (PROTOCOL 5.3)."""
    known = (offer.version, offer.digest, offer.suite)
    if known != (VERSION, DIGEST_BLAKE3_TREE, SUITE_AES_256_GCM):
        return Reason.UNSUPPORTED
    if chunks_in(offer.size, SMALLEST_CHUNK) > MAX_NUMBER:
        return Reason.TOO_LARGE
    if fault_in(offer.filename) is not None:
        return Reason.BAD_NAME
    return None
