"""The sending end of one transfer as an engine (PROTOCOL 5.3 to 5.7).

Belongs here: every decision of the presenter. Does not: the file's bytes, tags, sockets, clocks.
The shell feeds `receive`, sends what `poll` returns, calls `digested` when it has read the last
chunk, and comes back at `deadline`.
"""

from __future__ import annotations

import enum
from collections import deque

from toom_protocol.transfer.congestion import CONTROLLERS, DEFAULT, MakeControl
from toom_protocol.transfer.events import Delivered, Disputed, Failed, PresenterEvent, Resumable
from toom_protocol.transfer.frames import (
    Abort,
    Accept,
    Ack,
    Done,
    End,
    Fin,
    Frame,
    Hold,
    Offer,
    Ping,
    Refuse,
    Repair,
    Skip,
    Skipped,
)
from toom_protocol.transfer.packets import (
    BATCH,
    CHUNK_SIZES,
    MAX_NUMBER,
    DataRun,
    PacketType,
    chunks_in,
)
from toom_protocol.transfer.paths import NOWHERE, Address, Paths
from toom_protocol.transfer.patience import SILENCE, Control, Farewell, LastWord, Repeat
from toom_protocol.transfer.reasons import Reason
from toom_protocol.transfer.repairs import MOST_SPOILT
from toom_protocol.transfer.sending import Sending
from toom_protocol.transfer.speaking import Speaker
from toom_protocol.transfer.telling import Telling
from toom_protocol.transfer.timing import INITIAL_RTT


class Phase(enum.Enum):
    """Where the presenter stands."""

    OFFERING = enum.auto()
    RESUMING = enum.auto()
    SENDING = enum.auto()
    ENDED = enum.auto()


class Presenter:
    """Offers one file, sends its chunks until all have arrived, and learns how it ended."""

    def __init__(
        self,
        offer: Offer,
        *,
        now: float,
        congestion: MakeControl = CONTROLLERS[DEFAULT],
        paths: Paths | None = None,
        seed: int = 0,
        first_packet_number: int = 0,
    ) -> None:
        """Begin to offer.

        Args:
            now: seconds, the clock of all later calls.
            congestion: makes the controller, when the first round trip is known.
            paths: where the audience is; None: it has no address, and never moves.
            seed: gives each transfer its own rhythm of probing.
            first_packet_number: where the numbers of this direction begin.
        """
        self.phase = Phase.OFFERING
        self.paths = paths or Paths(draw=bytes)
        self.chunk_size = 0
        """Bytes of the file in a chunk; 0 until the audience has accepted."""
        self.paused = False
        """Whether the user here has paused."""
        self.held = False
        """Whether the audience's user has, as far as is known."""
        self._speaker = Speaker(PacketType.PRESENTER_CONTROL, now=now, first=first_packet_number)
        self.sending = Sending(self._speaker, now=now, congestion=congestion, seed=seed)
        self._telling = Telling()
        self._repaired: dict[int, int] = {}  # how often a block was sent anew
        self._offer = offer
        self._events: deque[PresenterEvent] = deque()
        self._newest_control = -1
        self._heard = now
        self._offers: dict[int, float] = {}
        self._offer_repeat = Repeat(now=now)
        self._skip: Skip | None = None
        self._skip_repeat: Repeat | None = None
        self._fin: Fin | None = None
        self._fin_repeat: Repeat | None = None
        self._fin_said = False
        self._farewell: Farewell | None = None

    def next_event(self) -> PresenterEvent | None:
        """What has happened, oldest first; None when there is nothing more to tell."""
        return self._events.popleft() if self._events else None

    def receive(
        self,
        packet_number: int,
        frames: tuple[Frame, ...],
        *,
        now: float,
        source: Address = NOWHERE,
    ) -> None:
        """Take a control datagram of the audience; one that is late or came before is ignored."""
        if packet_number <= self._newest_control:
            return
        self._newest_control = packet_number
        self._heard = now
        took = self.paths.hear(frames, source, newest=True, now=now)
        if took is not None and self.phase is Phase.SENDING:
            self.sending.start_afresh(took, now=now)
        self.held = Hold() in frames
        self._stand(now)
        self._offer_repeat.relax()
        if self._farewell is not None:
            self._farewell.hear(frames, now=now)
            return
        for frame in frames:
            match frame:
                case Accept(chunk_size=size) if self.phase is Phase.OFFERING:
                    if size in CHUNK_SIZES:
                        self._begin(frame, now)
                case Skipped(blocks) if self.phase is Phase.RESUMING:
                    if self._skip == Skip(blocks):
                        self.phase = Phase.SENDING
                        self.sending.skip(blocks * BATCH, now=now)
                        self._telling.acknowledge(blocks, now=now, rtt=self.sending.recovery.rtt)
                case Ack() if self.phase is Phase.SENDING:
                    self.sending.acknowledge(frame, now=now)
                    self._telling.acknowledge(frame.leaves, now=now, rtt=self.sending.recovery.rtt)
                case Repair(blocks) if self.phase is Phase.SENDING:
                    self._repair(blocks)
                case Refuse(reason) | Abort(reason):
                    self._end(Failed(reason), End(), now)
                case Done() if self._fin_said and self.phase is Phase.SENDING:
                    self._end(Delivered(), End(), now)
                case _:
                    pass  # a ping has been heard; the rest is not for a presenter

    def resume(self, blocks: int, *, now: float) -> None:
        """The shell has compared: the audience needs none of the first `blocks` blocks."""
        if self.phase is Phase.RESUMING:
            self._skip = Skip(blocks)
            self._skip_repeat = Repeat(now=now)

    def hashed(self, leaves: bytes, *, now: float) -> None:
        """The shell has hashed the next blocks, in order, and these are their leaves."""
        self._telling.add(leaves, now=now, is_last=False)

    def digested(self, digest: bytes, *, now: float) -> None:
        """The shell has read the last chunk: the digest of the file, for FIN."""
        self._telling.add(b"", now=now, is_last=True)
        self._fin = Fin(digest)
        self._fin_repeat = Repeat(now=now)

    def too_long(self, *, now: float) -> None:
        """The system here takes no full datagrams any more: chunks go in halves from now on."""
        if self.phase is Phase.SENDING:
            self.sending.too_long(now=now)

    def pause(self, *, now: float) -> None:
        """The user wants no more to be sent until `go_on`; the audience is told."""
        self.paused = True
        self._speaker.hold(self.phase is not Phase.OFFERING)  # a hello has no room for it
        self._stand(now)

    def go_on(self, *, now: float) -> None:
        """The user takes the pause back; that of the audience's user stays."""
        self.paused = False
        self._speaker.hold(False)
        self._stand(now)

    def _stand(self, now: float) -> None:
        self.sending.stand(self.paused or self.held, now=now)

    def abort(self, reason: Reason, *, now: float) -> None:
        """Give up; the audience is told, and `Failed` follows."""
        if self.phase is not Phase.ENDED:
            self._end(Failed(reason), Abort(reason), now)

    def over(self, *, now: float) -> bool:
        """Whether the engine may be forgotten."""
        return self._farewell is not None and self._farewell.over(now=now)

    @property
    def settled(self) -> bool:
        """Whether the transfer has ended and the audience need not hear more of it."""
        return self._farewell is not None and self._farewell.settled

    def deadline(self) -> float:
        """When `poll` must be called again."""
        if self.paths.waiting:
            return 0.0
        if self._farewell is not None:
            return self._farewell.deadline()
        if self.phase is Phase.OFFERING:
            return min(self._offer_repeat.due, self._heard + SILENCE)
        silence = min(self._heard + SILENCE, self._speaker.ping_due)
        if self.phase is Phase.RESUMING:
            return min(silence, self._skip_repeat.due) if self._skip_repeat else silence
        if self._fin_repeat is not None:
            silence = min(silence, self._fin_repeat.due)
        return min(silence, self._telling.deadline(), self.sending.deadline())

    def poll(self, *, now: float) -> list[DataRun | Control]:
        """What to send now: at most one quantum, so that transfers can take turns."""
        if not self.paths.waiting:
            return self._poll(now)
        words = [self._speaker.say_to(word.address, word.frame) for word in self.paths.words()]
        return [*words, *self._poll(now)]

    def _poll(self, now: float) -> list[DataRun | Control]:
        if self._farewell is None and now >= self._heard + SILENCE:
            offering = self.phase is Phase.OFFERING
            self.abort(Reason.NO_ANSWER if offering else Reason.PEER_GONE, now=now)
        if self._farewell is not None:
            word = self._farewell.word_at(now=now)
            return [] if word is None else [self._speaker.say(word, now=now)]
        if self.phase is Phase.OFFERING:
            return self._poll_offer(now)
        if self.phase is Phase.RESUMING:
            return self._poll_skip(now)
        # A number never comes twice (PROTOCOL 5.1).
        if self._speaker.next_number > MAX_NUMBER - 1024:
            self.abort(Reason.TOO_LARGE, now=now)
            return []
        return self._poll_data(now)

    def _poll_offer(self, now: float) -> list[DataRun | Control]:
        if self._offer_repeat.due > now:
            return []
        self._offers[self._speaker.next_number] = now
        self._offer_repeat.said(now=now)
        return [self._speaker.say(self._offer, now=now)]

    def _poll_skip(self, now: float) -> list[DataRun | Control]:
        if self._skip and self._skip_repeat and self._skip_repeat.due <= now:
            self._skip_repeat.said(now=now)
            return [self._speaker.say(self._skip, now=now)]
        return [self._speaker.say(Ping(), now=now)] if now >= self._speaker.ping_due else []

    def _poll_data(self, now: float) -> list[DataRun | Control]:
        sending = self.sending.poll(now=now)
        told = self._telling.frame(now=now, rtt=self.sending.recovery.rtt)
        if told is not None:
            sending.append(self._speaker.say(told, now=now))
        if self._fin is not None and self._fin_repeat is not None and self._fin_repeat.due <= now:
            self._fin_repeat.said(now=now)
            self._fin_said = True
            sending.append(self._speaker.say(self._fin, now=now))
        if not sending and now >= self._speaker.ping_due:
            sending.append(self._speaker.say(Ping(), now=now))
        return sending

    def _begin(self, accept: Accept, now: float) -> None:
        sent = self._offers.get(accept.echo)
        rtt = INITIAL_RTT if sent is None else max(now - sent - accept.delay, 1e-4)
        self.chunk_size = accept.chunk_size
        self.sending.begin(chunks_in(self._offer.size, self.chunk_size), rtt, now=now)
        self.sending.take_limits(accept.credit, accept.receive_buffer)
        self.phase = Phase.SENDING
        if self.paused:
            self._speaker.hold(True)
        if accept.blocks:
            self.phase = Phase.RESUMING
            self._events.append(Resumable(accept.blocks, accept.digest))

    def _repair(self, blocks: tuple[tuple[int, int], ...]) -> None:
        """Send damaged blocks anew, once for each time that they came out wrong."""
        for block, times in blocks:
            is_new = self._repaired.get(block, 0) < times < MOST_SPOILT
            if is_new and self.sending.resend(block * BATCH, BATCH):
                self._repaired[block] = times
                self._events.append(Disputed(block))

    def _end(self, event: PresenterEvent, word: LastWord, now: float) -> None:
        if self.phase is not Phase.ENDED:
            self.phase = Phase.ENDED
            self._events.append(event)
            self._farewell = Farewell(word, now=now)
