"""The audience's shell: one announced presenter, the engine and the unfinished file (PROTOCOL 5).

Belongs here: opening, writing and hashing what has come. Does not: decisions (the engine), the
socket (transfers).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from toom_client.chance import fresh_challenge, fresh_keys
from toom_client.control import BeginTrace, Send
from toom_client.files import FileFault
from toom_client.incoming import IncomingFile
from toom_client.progress import Count, Direction, State
from toom_client.reports import Received, ReceiveFailed, Report, phrase
from toom_client.rules import Rules
from toom_client.tickets import Address, Ticket
from toom_protocol import filenames
from toom_protocol.errors import MalformedPacket
from toom_protocol.transfer import events as told
from toom_protocol.transfer.audience import Audience, Phase
from toom_protocol.transfer.frames import LEAF_SIZE, Offer
from toom_protocol.transfer.halves import HALVES, HalfOpener
from toom_protocol.transfer.hello import AudienceHandshake
from toom_protocol.transfer.noise import KeyPair
from toom_protocol.transfer.packets import (
    BATCH,
    CONNECTION_BITS,
    HEADER,
    OVERHEAD,
    PacketType,
    connection_of,
)
from toom_protocol.transfer.paths import Paths
from toom_protocol.transfer.reasons import Reason
from toom_protocol.transfer.sealing import ControlSeal, DataOpener, OpenedRun
from toom_protocol.transfer.tree import Blocks, Tree, digest_of, leaf_of

if TYPE_CHECKING:
    from toom_client.tracing import TraceFile

# With these the file itself is as good as it was.
MAX_WELCOMES: Final = 16  # owed at a time; of more the oldest is dropped, its hello comes again
_WORTH_ANOTHER_TRY: Final = frozenset(
    {Reason.GIVEN_UP, Reason.PEER_GONE, Reason.UNKNOWN, Reason.CANCELLED}
)

Work = Callable[[Callable[[], None], Callable[[FileFault | None], None]], None]
"""Runs the first in a worker, then the second in the transfers' thread with what it raised."""


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
        names: set[str],
        work: Work,
        rules: Rules,
        begin_trace: BeginTrace | None = None,
    ) -> None:
        """Expect a hello.

        Args:
            peer: where the server has seen the presenter.
            static: this client's keys since it logged in.
            names: the final names of all files on their way in; shared by all of one client.
            begin_trace: called with the first hello, where a trace is wanted.
        """
        self.connection = connection_of(ticket.number)
        self._presenter = ticket.peer
        self._directory = directory
        self._clock = clock
        self._names = names
        self._work = work
        self._rules = rules
        self._dropped = 0
        self._handshake = AudienceHandshake(
            ticket.number, ticket.key, static=static, presenter=ticket.public_key
        )
        self._welcomes: deque[Address] = deque(maxlen=MAX_WELCOMES)  # that are owed
        self._ours: ControlSeal | None = None  # until the presenter has come
        self._theirs: ControlSeal | None = None
        self._file: IncomingFile | None = None
        self._data: DataOpener | None = None  # until the file is accepted
        self._halves: HalfOpener | None = None
        self._size = 0
        self._tree = Tree(0, 1)
        self._blocks = Blocks(0)
        self._chunk_size = 0
        # Blocks from the first one on of which the file knows that they are here, once it is
        # settled how many there are of an earlier try.
        self._noted: int | None = None
        self._engine = Audience(now=now, paths=Paths(peer, draw=fresh_challenge))
        self._begin_trace = begin_trace
        self.trace: TraceFile | None = None

    @property
    def presenter(self) -> str:
        """Who is to send the file."""
        return self._presenter

    @property
    def dropped(self) -> int:
        """Datagrams that were not genuine."""
        openers = (self._data, self._halves)
        return self._dropped + sum(each.dropped for each in openers if each is not None)

    @property
    def expecting(self) -> bool:
        """Whether nobody has come yet."""
        return self._engine.phase is Phase.EXPECTING

    @property
    def receiving(self) -> bool:
        """Whether a file is on its way in."""
        return self._file is not None

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
            if self._data is not None:
                for run in self._data.unseal(buffer, start, end, segment):
                    self._take(run, self._data.content, source, now, marked=marked)
            return
        if buffer[start] >> 4 in HALVES:
            if self._halves is not None:
                for joined in self._halves.unseal(buffer, start, end, segment):
                    number, content = joined.packet_number, memoryview(joined.content)
                    run = OpenedRun(number, joined.chunk, 1, 0, len(content))
                    self._take(run, content, source, now)
            return
        for at in range(start, end, segment):
            datagram = bytes(buffer[at : min(at + segment, end)])
            try:
                self._control(datagram, source, now)
            except MalformedPacket:
                self._dropped += 1

    def _control(self, datagram: bytes, source: Address, now: float) -> None:
        word, packet_number, _ = HEADER.unpack_from(datagram)
        if word >> CONNECTION_BITS == PacketType.HELLO:
            announced = source == self._engine.paths.announced
            packet_number, offer = self._handshake.receive(
                datagram, fresh_keys, now=now, announced=announced
            )
            self._welcomes.append(source)
            self._meet(now)
            if self.trace is not None:
                self.trace.heard(PacketType.HELLO, packet_number, (offer,), len(datagram), now=now)
            self._engine.greet(packet_number, offer, now=now, source=source)
        elif self._theirs is not None:
            frames = self._theirs.unseal(datagram)
            if self.trace is not None:
                kind = PacketType.PRESENTER_CONTROL
                self.trace.heard(kind, packet_number, frames, len(datagram), now=now)
            self._engine.receive(packet_number, frames, now=now, source=source)
            try:
                self._note_proved()
            except FileFault as fault:
                self._engine.abort(fault.reason, now=now)

    def _meet(self, now: float) -> None:
        keys = self._handshake.keys
        if self._ours is None and keys is not None:
            self._ours = ControlSeal(
                keys.send, connection=self.connection, speaker=PacketType.AUDIENCE_CONTROL
            )
            self._theirs = ControlSeal(
                keys.receive, connection=self.connection, speaker=PacketType.PRESENTER_CONTROL
            )
            if self._begin_trace is not None:
                self.trace, self._begin_trace = self._begin_trace(now), None

    def _take(
        self,
        run: OpenedRun,
        opened: memoryview,
        source: Address,
        now: float,
        *,
        marked: bool = False,
    ) -> None:
        """Write and hash what is new of a run, whose bytes stand in `opened`."""
        if self.trace is not None:
            length = run.end - run.start
            self.trace.data_received(run.packet_number, run.chunk, run.count, length, now=now)
        pieces = self._engine.receive_run(
            run.packet_number, run.chunk, run.count, now=now, source=source, marked=marked
        )
        if self._file is None:
            return
        chunk_size = self._engine.chunk_size
        for first, count in pieces:
            start = run.start + (first - run.chunk) * chunk_size
            content = opened[start : min(start + count * chunk_size, run.end)]
            try:
                self._file.write(content, first * chunk_size)
                for block in self._blocks.add(first, count):
                    self._note(block, self._leaf(block, content, first * chunk_size), now)
            except FileFault as fault:
                self._engine.abort(fault.reason, now=now)
                return

    def _note(self, block: int, leaf: bytes, now: float) -> None:
        """Take a block's leaf, and have it compared."""
        self._tree.put(block, leaf)
        self._engine.hashed(block, leaf, now=now)
        self._note_proved()

    def _note_proved(self) -> None:
        """Tell the file of blocks that follow each other and are what the presenter has read."""
        if self._file is None or self._noted is None:
            return
        while self._noted < self._engine.repairs.proved:
            self._file.note(self._tree.leaf(self._noted))
            self._noted += 1

    def _leaf(self, block: int, content: memoryview, offset: int) -> bytes:
        """Hash a block that is whole: from what is in hand, or as it lies on the disk."""
        start = block * BATCH * self._engine.chunk_size
        length = min(BATCH * self._engine.chunk_size, self._size - start)
        if offset <= start and start + length <= offset + len(content):
            return leaf_of(content[start - offset : start - offset + length])
        if self._file is None:
            raise FileFault(Reason.CANNOT_READ)
        written = self._file.read(start, length)
        if len(written) != length:  # somebody has shortened the unfinished file
            raise FileFault(Reason.CANNOT_READ)
        return leaf_of(written)

    def poll(self, send: Send, *, now: float) -> None:
        """Send what is to be sent now."""
        peer = self._engine.paths.address
        while self._welcomes:
            welcome = self._handshake.welcome
            if self.trace is not None:
                self.trace.said(PacketType.WELCOME, 0, (), len(welcome), now=now)
                self.trace.agreed()
            send(welcome, len(welcome), self._welcomes.popleft(), False)
        for item in self._engine.poll(now=now):
            if self._ours is not None:
                datagram = self._ours.seal(item.packet_number, item.frames)
                if self.trace is not None:
                    self.trace.said(
                        item.kind, item.packet_number, item.frames, len(datagram), now=now
                    )
                send(datagram, len(datagram), item.address or peer, False)

    def events(self) -> Iterator[Report]:
        """Act on the engine's events; yield what the terminal must be told."""
        while (event := self._engine.next_event()) is not None:
            if self.trace is not None:
                self._note_event(self.trace, event)
            match event:
                case told.Offered(offer):
                    self._open(offer)
                case told.Resumed(blocks):
                    self._resume(blocks)
                case told.Whole():
                    self._engine.digested(self._tree.root(), now=self._clock())
                case told.Verified():
                    if self._file is not None:
                        self._work(self._file.commit, self._stored)
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
                trace.verified(len(self._tree.leaves) // LEAF_SIZE)
            case told.Received():
                trace.ended(None)
            case told.Failed(reason):
                trace.ended(reason)
            case _:
                pass

    def _open(self, offer: Offer) -> None:
        now = self._clock()
        name = filenames.presenter_filename(self._presenter, offer.filename)
        fault = self._rules.fault_in(self._presenter, offer.size, len(self._names))
        if name is None:
            self._engine.refuse(Reason.BAD_NAME, now=now)
        elif fault is not None:
            self._engine.refuse(fault, now=now)
        elif name in self._names:
            self._engine.refuse(Reason.NAME_BUSY, now=now)
        else:
            self._names.add(name)
            self._size = offer.size
            self._chunk_size = self._handshake.datagram_size - OVERHEAD
            self._file = IncomingFile(self._directory, name, offer.size, self._chunk_size)
            self._work(self._file.prepare, self._prepared)

    def _prepared(self, fault: FileFault | None) -> None:
        keys = self._handshake.keys
        if fault is not None or keys is None or self._file is None:
            reason = fault.reason if fault is not None else Reason.UNKNOWN
            self.drop(keep=reason is Reason.NO_SPACE)  # what an earlier try has left is good still
            self._engine.refuse(reason, now=self._clock())
            return
        chunk_size, leaves = self._chunk_size, self._file.leaves
        key, connection = keys.receive, self.connection
        self._data = DataOpener(key, connection=connection, chunk_size=chunk_size, size=self._size)
        self._halves = HalfOpener(
            key, connection=connection, chunk_size=chunk_size, size=self._size
        )
        self._tree = Tree(self._size, chunk_size)
        self._engine.accept(
            chunk_size,
            now=self._clock(),
            blocks=len(leaves) // LEAF_SIZE,
            digest=digest_of(leaves) if leaves else b"",
        )
        self._blocks = Blocks(self._engine.chunks.total)
        self._noted = None if leaves else 0
        if self.trace is not None:
            self.trace.accepted(chunk_size, now=self._clock())

    def _resume(self, blocks: int) -> None:
        """Go on behind so many blocks of an earlier try."""
        if self._file is None:
            return
        for block in range(blocks):
            at = block * LEAF_SIZE
            self._tree.put(block, self._file.leaves[at : at + LEAF_SIZE])
        self._noted = blocks
        if not blocks:
            try:
                self._file.begin_anew()
            except FileFault as fault:
                self._engine.abort(fault.reason, now=self._clock())

    def _stored(self, fault: FileFault | None) -> None:
        if fault is None:
            self._engine.stored(now=self._clock())
        else:
            self._engine.abort(fault.reason, now=self._clock())

    def count(self) -> Count | None:
        """How far the file has come; None before it is offered, and once that is settled."""
        offer = self._engine.offer
        if offer is None or self._file is None or self._engine.phase is Phase.ENDED:
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
        return 0.0 if self._welcomes else self._engine.deadline()

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
        file, self._file = self._file, None
        if file is not None:
            file.discard(keep=keep)
            self._names.discard(file.filename)
