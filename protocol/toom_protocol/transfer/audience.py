"""The receiving end of one transfer as an engine (PROTOCOL 5.3 to 5.7).

Belongs here: every decision of the audience. Does not: the file, tags, sockets, clocks. The shell
feeds `greet`, `receive` and `receive_run`, writes the pieces it is told to, answers the events with
`accept` or `refuse`, `digested` and `stored`, sends what `poll` returns, comes back at `deadline`.
"""

from __future__ import annotations

import enum
import hmac
import math
from collections import deque
from dataclasses import dataclass
from typing import Final

from toom_protocol.filenames import fault_in
from toom_protocol.transfer.chunks import ChunkMap
from toom_protocol.transfer.frames import (
    DIGEST_BLAKE3_TREE,
    SUITE_AES_256_GCM,
    VERSION,
    Abort,
    Accept,
    Ack,
    Done,
    End,
    Fin,
    Frame,
    Offer,
    Ping,
    Refuse,
    Skip,
    Skipped,
)
from toom_protocol.transfer.packets import (
    BATCH,
    MAX_NUMBER,
    SMALLEST_CHUNK,
    PacketType,
    chunks_in,
)
from toom_protocol.transfer.paths import NOWHERE, Address, Paths
from toom_protocol.transfer.patience import (
    KEEP_ALIVE,
    LINGER,
    LINGER_AFTER_END,
    LINGER_TO_THE_DEAD,
    SILENCE,
    Control,
    Farewell,
    LastWord,
)
from toom_protocol.transfer.ranges import PacketRanges
from toom_protocol.transfer.reasons import Reason

EXPECTATION: Final = 30.0  # seconds that the server's notice is valid for
ACK_EVERY: Final = 16  # packets
ACK_DELAY: Final = 0.004  # seconds
ACK_INTERVAL: Final = 0.001  # seconds between two, so that jitter does not cause one per packet


class Phase(enum.Enum):
    """Where the audience stands."""

    EXPECTING = enum.auto()
    OFFERED = enum.auto()
    RECEIVING = enum.auto()
    VERIFYING = enum.auto()
    STORING = enum.auto()
    ENDED = enum.auto()


@dataclass(frozen=True, slots=True)
class Offered:
    """The presenter's offer is in order: the shell calls `accept` or `refuse`."""

    offer: Offer


@dataclass(frozen=True, slots=True)
class Resumed:
    """The first blocks of an earlier try are the file's, as many as this: the rest comes now."""

    blocks: int


@dataclass(frozen=True, slots=True)
class Whole:
    """All chunks are here: the shell calls `digested`."""


@dataclass(frozen=True, slots=True)
class Verified:
    """The digests agree: the shell makes the file durable, renames it and calls `stored`."""


@dataclass(frozen=True, slots=True)
class Received:
    """The file stands under its name, and the presenter is being told."""


@dataclass(frozen=True, slots=True)
class Expired:
    """Nobody came: the expectation is dropped in silence."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The transfer is over without the file."""

    reason: Reason
    offer: Offer | None


Event = Offered | Resumed | Whole | Verified | Received | Expired | Failed


class Audience:
    """Waits for one announced presenter and takes its file."""

    def __init__(self, *, now: float, paths: Paths | None = None) -> None:
        """Begin to wait.

        Args:
            paths: where the presenter is; None: it has no address, and never moves.
        """
        self.phase = Phase.EXPECTING
        self.paths = paths or Paths(draw=bytes)
        self.receive_buffer = 0
        """Bytes of kernel buffer that this transfer may count on; told in each answer."""
        self.chunks = ChunkMap(0)
        self.chunk_size = 0
        """Bytes of the file in a chunk; settled by `accept`."""
        self._blocks = 0  # that are here of an earlier try
        self._blocks_digest = b""
        self._skipped: int | None = None  # how many of them are the file's; None: not known
        self._skip_asked = False
        self.offer: Offer | None = None
        self._events: deque[Event] = deque()
        self._packet_number = 0
        self._newest_hello = -1
        self._newest_control = -1
        self._knows = False  # the presenter has our answer: it has sent something sealed
        self._heard = now
        self._spoke = now
        self._expires = now + EXPECTATION
        self._ranges = PacketRanges()
        self._unacknowledged = 0
        self._ack_due = math.inf
        self._newest_arrival = now
        self._echo: tuple[int, float] | None = None  # the offer to answer, and when it came
        self._digest: bytes | None = None
        self._farewell: Farewell | None = None

    def next_event(self) -> Event | None:
        """What has happened, oldest first; None when there is nothing more to tell."""
        return self._events.popleft() if self._events else None

    def greet(
        self, packet_number: int, offer: Offer, *, now: float, source: Address = NOWHERE
    ) -> None:
        """Take a hello of the presenter; any number of them may come.

        Its number is under the ticket's key alone, so nothing that is sealed is judged by it.
        """
        self.paths.greet(source)
        if self._farewell is not None:
            self._farewell.hear((offer,), now=now)
            return
        if packet_number > self._newest_hello:  # a replay is no sign of life
            self._newest_hello = packet_number
            self._heard = now
        if not self._knows:
            self._ack_due = min(self._ack_due, max(now, self._spoke + ACK_INTERVAL))
            self._on_offer(offer, packet_number, now)

    def receive(
        self,
        packet_number: int,
        frames: tuple[Frame, ...],
        *,
        now: float,
        source: Address = NOWHERE,
    ) -> None:
        """Take a control datagram of the presenter; one that is late or came before is ignored."""
        if packet_number <= self._newest_control or packet_number >= MAX_NUMBER:
            return  # the largest number has no end that an acknowledgement could name
        newest = packet_number >= self._ranges.end
        self.paths.hear(frames, source, newest=newest, now=now)
        self._newest_control = packet_number
        self._heard = now
        self._knows = True
        if self._farewell is not None:
            self._farewell.hear(frames, now=now)
            return
        self._note_arrival(packet_number, 1, now)
        self._ack_due = min(self._ack_due, max(now, self._spoke + ACK_INTERVAL))
        for frame in frames:
            match frame:
                case Fin(digest):
                    self._on_fin(digest)
                case Skip(blocks):
                    self._on_skip(blocks)
                case Abort(reason):
                    self._end(Failed(reason, self.offer), End(), LINGER_AFTER_END, now)
                case _:
                    pass  # a ping has been heard; the rest is not for an audience

    def receive_run(
        self,
        packet_number: int,
        chunk: int,
        count: int,
        *,
        now: float,
        source: Address = NOWHERE,
    ) -> list[tuple[int, int]]:
        """Take `count` genuine data packets with consecutive numbers and chunks.

        Returns:
            The pieces (chunk, count) that are new: those and no others must be written.
        """
        if self._farewell is not None:
            self._farewell.hear_data(now=now)
            return []
        if self.phase is not Phase.RECEIVING or chunk + count > self.chunks.total:
            return []
        if self._skipped is None:  # nobody sends before it is settled what need not be sent
            return []
        if packet_number + count > MAX_NUMBER:
            return []
        self._knows = True
        expected = self._ranges.end or packet_number  # where the numbers of data begin
        if source != self.paths.address and packet_number >= expected:
            self.paths.see(source, now=now)
        pieces = self.chunks.add(chunk, count)
        if pieces or packet_number >= expected:  # a replay of old packets is no sign of life
            self._heard = now
        self._note_arrival(packet_number, count, now)
        self._unacknowledged += count
        if packet_number != expected:
            due = max(now, self._spoke + ACK_INTERVAL)
        else:
            due = now if self._unacknowledged >= ACK_EVERY else now + ACK_DELAY
        self._ack_due = min(self._ack_due, due)
        self._look_whether_whole()
        return pieces

    def accept(self, chunk_size: int, *, now: float, blocks: int = 0, digest: bytes = b"") -> None:
        """The shell has room for the file; data may come, in chunks of so many bytes.

        Args:
            blocks: that it has of an earlier try, from the first one on; `Resumed` follows.
            digest: over the leaves of these.
        """
        if self.phase is Phase.OFFERED and self.offer is not None:
            self.phase = Phase.RECEIVING
            self.chunk_size = chunk_size
            self._blocks, self._blocks_digest = blocks, digest
            self._skipped = None if blocks else 0
            self.chunks = ChunkMap(chunks_in(self.offer.size, chunk_size))
            self._ack_due = now

    def refuse(self, reason: Reason, *, now: float) -> None:
        """The shell does not want the file; `Failed` follows."""
        self._end(Failed(reason, self.offer), Refuse(reason), LINGER, now)

    def digested(self, digest: bytes, *, now: float) -> None:
        """Compare the digest of what was written with the presenter's (PROTOCOL 5.7)."""
        if self.phase is not Phase.VERIFYING:
            return
        if self._digest is not None and hmac.compare_digest(digest, self._digest):
            self.phase = Phase.STORING
            self._events.append(Verified())
        else:
            self.abort(Reason.DIGEST_MISMATCH, now=now)

    def stored(self, *, now: float) -> None:
        """The file stands under its name; the presenter is told until it says that it knows."""
        if self.phase is Phase.STORING:
            self._end(Received(), Done(), LINGER, now)

    def abort(self, reason: Reason, *, now: float) -> None:
        """Give up; the presenter is told, and `Failed` follows."""
        linger = LINGER_TO_THE_DEAD if reason is Reason.PEER_GONE else LINGER
        self._end(Failed(reason, self.offer), Abort(reason), linger, now)

    def over(self, *, now: float) -> bool:
        """Whether the engine may be forgotten."""
        if self.phase is Phase.EXPECTING:
            return now >= self._expires
        return self._farewell is not None and self._farewell.over(now=now)

    @property
    def settled(self) -> bool:
        """Whether the transfer has ended, or never began, and the presenter need hear no more."""
        if self.phase is Phase.EXPECTING:
            return True
        return self._farewell is not None and self._farewell.settled

    def deadline(self) -> float:
        """When `poll` must be called again."""
        if self.phase is Phase.EXPECTING:
            return self._expires
        if self.paths.waiting:
            return 0.0
        if self._farewell is not None:
            return self._farewell.deadline()
        return min(self._heard + SILENCE, self._spoke + KEEP_ALIVE, self._ack_due)

    def poll(self, *, now: float) -> list[Control]:
        """What to send now."""
        words = [
            self._control((word.frame,), self._spoke, word.address) for word in self.paths.words()
        ]
        return words + self._poll(now)

    def _poll(self, now: float) -> list[Control]:
        if self.phase is Phase.EXPECTING:
            if now >= self._expires:
                self._events.append(Expired())
            return []
        if self._farewell is None and now >= self._heard + SILENCE:
            self.abort(Reason.PEER_GONE, now=now)
        if self._farewell is not None:
            word = self._farewell.word_at(now=now)
            return [] if word is None else [self._control((word,), now)]
        if self._ack_due > now and self._spoke + KEEP_ALIVE > now:
            return []
        self._ack_due = math.inf
        if self.phase is Phase.OFFERED:
            return [self._control((Ping(),), now)]
        return [self._control(self._answer(now), now)]

    def _answer(self, now: float) -> tuple[Frame, ...]:
        self._unacknowledged = 0
        delay = now - self._newest_arrival
        credit, buffer = self.chunks.credit, self.receive_buffer
        answer: list[Frame] = [Ack(delay, credit, buffer, self._ranges.newest_first())]
        if self._skip_asked and self._skipped is not None:
            self._skip_asked = False
            answer.insert(0, Skipped(self._skipped))
        if self._echo is not None:
            echo, arrival = self._echo
            self._echo = None
            had = self._blocks, self._blocks_digest
            accept = Accept(echo, now - arrival, credit, buffer, self.chunk_size, *had)
            answer.insert(0, accept)
        return tuple(answer)

    def _on_offer(self, offer: Offer, packet_number: int, now: float) -> None:
        self._echo = (packet_number, now)
        if self.phase is not Phase.EXPECTING:
            return
        self.offer = offer
        self.phase = Phase.OFFERED
        fault = _fault_in(offer)
        if fault is None:
            self._events.append(Offered(offer))
        else:
            self.refuse(fault, now=now)

    def _on_skip(self, blocks: int) -> None:
        if self.phase is not Phase.RECEIVING or blocks > self._blocks:
            return
        self._skip_asked = True
        if self._skipped is None:
            self._skipped = blocks
            self.chunks.skip(blocks * BATCH)
            self._events.append(Resumed(blocks))
            self._look_whether_whole()

    def _on_fin(self, digest: bytes) -> None:
        if self._digest is None:
            self._digest = digest
        self._look_whether_whole()

    def _look_whether_whole(self) -> None:
        is_settled = self.phase is Phase.RECEIVING and self._skipped is not None
        if is_settled and self.chunks.whole and self._digest is not None:
            self.phase = Phase.VERIFYING
            self._events.append(Whole())

    def _note_arrival(self, packet_number: int, count: int, now: float) -> None:
        if packet_number >= self._ranges.end:
            self._newest_arrival = now
        self._ranges.add(packet_number, packet_number + count)

    def _control(
        self, frames: tuple[Frame, ...], now: float, address: Address | None = None
    ) -> Control:
        self._packet_number += 1
        self._spoke = now
        return Control(PacketType.AUDIENCE_CONTROL, self._packet_number - 1, frames, address)

    def _end(self, event: Event, word: LastWord, linger: float, now: float) -> None:
        if self.phase is not Phase.ENDED:
            self.phase = Phase.ENDED
            self._events.append(event)
            self._farewell = Farewell(word, now=now, linger=linger)


def _fault_in(offer: Offer) -> Reason | None:
    """Why an offer cannot be taken, whatever the audience's disk says (PROTOCOL 5.3)."""
    known = (offer.version, offer.digest, offer.suite)
    if known != (VERSION, DIGEST_BLAKE3_TREE, SUITE_AES_256_GCM):
        return Reason.UNSUPPORTED
    if chunks_in(offer.size, SMALLEST_CHUNK) > MAX_NUMBER:
        return Reason.TOO_LARGE
    if fault_in(offer.filename) is not None:
        return Reason.BAD_NAME
    return None
