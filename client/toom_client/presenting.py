"""The presenter's shell: one file, its engine and the datagrams that carry it (PROTOCOL 5).

Belongs here: what engine, handshake, file and terminal have to tell each other. Does not: decisions
(the engine), what is read and hashed (outgoing, claims), the socket (transfers).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from toom_client.chance import fresh_challenge, fresh_keys
from toom_client.claims import Claims
from toom_client.control import BeginTrace, ControlChannel, Send
from toom_client.files import FileFault, OpenedFile
from toom_client.outgoing import OutgoingFile
from toom_client.progress import Count, Direction, State
from toom_client.reports import Report, SendFailed, Uploaded, phrase
from toom_client.tickets import Address, Ticket
from toom_protocol.errors import MalformedPacket
from toom_protocol.transfer.congestion import CONTROLLERS, DEFAULT
from toom_protocol.transfer.events import Delivered, Disputed, Failed, Resumable
from toom_protocol.transfer.frames import Offer
from toom_protocol.transfer.hello import PresenterHandshake
from toom_protocol.transfer.noise import KeyPair
from toom_protocol.transfer.packets import (
    BASE_DATAGRAM,
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

if TYPE_CHECKING:
    from toom_client.tracing import TraceFile


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
        self._filename = file.filename
        self._size = file.size
        offer = Offer(file.size, file.filename)
        self._handshake = PresenterHandshake(
            ticket.number,
            ticket.key,
            offer,
            static=static,
            ephemeral=fresh_keys(),
            audience=ticket.public_key,
        )
        self._hellos = 0
        self._control = ControlChannel(
            self.connection,
            speaker=PacketType.PRESENTER_CONTROL,
            hearer=PacketType.AUDIENCE_CONTROL,
        )
        self._key = b""  # until the audience has answered
        self._is_wanted = False  # it has accepted
        self._engine = Presenter(
            offer,
            now=now,
            congestion=CONTROLLERS[congestion],
            paths=Paths(peer, draw=fresh_challenge),
            seed=self.connection,
        )
        self._file = OutgoingFile(file, self._engine)
        self._claims = Claims(self._file, self._engine)
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
                elif self._control.theirs is None:
                    self.dropped += 1  # it overtook the welcome, and comes again
                else:
                    frames = self._control.theirs.unseal(datagram)
                    if self.trace is not None:
                        self.trace.heard(kind, packet_number, frames, len(datagram), now=now)
                    self._engine.receive(packet_number, frames, now=now, source=source)
            except MalformedPacket:
                self.dropped += 1
        if not self._is_wanted and self._engine.chunk_size:
            self._begin(now)
        if self.trace is not None:
            self.trace.observe(self._engine, now=now)

    def _welcomed(self, datagram: bytes, now: float) -> None:
        if self._key:
            return  # it comes for each hello
        keys = self._handshake.welcomed(datagram)
        self._key = keys.send
        self._control.open(keys)
        if self.trace is not None:
            self.trace.heard(PacketType.WELCOME, 0, (), len(datagram), now=now)
            self.trace.agreed()

    def _begin(self, now: float) -> None:
        """The audience wants the file, in chunks of a size that the path takes."""
        self._is_wanted = True
        self._file.begin(self._key, connection=self.connection)
        if self.trace is not None:
            self.trace.accepted(self._engine.chunk_size, now=now)
        if not self._size:
            self._engine.digested(self._file.tree.root(), now=now)

    def poll(self, send: Send, *, now: float) -> bool:
        """Send what is to be sent now; whether that was anything."""
        if self._claims.resumable is not None or self._claims.disputed:
            self._claims.check(self.trace, now=now)
        peer = self._engine.paths.address
        items = self._engine.poll(now=now)
        for item in items:
            if isinstance(item, DataRun):
                try:
                    self._file.send(item, send, peer, self.trace, now=now)
                except FileFault as fault:
                    self._engine.abort(fault.reason, now=now)
                    break
            elif any(isinstance(frame, Offer) for frame in item.frames):
                self._say_hello(item, send, peer, now)
            else:
                self._control.say((item,), send, peer, self.trace, now=now)
        return bool(items)

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

    def events(self) -> Iterator[Report]:
        """What the terminal must be told."""
        while (event := self._engine.next_event()) is not None:
            if self.trace is not None and not isinstance(event, Resumable | Disputed):
                self.trace.ended(event.reason if isinstance(event, Failed) else None)
            match event:
                case Resumable():
                    self._claims.resumable = event
                case Disputed(block):
                    self._claims.disputed.append(block)
                case Delivered():
                    self._file.close()
                    yield Uploaded(self._filename, self._audience)
                case Failed(reason):
                    self._file.close()
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
            self._file.resent,
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
        is_busy = self._claims.resumable is not None or self._claims.disputed
        return 0.0 if is_busy else self._engine.deadline()

    def over(self, *, now: float) -> bool:
        return self._engine.over(now=now)

    @property
    def settled(self) -> bool:
        return self._engine.settled

    def drop(self, *, keep: bool = False) -> None:  # noqa: ARG002  # as the audience's
        """Let go of everything, whatever the stage."""
        self._file.close()
