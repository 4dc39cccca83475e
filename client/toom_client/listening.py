"""The audience's shell: one announced presenter, the engine and the unfinished file (PROTOCOL 5).

Belongs here: what engine, greeting, file and terminal have to tell each other. Does not: decisions
(the engine), what is written and hashed (block_store), the socket (transfers).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from toom_client.berths import Berths
from toom_client.block_store import BlockStore
from toom_client.chance import fresh_challenge
from toom_client.control import BeginTrace, ControlChannel, Send
from toom_client.files import FileFault
from toom_client.greeting import Greeting
from toom_client.place import Place, Work
from toom_client.progress import Count, Direction, State
from toom_client.reports import Received, ReceiveFailed, Report, phrase
from toom_client.rules import Rules
from toom_client.tickets import Address, Ticket
from toom_protocol import filenames
from toom_protocol.errors import MalformedPacket
from toom_protocol.transfer import events as told
from toom_protocol.transfer.audience import Audience, Phase
from toom_protocol.transfer.frames import LEAF_SIZE, Offer
from toom_protocol.transfer.halves import HALVES
from toom_protocol.transfer.noise import KeyPair
from toom_protocol.transfer.packets import (
    CONNECTION_BITS,
    HEADER,
    OVERHEAD,
    PacketType,
    connection_of,
)
from toom_protocol.transfer.paths import Paths
from toom_protocol.transfer.reasons import Reason
from toom_protocol.transfer.sealing import OpenedRun
from toom_protocol.transfer.tree import digest_of

if TYPE_CHECKING:
    from toom_client.tracing import TraceFile

# With these the file itself is as good as it was.
_WORTH_ANOTHER_TRY: Final = frozenset(
    {Reason.GIVEN_UP, Reason.PEER_GONE, Reason.UNKNOWN, Reason.CANCELLED}
)


class Listening:
    """Takes one file from one presenter."""

    hears = (PacketType.DATA, PacketType.PRESENTER_CONTROL, PacketType.HELLO, *HALVES)

    def __init__(
        self,
        ticket: Ticket,
        peer: Address,
        static: KeyPair,
        directory: Path,
        *,
        now: float,
        clock: Callable[[], float],
        berths: Berths,
        work: Work,
        sync: Work,
        rules: Rules,
        begin_trace: BeginTrace | None = None,
    ) -> None:
        """Expect a hello.

        Args:
            peer: where the server has seen the presenter.
            static: this client's keys since it logged in.
            berths: for all files on their way in; shared by all of one client.
            sync: as `work`, for what may take long and nobody waits for.
            begin_trace: called with the first hello, where a trace is wanted.
        """
        self.connection = connection_of(ticket.number)
        self._presenter = ticket.peer
        self._clock = clock
        self._dropped = 0
        self._control = ControlChannel(
            self.connection,
            speaker=PacketType.AUDIENCE_CONTROL,
            hearer=PacketType.PRESENTER_CONTROL,
        )
        self._greeting = Greeting(ticket, static, self._control)
        self._place = Place(
            ticket.peer, directory, berths=berths, work=work, sync=sync, rules=rules
        )
        self._chunk_size = 0
        self._engine = Audience(now=now, paths=Paths(peer, draw=fresh_challenge))
        self.blocks = BlockStore(self._engine, self.connection)
        """Where the chunks go."""
        self._begin_trace = begin_trace
        self.trace: TraceFile | None = None

    @property
    def presenter(self) -> str:
        """Who is to send the file."""
        return self._presenter

    @property
    def dropped(self) -> int:
        """Datagrams that were not genuine."""
        return self._dropped + self.blocks.dropped

    @property
    def expecting(self) -> bool:
        """Whether nobody has come yet."""
        return self._engine.phase is Phase.EXPECTING

    @property
    def receiving(self) -> bool:
        """Whether a file is on its way in."""
        return self._place.file is not None and self._place.has_begun

    def share_buffer(self, size: int) -> None:
        """Tell how many bytes of the socket's buffer this transfer may count on."""
        self._engine.receive_buffer = size

    def receive(
        self,
        buffer: memoryview,
        start: int,
        end: int,
        segment: int,
        source: Address,
        *,
        now: float,
        marked: bool = False,
    ) -> None:
        """Take datagrams of the presenter, all of one type; what is not genuine is dropped."""
        if buffer[start] >> 4 == PacketType.DATA:
            if self.blocks.data is not None:
                opened = self.blocks.data.content
                for run in self.blocks.data.unseal(buffer, start, end, segment):
                    self.blocks.take(run, opened, source, self.trace, now=now, marked=marked)
            return
        if buffer[start] >> 4 in HALVES:
            if self.blocks.halves is not None:
                for joined in self.blocks.halves.unseal(buffer, start, end, segment):
                    number, content = joined.packet_number, memoryview(joined.content)
                    run = OpenedRun(number, joined.chunk, 1, 0, len(content))
                    self.blocks.take(run, content, source, self.trace, now=now)
            return
        for at in range(start, end, segment):
            datagram = bytes(buffer[at : min(at + segment, end)])
            try:
                self._hear(datagram, source, now)
            except MalformedPacket:
                self._dropped += 1

    def _hear(self, datagram: bytes, source: Address, now: float) -> None:
        word, packet_number, _ = HEADER.unpack_from(datagram)
        if word >> CONNECTION_BITS == PacketType.HELLO:
            announced = source == self._engine.paths.announced
            packet_number, offer = self._greeting.hear(
                datagram, source, announced=announced, now=now
            )
            if self._begin_trace is not None:
                self.trace, self._begin_trace = self._begin_trace(now), None
            if self.trace is not None:
                self.trace.heard(PacketType.HELLO, packet_number, (offer,), len(datagram), now=now)
            self._engine.greet(packet_number, offer, now=now, source=source)
        elif self._control.theirs is not None:
            frames = self._control.theirs.unseal(datagram)
            if self.trace is not None:
                kind = PacketType.PRESENTER_CONTROL
                self.trace.heard(kind, packet_number, frames, len(datagram), now=now)
            self._engine.receive(packet_number, frames, now=now, source=source)
            self.blocks.note_proved(now=now)

    def poll(self, send: Send, *, now: float) -> bool:
        """Send what is to be sent now; whether that was anything."""
        if self._greeting.owed:
            self._greeting.answer(send, self.trace, now=now)
        peer = self._engine.paths.address
        items = self._engine.poll(now=now)
        self._control.say(items, send, peer, self.trace, now=now)
        return bool(items)

    def events(self) -> Iterator[Report]:
        """Act on the engine's events; yield what the terminal must be told."""
        self._place.keep_up(self._kept_up)
        while (event := self._engine.next_event()) is not None:
            if self.trace is not None:
                self._note_event(self.trace, event)
            match event:
                case told.Offered(offer):
                    self._open(offer)
                case told.Resumed(blocks):
                    self.blocks.resume(blocks)
                case told.Whole():
                    self._engine.digested(self.blocks.tree.root(), now=self._clock())
                case told.Verified():
                    self._place.commit(self._stored)
                case told.Received():
                    name = self._engine.offer.filename if self._engine.offer else ""
                    self.drop()
                    yield Received(name, self._presenter)
                case told.Failed(reason, refused):
                    self.drop(keep=reason in _WORTH_ANOTHER_TRY)
                    name = filenames.shown(refused.filename) if refused else "a file"
                    yield ReceiveFailed(name, self._presenter, phrase(reason))
                case told.Damaged() | told.Expired():
                    pass

    def _note_event(self, trace: TraceFile, event: told.AudienceEvent) -> None:
        match event:
            case told.Offered(offer):
                trace.offer(offer.filename, offer.size)
            case told.Resumed(blocks):
                trace.resumed(blocks)
            case told.Damaged(block):
                trace.damaged(block)
            case told.Verified():
                trace.verified(len(self.blocks.tree.leaves) // LEAF_SIZE)
            case told.Received():
                trace.ended(None)
            case told.Failed(reason):
                trace.ended(reason)
            case _:
                pass

    def _open(self, offer: Offer) -> None:
        self._chunk_size = self._greeting.datagram_size - OVERHEAD
        reason = self._place.take(offer, self._chunk_size, self._prepared)
        if reason is not None:
            self._engine.refuse(reason, now=self._clock())

    def _prepared(self, fault: FileFault | None) -> None:
        keys, offer, file = self._greeting.keys, self._engine.offer, self._place.file
        if fault is not None or keys is None or offer is None or file is None:
            reason = fault.reason if fault is not None else Reason.UNKNOWN
            self.drop(keep=reason is Reason.NO_SPACE)  # what an earlier try has left is good still
            self._engine.refuse(reason, now=self._clock())
            return
        chunk_size, leaves = self._chunk_size, file.leaves
        self._engine.accept(
            chunk_size,
            now=self._clock(),
            blocks=len(leaves) // LEAF_SIZE,
            digest=digest_of(leaves) if leaves else b"",
        )
        self.blocks.begin(file, keys.receive, size=offer.size, chunk_size=chunk_size)
        if self.trace is not None:
            self.trace.accepted(chunk_size, now=self._clock())

    def _kept_up(self, fault: FileFault | None) -> None:
        if fault is not None:
            self._engine.abort(fault.reason, now=self._clock())

    def _stored(self, fault: FileFault | None) -> None:
        self._kept_up(fault)
        if fault is None:
            self._engine.stored(now=self._clock())

    def count(self) -> Count | None:
        """How far the file has come; None before it is offered, and once that is settled."""
        offer = self._engine.offer
        if offer is None or self._place.file is None or self._engine.phase is Phase.ENDED:
            return None
        done = min(self._engine.chunks.contiguous * self._engine.chunk_size, offer.size)
        who, name = self._presenter, offer.filename
        return Count(Direction.RECEIVING, who, name, done, offer.size, 0, self._state)

    @property
    def _state(self) -> State:
        if self._engine.paused:
            return State.PAUSED
        if self._engine.held:
            return State.HELD
        return State.WAITING if self._engine.phase is Phase.OFFERED else State.MOVING

    def pause(self, *, now: float) -> None:
        """Have the presenter send no more of the file until `go_on`."""
        self._engine.pause(now=now)

    def go_on(self, *, now: float) -> None:
        """Take back a pause."""
        self._engine.go_on(now=now)

    def give_up(self, *, now: float, reason: Reason = Reason.GIVEN_UP) -> None:
        if self._engine.phase is not Phase.EXPECTING:
            self._engine.abort(reason, now=now)

    def deadline(self) -> float:
        return 0.0 if self._greeting.owed else self._engine.deadline()

    def over(self, *, now: float) -> bool:
        return self._engine.over(now=now)

    @property
    def settled(self) -> bool:
        return self._engine.settled

    def drop(self, *, keep: bool = False) -> None:
        """Let go of the file: nothing of it stays but what stands under its final name.

        Args:
            keep: what has come stays hidden, for another try of the same file.
        """
        self.blocks.end()
        self._place.leave(keep=keep)
