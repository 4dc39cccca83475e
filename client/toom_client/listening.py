"""The audience's shell: one announced presenter, the engine and the unfinished file (PROTOCOL 5).

Belongs here: opening, writing and hashing what has come. Does not: decisions (the engine), the
socket (transfers).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from toom_client.files import FileFault, IncomingFile
from toom_client.reports import Received, ReceiveFailed, Report, phrase
from toom_protocol import filenames
from toom_protocol.errors import MalformedPacket
from toom_protocol.transfer import audience
from toom_protocol.transfer.frames import Offer
from toom_protocol.transfer.packets import (
    HEADER,
    HEADER_SIZE,
    TAG_SIZE,
    PacketType,
    connection_of,
    decode_header,
)
from toom_protocol.transfer.reasons import Reason
from toom_protocol.transfer.sealing import Seal

HASHED_AT_ONCE: Final = 256 * 1024  # bytes; 0.15 ms of SHA-256, and few system calls
HASHED_PER_TURN: Final = 1024 * 1024  # bytes; other transfers wait so long

Work = Callable[[Callable[[], None], Callable[[FileFault | None], None]], None]
"""Runs the first in a worker, then the second in the transfers' thread with what it raised."""


class Listening:
    """Takes one file from one presenter."""

    hears = (PacketType.DATA, PacketType.PRESENTER_CONTROL)

    def __init__(
        self,
        number: int,
        key: bytes,
        presenter: str,
        directory: Path,
        *,
        now: float,
        clock: Callable[[], float],
        names: set[str],
        work: Work,
    ) -> None:
        """Expect an offer.

        Args:
            names: the final names of all files on their way in; shared by all of one client.
        """
        self.connection = connection_of(number)
        self.dropped = 0  # datagrams that were not genuine
        self._presenter = presenter
        self._directory = directory
        self._clock = clock
        self._names = names
        self._work = work
        self._file: IncomingFile | None = None
        self._chunk_size = 0
        self._total = 0
        self._size = 0
        self._hashed = 0  # bytes
        self._digest = hashlib.sha256()
        self._verifying = False
        self._ours = Seal(key, connection=self.connection, from_presenter=False)
        self._theirs = Seal(key, connection=self.connection, from_presenter=True)
        self._engine = audience.Audience(now=now)

    @property
    def presenter(self) -> str:
        """Who is to send the file."""
        return self._presenter

    @property
    def expecting(self) -> bool:
        """Whether nobody has come yet."""
        return self._engine.phase is audience.Phase.EXPECTING

    @property
    def receiving(self) -> bool:
        """Whether a file is on its way in."""
        return self._file is not None

    def share_buffer(self, size: int) -> None:
        """Tell how many bytes of the socket's buffer this transfer may count on."""
        self._engine.receive_buffer = size

    def receive(self, datagrams: list[bytes], *, now: float) -> None:
        """Take the presenter's datagrams; what is not genuine is counted and dropped."""
        first_packet = first_chunk = 0
        run: list[memoryview] = []
        for datagram in datagrams:
            word, packet_number, chunk = HEADER.unpack_from(datagram)
            if word >> 28 != PacketType.DATA:
                self._control(datagram, now)
                continue
            if not self._theirs.verifies(datagram) or not self._fits(datagram, chunk):
                self.dropped += 1
                continue
            if run and (packet_number, chunk) != (first_packet + len(run), first_chunk + len(run)):
                self._data(first_packet, first_chunk, run, now)
                run = []
            if not run:
                first_packet, first_chunk = packet_number, chunk
            run.append(memoryview(datagram)[HEADER_SIZE:-TAG_SIZE])
        if run:
            self._data(first_packet, first_chunk, run, now)

    def _fits(self, datagram: bytes, chunk: int) -> bool:
        length = len(datagram) - HEADER_SIZE - TAG_SIZE
        if chunk == self._total - 1:
            return length == self._size - chunk * self._chunk_size
        return length == self._chunk_size and chunk < self._total

    def _control(self, datagram: bytes, now: float) -> None:
        try:
            _, _, packet_number, _ = decode_header(datagram)
            frames = self._theirs.open_control(datagram)
        except MalformedPacket:
            self.dropped += 1
        else:
            self._engine.receive(packet_number, frames, now=now)

    def _data(self, packet_number: int, chunk: int, run: list[memoryview], now: float) -> None:
        for start, count in self._engine.receive_run(packet_number, chunk, len(run), now=now):
            if self._file is None:
                return
            parts = run[start - chunk : start - chunk + count]
            try:
                self._file.write(parts, start * self._chunk_size)
            except FileFault as fault:
                self._engine.abort(fault.reason, now=now)
                return

    def poll(self, *, now: float) -> list[bytes]:
        """Hash what has become whole; return the datagrams to send now."""
        self._hash(now)
        return [
            self._ours.seal_control(item.packet_number, item.frames)
            for item in self._engine.poll(now=now)
        ]

    def _hash(self, now: float) -> None:
        budget = HASHED_PER_TURN
        while self._file is not None and budget > 0 and (size := self._hashable()) > 0:
            try:
                content = self._file.read(self._hashed, size)
            except FileFault as fault:
                self._engine.abort(fault.reason, now=now)
                return
            if len(content) != size:  # somebody has shortened the unfinished file
                self._engine.abort(Reason.CANNOT_READ, now=now)
                return
            self._digest.update(content)
            self._hashed += size
            budget -= size
        if self._verifying and self._hashed == self._size:
            self._verifying = False
            self._engine.digested(self._digest.digest(), now=now)

    def _hashable(self) -> int:
        """How many bytes to hash next: a full block, or the rest once everything is here."""
        whole = min(self._engine.chunks.contiguous * self._chunk_size, self._size)
        ready = min(whole - self._hashed, HASHED_AT_ONCE)
        return ready if ready == HASHED_AT_ONCE or self._verifying else 0

    def events(self) -> Iterator[Report]:
        """Act on the engine's events; yield what the terminal must be told."""
        while (event := self._engine.next_event()) is not None:
            match event:
                case audience.Offered(offer):
                    self._open(offer)
                case audience.Whole():
                    self._verifying = True
                case audience.Verified():
                    if self._file is not None:
                        self._work(self._file.commit, self._stored)
                case audience.Received():
                    name = self._engine.offer.filename if self._engine.offer else ""
                    self.drop()
                    yield Received(name, self._presenter)
                case audience.Failed(reason, refused):
                    self.drop()
                    name = filenames.shown(refused.filename) if refused else "a file"
                    yield ReceiveFailed(name, self._presenter, phrase(reason))
                case audience.Expired():
                    pass

    def _open(self, offer: Offer) -> None:
        now = self._clock()
        name = filenames.presenter_filename(self._presenter, offer.filename)
        if name is None:
            self._engine.refuse(Reason.BAD_NAME, now=now)
        elif name in self._names:
            self._engine.refuse(Reason.NAME_BUSY, now=now)
        else:
            self._names.add(name)
            self._file = IncomingFile(self._directory, name, offer.size)
            self._size, self._chunk_size = offer.size, offer.chunk_size
            self._work(self._file.prepare, self._prepared)

    def _prepared(self, fault: FileFault | None) -> None:
        if fault is not None:
            self._engine.refuse(fault.reason, now=self._clock())
            return
        self._engine.accept(now=self._clock())
        self._total = self._engine.chunks.total

    def _stored(self, fault: FileFault | None) -> None:
        if fault is None:
            self._engine.stored(now=self._clock())
        else:
            self._engine.abort(fault.reason, now=self._clock())

    def give_up(self, *, now: float, reason: Reason = Reason.GIVEN_UP) -> None:
        if self._engine.phase is not audience.Phase.EXPECTING:
            self._engine.abort(reason, now=now)

    def deadline(self) -> float:
        return 0.0 if self._hashable_now() else self._engine.deadline()

    def _hashable_now(self) -> bool:
        return self._file is not None and (
            self._hashable() > 0 or (self._verifying and self._hashed == self._size)
        )

    def over(self, *, now: float) -> bool:
        return self._engine.over(now=now)

    @property
    def settled(self) -> bool:
        return self._engine.settled

    def drop(self) -> None:
        """Let go of the file: nothing of it stays but what stands under its final name."""
        file, self._file = self._file, None
        if file is not None:
            file.discard()
            self._names.discard(file.filename)
