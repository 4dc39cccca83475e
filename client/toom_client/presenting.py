"""The presenter's shell: one file, its engine and the datagrams that carry it (PROTOCOL 5).

Belongs here: reading and sealing what the engine wants sent. Does not: decisions (the engine), the
socket (transfers).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from toom_client.files import FileFault, OpenedFile
from toom_client.reports import Report, SendFailed, Uploaded, phrase
from toom_protocol.errors import MalformedPacket
from toom_protocol.transfer.frames import Offer
from toom_protocol.transfer.packets import (
    CHUNK_SIZE,
    DataRun,
    PacketType,
    chunks_in,
    connection_of,
    decode_header,
)
from toom_protocol.transfer.presenter import Delivered, Failed, Presenter
from toom_protocol.transfer.reasons import Reason
from toom_protocol.transfer.sealing import Seal


class Presenting:
    """Sends one open file to one audience."""

    hears = (PacketType.AUDIENCE_CONTROL,)

    def __init__(
        self, number: int, key: bytes, audience: str, file: OpenedFile, *, now: float
    ) -> None:
        self.connection = connection_of(number)
        self.dropped = 0  # datagrams that were not genuine
        self._audience = audience
        self._file: OpenedFile | None = file
        self._filename = file.filename
        self._total = chunks_in(file.size, CHUNK_SIZE)
        self._size = file.size
        self._hashed = 0  # chunks
        self._digest = hashlib.sha256()
        self._ours = Seal(key, connection=self.connection, from_presenter=True)
        self._theirs = Seal(key, connection=self.connection, from_presenter=False)
        self._engine = Presenter(
            Offer(file.size, CHUNK_SIZE, file.filename), now=now, seed=self.connection
        )
        if not self._total:
            self._engine.digested(self._digest.digest(), now=now)

    def receive(self, datagrams: list[bytes], *, now: float) -> None:
        """Take the audience's control datagrams; what is not genuine is counted and dropped."""
        for datagram in datagrams:
            try:
                _, _, packet_number, _ = decode_header(datagram)
                frames = self._theirs.open_control(datagram)
            except MalformedPacket:
                self.dropped += 1
            else:
                self._engine.receive(packet_number, frames, now=now)

    def poll(self, *, now: float) -> list[bytes]:
        """The datagrams to send now."""
        datagrams: list[bytes] = []
        for item in self._engine.poll(now=now):
            if not isinstance(item, DataRun):
                datagrams.append(self._ours.seal_control(item.packet_number, item.frames))
                continue
            try:
                content = self._read(item, now)
            except FileFault as fault:
                self._engine.abort(fault.reason, now=now)
                break
            datagrams += self._ours.seal_chunks(item.packet_number, item.chunk, content, CHUNK_SIZE)
        return datagrams

    def _read(self, run: DataRun, now: float) -> bytes:
        """The bytes of a run, hashed when they are read for the first time."""
        if self._file is None:  # the engine sends no data once it has ended
            raise FileFault(Reason.CANNOT_READ)
        start = run.chunk * CHUNK_SIZE
        end = min((run.chunk + run.count) * CHUNK_SIZE, self._size)
        content = self._file.read(start, end - start)
        if run.chunk == self._hashed:  # chunks are first sent in order, run by run
            self._digest.update(content)
            self._hashed += run.count
            if self._hashed == self._total:
                self._file.check_unchanged()
                self._engine.digested(self._digest.digest(), now=now)
        return content

    def events(self) -> Iterator[Report]:
        """What the terminal must be told."""
        while (event := self._engine.next_event()) is not None:
            self._close()
            match event:
                case Delivered():
                    yield Uploaded(self._filename, self._audience)
                case Failed(reason):
                    yield SendFailed(self._filename, self._audience, phrase(reason))

    def give_up(self, *, now: float, reason: Reason = Reason.GIVEN_UP) -> None:
        self._engine.abort(reason, now=now)

    def deadline(self) -> float:
        return self._engine.deadline()

    def over(self, *, now: float) -> bool:
        return self._engine.over(now=now)

    @property
    def settled(self) -> bool:
        return self._engine.settled

    def drop(self) -> None:
        """Let go of everything, whatever the stage."""
        self._close()

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()
