"""The presenter's shell: one file, its engine and the datagrams that carry it (PROTOCOL 5).

Belongs here: reading, hashing and sealing what the engine wants sent. Does not: decisions (the
engine), the socket (transfers).
"""

from __future__ import annotations

import hmac
import os
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from toom_client.files import FileFault, OpenedFile
from toom_client.progress import Count, Direction, State
from toom_client.reports import Report, SendFailed, Uploaded, phrase
from toom_client.tickets import Address, Ticket
from toom_protocol.errors import MalformedPacket
from toom_protocol.transfer.congestion import CONTROLLERS, DEFAULT
from toom_protocol.transfer.events import Delivered, Disputed, Failed, Resumable
from toom_protocol.transfer.frames import CHALLENGE_SIZE, LEAF_SIZE, Offer
from toom_protocol.transfer.halves import HalfSealer
from toom_protocol.transfer.hello import PresenterHandshake
from toom_protocol.transfer.noise import KeyPair
from toom_protocol.transfer.packets import (
    BASE_DATAGRAM,
    BATCH,
    KEY_SIZE,
    LARGEST_DATAGRAM,
    DataRun,
    PacketType,
    connection_of,
    decode_header,
)
from toom_protocol.transfer.paths import Paths
from toom_protocol.transfer.patience import Control
from toom_protocol.transfer.presenter import Phase, Presenter
from toom_protocol.transfer.reasons import Reason
from toom_protocol.transfer.sealing import ControlSeal, DataSealer
from toom_protocol.transfer.tree import LeafMaker, Tree, digest_of, leaf_of

if TYPE_CHECKING:
    from toom_client.tracing import TraceFile

CHECKED_PER_TURN: Final = 32  # blocks, 2 MB: 1 ms in which other transfers wait

Send = Callable[[bytes | memoryview, int, Address, bool], bool]
"""Sends datagrams of so many bytes, the last perhaps shorter, that stand one behind the other;
says whether routers may mark them (ECN).

False: the system says that they are too long for the path."""


BeginTrace = Callable[[float], "TraceFile | None"]
"""Begins the trace of a transfer at a time in seconds; None where it cannot."""


class Presenting:
    """Sends one open file to one audience."""

    hears = (PacketType.AUDIENCE_CONTROL, PacketType.WELCOME)

    def __init__(
        self,
        ticket: Ticket,
        peer: Address,
        static: KeyPair,
        file: OpenedFile,
        *,
        now: float,
        congestion: str = DEFAULT,
        begin_trace: BeginTrace | None = None,
    ) -> None:
        """Begin to say hello.

        Args:
            peer: where the server has seen the audience.
            static: this client's keys since it logged in.
            congestion: name of the controller.
            begin_trace: called with the first hello, where a trace is wanted.

        Raises:
            MalformedPacket: the audience's public key is no good.
        """
        self.connection = connection_of(ticket.number)
        self.dropped = 0  # datagrams that were not genuine
        self._audience = ticket.peer
        self._file: OpenedFile | None = file
        self._filename = file.filename
        self._size = file.size
        offer = Offer(file.size, file.filename)
        self._handshake = PresenterHandshake(
            ticket.number,
            ticket.key,
            offer,
            static=static,
            ephemeral=KeyPair.from_bytes(os.urandom(KEY_SIZE)),
            audience=ticket.public_key,
        )
        self._hellos = 0
        self._ours: ControlSeal | None = None  # until the audience has answered
        self._theirs: ControlSeal | None = None
        self._key = b""
        self._data: DataSealer | None = None  # until it has accepted
        self._halves: HalfSealer | None = None
        self._tree = Tree(0, 1)
        self._leaves = LeafMaker(self._tree, 0, 1)
        self._next_new = 0  # the chunk that is hashed next
        self._claim: Resumable | None = None  # what the audience says that it has
        self._disputed: deque[int] = deque()  # blocks that came out wrong there
        self._resent = 0  # packets
        self._engine = Presenter(
            offer,
            now=now,
            congestion=CONTROLLERS[congestion],
            paths=Paths(peer, draw=fresh_challenge),
            seed=self.connection,
        )
        self._begin_trace = begin_trace
        self.trace: TraceFile | None = None

    def receive(
        self,
        buffer: memoryview,
        start: int,
        end: int,
        segment: int,
        source: Address,
        *,
        now: float,
        marked: bool = False,  # noqa: ARG002  # as the audience's; only data counts
    ) -> None:
        """Take datagrams of the audience; what is not genuine is counted and dropped."""
        for at in range(start, end, segment):
            datagram = bytes(buffer[at : min(at + segment, end)])
            try:
                kind, _, packet_number, _ = decode_header(datagram)
                if kind is PacketType.WELCOME:
                    self._welcomed(datagram, now)
                elif self._theirs is None:
                    self.dropped += 1  # it overtook the welcome, and comes again
                else:
                    frames = self._theirs.unseal(datagram)
                    if self.trace is not None:
                        self.trace.heard(kind, packet_number, frames, len(datagram), now=now)
                    self._engine.receive(packet_number, frames, now=now, source=source)
            except MalformedPacket:
                self.dropped += 1
        if self._data is None and self._engine.chunk_size:
            self._begin(now)
        if self.trace is not None:
            self.trace.observe(self._engine, now=now)

    def _welcomed(self, datagram: bytes, now: float) -> None:
        if self._ours is not None:
            return  # it comes for each hello
        keys = self._handshake.welcomed(datagram)
        self._key = keys.send
        self._ours = ControlSeal(
            keys.send, connection=self.connection, speaker=PacketType.PRESENTER_CONTROL
        )
        self._theirs = ControlSeal(
            keys.receive, connection=self.connection, speaker=PacketType.AUDIENCE_CONTROL
        )
        if self.trace is not None:
            self.trace.heard(PacketType.WELCOME, 0, (), len(datagram), now=now)
            self.trace.agreed()

    def _begin(self, now: float) -> None:
        """The audience wants the file, in chunks of a size that the path takes."""
        chunk_size = self._engine.chunk_size
        self._data = DataSealer(self._key, connection=self.connection, chunk_size=chunk_size)
        self._halves = HalfSealer(self._key, connection=self.connection, chunk_size=chunk_size)
        self._tree = Tree(self._size, chunk_size)
        self._leaves = LeafMaker(self._tree, self._size, chunk_size)
        if self.trace is not None:
            self.trace.accepted(chunk_size, now=now)
        if not self._size:
            self._engine.digested(self._tree.root(), now=now)

    def poll(self, send: Send, *, now: float) -> None:
        """Send what is to be sent now."""
        if self._claim is not None:
            self._check_claim(self._claim, now)
        while self._disputed:
            self._look_again(self._disputed.popleft(), now)
        peer = self._engine.paths.address
        for item in self._engine.poll(now=now):
            if isinstance(item, DataRun):
                try:
                    self._send_run(item, send, peer, now)
                except FileFault as fault:
                    self._engine.abort(fault.reason, now=now)
                    return
            elif any(isinstance(frame, Offer) for frame in item.frames):
                self._say_hello(item, send, peer, now)
            elif self._ours is not None:  # without keys there is nobody to hear it
                datagram = self._ours.seal(item.packet_number, item.frames)
                if self.trace is not None:
                    self.trace.said(
                        item.kind, item.packet_number, item.frames, len(datagram), now=now
                    )
                send(datagram, len(datagram), item.address or peer, False)

    def _say_hello(self, item: Control, send: Send, peer: Address, now: float) -> None:
        """Probe the path with it: first for long datagrams, then for both sizes (PROTOCOL 5.3)."""
        if self._begin_trace is not None:
            self._trace(self._begin_trace, now)
        for size in (LARGEST_DATAGRAM, BASE_DATAGRAM) if self._hellos else (LARGEST_DATAGRAM,):
            if self.trace is not None:
                self.trace.said(PacketType.HELLO, item.packet_number, item.frames, size, now=now)
            send(self._handshake.hello(item.packet_number, size), size, peer, False)
        self._hellos += 1

    def _trace(self, begin: BeginTrace, now: float) -> None:
        self.trace, self._begin_trace = begin(now), None
        if self.trace is not None:
            self.trace.offer(self._filename, self._size)
            self._engine.sending.recovery = self.trace.recovery(now=now)  # it holds nothing so far

    def _send_run(self, run: DataRun, send: Send, peer: Address, now: float) -> None:
        if self._file is None or self._data is None:  # the engine sends no data once it has ended
            raise FileFault(Reason.CANNOT_READ)
        chunk_size = self._engine.chunk_size
        start = run.chunk * chunk_size
        length = min(start + run.count * chunk_size, self._size) - start
        content = self._data.content[:length]
        self._file.read_into(content, start)
        if self.trace is not None:
            self.trace.data_sent(run.packet_number, run.chunk, run.count, length, now=now)
        if self._engine.sending.halving and self._halves is not None:
            for halves in self._halves.seal(run.packet_number, run.chunk, content):
                send(halves, self._halves.datagram_size, peer, False)
        else:
            wire = self._data.seal(run.packet_number, run.chunk, length)
            if not send(wire, self._data.datagram_size, peer, self._engine.sending.marking.on):
                self._engine.too_long(now=now)
        if run.chunk == self._next_new:  # chunks are first sent in order, run by run
            self._engine.hashed(self._leaves.update(content), now=now)
            self._next_new += run.count
            if self._tree.is_whole:
                self._file.check_unchanged()
                self._engine.digested(self._tree.root(), now=now)
        else:
            self._resent += run.count

    def _check_claim(self, claim: Resumable, now: float) -> None:
        """Compare the blocks that the audience has of an earlier try with the file, bit by bit."""
        try:
            for _ in range(CHECKED_PER_TURN):
                if self._next_new >= claim.blocks * BATCH or self._tree.is_whole:
                    break
                self._hash_next(now)
        except FileFault as fault:
            self._claim = None
            self._engine.abort(fault.reason, now=now)
            return
        had = claim.blocks * LEAF_SIZE
        if self._next_new < claim.blocks * BATCH and not self._tree.is_whole:
            return  # more of it in the next turn
        self._claim = None
        leaves = self._tree.leaves[:had]
        is_so = len(leaves) == had and hmac.compare_digest(digest_of(leaves), claim.digest)
        self._engine.resume(claim.blocks if is_so else 0, now=now)
        if self.trace is not None:
            self.trace.resumed(claim.blocks if is_so else 0)
        if self._tree.is_whole:
            self._engine.digested(self._tree.root(), now=now)

    def _hash_next(self, now: float) -> None:
        """Read and hash the next block without sending it."""
        if self._file is None or self._data is None:
            raise FileFault(Reason.CANNOT_READ)
        start = self._next_new * self._engine.chunk_size
        content = self._data.content[: self._size - start]
        self._file.read_into(content, start)
        self._engine.hashed(self._leaves.update(content), now=now)
        self._next_new += BATCH
        if self._tree.is_whole:
            self._file.check_unchanged()

    def _look_again(self, block: int, now: float) -> None:
        """A block has come out wrong there: whether it is still what it was when it was hashed."""
        start = block * BATCH * self._engine.chunk_size
        content = memoryview(bytearray(min(BATCH * self._engine.chunk_size, self._size - start)))
        try:
            if self._file is None:
                return
            self._file.read_into(content, start)
            if leaf_of(content) != self._tree.leaf(block):
                raise FileFault(Reason.FILE_CHANGED)
        except FileFault as fault:
            self._engine.abort(fault.reason, now=now)

    def events(self) -> Iterator[Report]:
        """What the terminal must be told."""
        while (event := self._engine.next_event()) is not None:
            if self.trace is not None and not isinstance(event, Resumable | Disputed):
                self.trace.ended(event.reason if isinstance(event, Failed) else None)
            match event:
                case Resumable():
                    self._claim = event
                case Disputed(block):
                    self._disputed.append(block)
                case Delivered():
                    self._close()
                    yield Uploaded(self._filename, self._audience)
                case Failed(reason):
                    self._close()
                    yield SendFailed(self._filename, self._audience, phrase(reason))

    def count(self) -> Count | None:
        """How far the file has come; None once that is settled."""
        if self._engine.phase is Phase.ENDED:
            return None
        done = min(self._engine.sending.arrived * self._engine.chunk_size, self._size)
        return Count(
            Direction.SENDING,
            self._audience,
            self._filename,
            done,
            self._size,
            self._resent,
            self._state,
        )

    @property
    def _state(self) -> State:
        if self._engine.paused:
            return State.PAUSED
        if self._engine.held:
            return State.HELD
        return State.MOVING if self._engine.phase is Phase.SENDING else State.WAITING

    def pause(self, *, now: float) -> None:
        """Send no more of the file until `go_on`."""
        self._engine.pause(now=now)

    def go_on(self, *, now: float) -> None:
        """Take back a pause."""
        self._engine.go_on(now=now)

    def give_up(self, *, now: float, reason: Reason = Reason.GIVEN_UP) -> None:
        self._engine.abort(reason, now=now)

    def deadline(self) -> float:
        return 0.0 if self._claim is not None or self._disputed else self._engine.deadline()

    def over(self, *, now: float) -> bool:
        return self._engine.over(now=now)

    @property
    def settled(self) -> bool:
        return self._engine.settled

    def drop(self, *, keep: bool = False) -> None:  # noqa: ARG002  # as the audience's
        """Let go of everything, whatever the stage."""
        self._close()

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


def fresh_challenge() -> bytes:
    """What nobody can foretell, for an address that is to prove itself."""
    return os.urandom(CHALLENGE_SIZE)
