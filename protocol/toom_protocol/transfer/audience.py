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

from toom_protocol.transfer import events
from toom_protocol.transfer.acceptance import Acceptance, reason_against
from toom_protocol.transfer.chunks import ChunkMap
from toom_protocol.transfer.frames import (
    Abort,
    Done,
    End,
    Fin,
    Frame,
    Hold,
    Leaves,
    Offer,
    Ping,
    Refuse,
    Skip,
)
from toom_protocol.transfer.packets import BATCH, MAX_NUMBER, PacketType, chunks_in
from toom_protocol.transfer.paths import NOWHERE, Address, Paths
from toom_protocol.transfer.patience import EXPECTATION, SILENCE, Control, Farewell, LastWord
from toom_protocol.transfer.reasons import Reason
from toom_protocol.transfer.receipts import Receipts
from toom_protocol.transfer.repairs import Repairs
from toom_protocol.transfer.speaking import Speaker


class Phase(enum.Enum):
    """Where the audience stands."""

    EXPECTING = enum.auto()
    OFFERED = enum.auto()
    RECEIVING = enum.auto()
    VERIFYING = enum.auto()
    STORING = enum.auto()
    ENDED = enum.auto()


class Audience:
    """Waits for one announced presenter and takes its file."""

    def __init__(self, *, now: float, paths: Paths | None = None) -> None:
        """Begin to wait; without paths the presenter has no address, and never moves."""
        self.phase = Phase.EXPECTING
        self.paths = paths or Paths(draw=bytes)
        self.receive_buffer = 0
        """Bytes of kernel buffer that this transfer may count on; told in each answer."""
        self.chunks = ChunkMap(0)
        self.repairs = Repairs()
        self.offer: Offer | None = None
        self.paused = False
        """Whether the user here has paused."""
        self.held = False
        """Whether the presenter's user has, as far as is known."""
        self._acceptance = Acceptance()
        self._events: deque[events.AudienceEvent] = deque()
        self._speaker = Speaker(PacketType.AUDIENCE_CONTROL, now=now)
        self._receipts = Receipts(self._speaker, now=now)
        self._newest_hello = -1
        self._newest_control = -1
        self._knows = False  # the presenter has our answer: it has sent something sealed
        self._heard = now
        self._expires = now + EXPECTATION
        self._digest: bytes | None = None
        self._farewell: Farewell | None = None

    @property
    def chunk_size(self) -> int:
        """Bytes of the file in a chunk; settled by `accept`."""
        return self._acceptance.chunk_size

    def next_event(self) -> events.AudienceEvent | None:
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
            self._receipts.ask(now)
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
        newest = packet_number >= self._receipts.end
        self.paths.hear(frames, source, newest=newest, now=now)
        self._newest_control = packet_number
        self._heard = now
        self._knows = True
        if self._farewell is not None:
            self._farewell.hear(frames, now=now)
            return
        self.held = Hold() in frames
        self._receipts.take_control(packet_number, now=now)
        for frame in frames:
            match frame:
                case Fin(digest) if self._digest is None:
                    self._digest = digest
                    self._look_whether_whole()
                case Leaves() if self._is_open:
                    self._mend(self.repairs.hear(frame), now)
                case Skip():
                    self._on_skip(frame)
                case Abort(reason):
                    self._end(events.Failed(reason, self.offer), End(), now)
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
        marked: bool = False,
    ) -> list[tuple[int, int]]:
        """Take `count` genuine data packets with consecutive numbers and chunks.

        Args:
            marked: they came with a congestion mark (ECN).

        Returns:
            The pieces (chunk, count) that are new: those and no others must be written.
        """
        if self._farewell is not None:
            self._farewell.hear_data(now=now)
            return []
        if not self._is_open or chunk + count > self.chunks.total:
            return []
        is_old = self.repairs.is_old(packet_number, chunk, count)
        if is_old or packet_number + count > MAX_NUMBER:
            return []
        self._knows = True
        expected = self._receipts.end or packet_number  # where the numbers of data begin
        if source != self.paths.address and packet_number >= expected:
            self.paths.see(source, now=now)
        self.held = self.held and packet_number < expected
        pieces = self.chunks.add(chunk, count)
        if pieces or packet_number >= expected:  # a replay of old packets is no sign of life
            self._heard = now
            self._receipts.marked += count if marked else 0
        self._receipts.take_run(packet_number, count, now=now)
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
            self._acceptance.grant(chunk_size, blocks, digest)
            self.chunks = ChunkMap(chunks_in(self.offer.size, chunk_size))
            self.repairs = Repairs(chunks_in(self.chunks.total, BATCH))
            self._receipts.due = now

    def hashed(self, block: int, leaf: bytes, *, now: float) -> None:
        """The shell has hashed a block whose chunks are all here; `Damaged` may follow."""
        if self.phase is Phase.RECEIVING:
            self._mend([] if self.repairs.take(block, leaf) else [block], now)

    def pause(self, *, now: float) -> None:  # noqa: ARG002  # as the presenter's
        """The user wants no more to come until `go_on`; the presenter is told."""
        self.paused = True
        self._speaker.hold(True)

    def go_on(self, *, now: float) -> None:  # noqa: ARG002  # as the presenter's
        """The user takes the pause back; that of the presenter's user stays."""
        self.paused = False
        self._speaker.hold(False)

    def refuse(self, reason: Reason, *, now: float) -> None:
        """The shell does not want the file; `Failed` follows."""
        self._end(events.Failed(reason, self.offer), Refuse(reason), now)

    def digested(self, digest: bytes, *, now: float) -> None:
        """Compare the digest of what was written with the presenter's (PROTOCOL 5.7)."""
        if self.phase is not Phase.VERIFYING:
            return
        if self._digest is not None and hmac.compare_digest(digest, self._digest):
            self.phase = Phase.STORING
            self._events.append(events.Verified())
        else:
            self.abort(Reason.DIGEST_MISMATCH, now=now)

    def stored(self, *, now: float) -> None:
        """The file stands under its name; the presenter is told until it says that it knows."""
        if self.phase is Phase.STORING:
            self._end(events.Received(), Done(), now)

    def abort(self, reason: Reason, *, now: float) -> None:
        """Give up; the presenter is told, and `Failed` follows."""
        self._end(events.Failed(reason, self.offer), Abort(reason), now)

    def over(self, *, now: float) -> bool:
        """Whether the engine may be forgotten."""
        if self.phase is Phase.EXPECTING:
            return now >= self._expires
        return self._farewell is not None and self._farewell.over(now=now)

    @property
    def settled(self) -> bool:
        """Whether the transfer has ended, or never began, and the presenter need hear no more."""
        ended = self._farewell is not None and self._farewell.settled
        return ended or self.phase is Phase.EXPECTING

    def deadline(self) -> float:
        """When `poll` must be called again."""
        if self.phase is Phase.EXPECTING:
            return self._expires
        if self.paths.waiting:
            return 0.0
        if self._farewell is not None:
            return self._farewell.deadline()
        answer_due = min(self._receipts.due, self.repairs.due)
        return min(self._heard + SILENCE, self._speaker.ping_due, answer_due)

    def poll(self, *, now: float) -> list[Control]:
        """What to send now."""
        words = [self._speaker.say_to(word.address, word.frame) for word in self.paths.words()]
        return words + self._poll(now)

    def _poll(self, now: float) -> list[Control]:
        if self.phase is Phase.EXPECTING:
            if now >= self._expires:
                self._events.append(events.Expired())
            return []
        if self._farewell is None and now >= self._heard + SILENCE:
            self.abort(Reason.PEER_GONE, now=now)
        if self._farewell is not None:
            word = self._farewell.word_at(now=now)
            return [] if word is None else [self._speaker.say(word, now=now)]
        if self.deadline() > now:
            return []
        self._receipts.due = math.inf
        if self.phase is Phase.OFFERED:
            return [self._speaker.say(Ping(), now=now)]
        return [self._speaker.say(*self._answer(now), now=now)]

    def _answer(self, now: float) -> list[Frame]:
        limits = self.chunks.credit, self.receive_buffer
        owed: list[Frame] = [*self._acceptance.frames(*limits, now=now)]
        owed += self.repairs.frames(now=now)
        return [*owed, self._receipts.acknowledge(*limits, self.repairs.known, now=now)]

    def _on_offer(self, offer: Offer, packet_number: int, now: float) -> None:
        self._acceptance.ask(packet_number, now=now)
        if self.phase is not Phase.EXPECTING:
            return
        self.offer = offer
        self.phase = Phase.OFFERED
        fault = reason_against(offer)
        if fault is None:
            self._events.append(events.Offered(offer))
        else:
            self.refuse(fault, now=now)

    def _on_skip(self, skip: Skip) -> None:
        if self.phase is Phase.RECEIVING and self._acceptance.hear(skip):
            self.chunks.skip(skip.blocks * BATCH)
            self.repairs.skip(skip.blocks)
            self._events.append(events.Resumed(skip.blocks))
            self._look_whether_whole()

    def _mend(self, damaged: list[int], now: float) -> None:
        """Have damaged blocks come again, unless that has been in vain."""
        for block in damaged:
            if not self.repairs.ask(block, self._receipts.end, now=now):
                self.abort(Reason.DIGEST_MISMATCH, now=now)
                return
            self.chunks.forget(block * BATCH, BATCH)
            self._events.append(events.Damaged(block))
        self._look_whether_whole()

    def _look_whether_whole(self) -> None:
        if self._is_open and self.repairs.is_done and self._digest is not None:
            self.phase = Phase.VERIFYING
            self._events.append(events.Whole())

    @property
    def _is_open(self) -> bool:
        """Whether chunks may come: nobody sends before it is settled what need not be sent."""
        return self.phase is Phase.RECEIVING and self._acceptance.skipped is not None

    def _end(self, event: events.AudienceEvent, word: LastWord, now: float) -> None:
        if self.phase is not Phase.ENDED:
            self.phase = Phase.ENDED
            self._events.append(event)
            self._farewell = Farewell(word, now=now)
