"""An audience with all keys against a whole presenter.

It sends only what may be sent, uses no number twice, and believes no end that cannot be.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.doubles.ends import (
    HAN,
    TICKET_KEY,
    YODA,
    Clock,
    PresenterEnd,
)
from tests.fuzz.hostile import TOTAL, Hostile, content_of, tree_of
from tests.fuzz.source import Source
from toom_client.reports import Uploaded
from toom_protocol.errors import MalformedPacket
from toom_protocol.transfer import frames as f
from toom_protocol.transfer.frame_codec import decode_frames
from toom_protocol.transfer.frames import LEAF_SIZE
from toom_protocol.transfer.hello import AudienceHandshake
from toom_protocol.transfer.noise import KeyPair
from toom_protocol.transfer.packets import (
    BASE_DATAGRAM,
    CHUNK_SIZES,
    DATAGRAM_SIZES,
    HEADER_SIZE,
    SMALLEST_CHUNK,
    PacketType,
    decode_header,
)
from toom_protocol.transfer.tree import digest_of

FRESH: Final = KeyPair.from_bytes(b"e" * 32)


class HostileAudience(Hostile):
    """Han is hostile, and Yoda presents a film to him."""

    def __init__(self, root: Path) -> None:
        super().__init__(Clock(), PacketType.AUDIENCE_CONTROL)
        self.content = content_of(TOTAL)
        self.path = root / "film.mp4"
        self.path.write_bytes(self.content)
        self.presenter = PresenterEnd(self.path, self.clock)
        self.end = self.presenter
        self.handshake = AudienceHandshake(7, TICKET_KEY, static=HAN, presenter=YODA.public)
        self.changed = self.done = self.finished = False
        self.chunk_size = 0
        self.credit = 0
        self.used: set[int] = set()
        self.newest = -1
        self.here: set[int] = set()

    def step(self, source: Source) -> None:
        """One thing happens."""
        match source.number(10):
            case 0 | 1 | 2 | 9 if self.keys is None and self.handshake.welcome:
                self.keys = self.handshake.keys
                self.end.hear(self.handshake.welcome)
            case 0 | 1 if self.keys is not None and not self.chunk_size:
                self._accept(source)
            case 2 | 3:
                self.passes(source)
            case 0 | 4 | 5:
                self._acknowledge(source)
            case 6:
                self._change(source)
            case _:
                self.anything(source)
        if source.number(4):
            self.turn()
        self._hear()

    def says(self, *frames: f.Frame, number: int | None = None) -> None:
        for frame in frames:
            if isinstance(frame, f.Accept | f.Ack):
                self.credit = max(self.credit, frame.credit)
            self.done = self.done or isinstance(frame, f.Done)
        super().says(*frames, number=number)

    def seals(self, payload: bytes, *, number: int | None = None) -> None:
        try:  # bytes at random may be frames
            for frame in decode_frames(payload):
                if isinstance(frame, f.Accept | f.Ack):
                    self.credit = max(self.credit, frame.credit)
                self.done = self.done or isinstance(frame, f.Done)
        except MalformedPacket:
            pass
        super().seals(payload, number=number)

    def _accept(self, source: Source) -> None:
        self.chunk_size = source.one_of(CHUNK_SIZES)
        blocks = source.number(4)
        leaves = tree_of(self.content, self.chunk_size).leaves[: blocks * LEAF_SIZE]
        digest = digest_of(leaves) if source.number(3) else bytes(32)
        limits = source.one_of((5, 200, source.word())), source.one_of((0, 1 << 20, source.word()))
        self.says(f.Accept(0, 0.0, *limits, self.chunk_size, blocks, digest if blocks else b""))
        self.turn()
        if source.number(4):
            self.says(f.Skipped(blocks))

    def _acknowledge(self, source: Source) -> None:
        """What has come, or some of it."""
        low = source.one_of((0, max(self.newest - source.number(60), 0)))
        high = max(self.newest + 1 - source.number(5), 0)
        ranges = ((low, high),) if low < high else ()
        self.says(f.Ack(source.number(20) / 1000, source.word(), source.word(), ranges))

    def _change(self, source: Source) -> None:
        if not source.number(4):
            self.changed = True
            os.truncate(self.path, source.one_of((0, 1000, TOTAL - 1, TOTAL + 1)))

    def _hear(self) -> None:
        while self.end.sent:
            datagram = self.end.sent.popleft()
            kind, _, number, chunk = decode_header(datagram)
            if kind is PacketType.HELLO:
                assert len(datagram) in DATAGRAM_SIZES
                if not self.handshake.welcome and len(datagram) >= BASE_DATAGRAM:
                    self.handshake.receive(datagram, lambda: FRESH, now=0.0, announced=True)
                self.used.add(number)
                continue
            assert self.keys is not None
            assert number not in self.used, "a number came twice under a key"
            self.used.add(number)
            self.newest = max(self.newest, number)
            header = datagram[:HEADER_SIZE]
            payload = AESGCM(self.keys.receive).decrypt(header, datagram[HEADER_SIZE:], None)
            if kind is PacketType.DATA:
                assert chunk < self.credit, "that was not to be sent yet"
                size = self.presenter.presenting._engine.chunk_size
                start = chunk * size
                if not self.changed:
                    assert payload == self.content[start : start + size]
            else:
                said = decode_frames(payload)
                self.finished = self.finished or any(isinstance(each, f.Fin) for each in said)

    def check(self) -> None:
        """What must hold."""
        engine = self.presenter.presenting._engine
        recovery = engine.sending.recovery
        out = sum(run.end - run.start for run in recovery._runs)
        assert recovery.in_flight == out >= 0
        assert len(recovery.retransmit) <= len(self.content) // SMALLEST_CHUNK + 64
        if any(isinstance(report, Uploaded) for report in self.end.reports):
            assert self.done
            assert self.finished

    def close(self) -> None:
        self.linger()
        self._hear()
