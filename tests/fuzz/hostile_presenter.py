"""A presenter with all keys against a whole audience.

Nothing is written outside its directory, and nothing under a final name that was not verified.
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
    AudienceEnd,
    Clock,
)
from tests.fuzz.hostile import SIZES, TOTAL, Hostile, content_of, tree_of
from tests.fuzz.source import Source
from toom_client.berths import Berths
from toom_client.reports import Received
from toom_protocol.transfer import frames as f
from toom_protocol.transfer.hello import PresenterHandshake
from toom_protocol.transfer.noise import KeyPair
from toom_protocol.transfer.packets import (
    BATCH,
    CHUNK_SIZES,
    DATAGRAM_SIZES,
    LARGEST_CHUNK,
    PacketType,
    chunks_in,
    decode_header,
    encode_header,
)
from toom_protocol.transfer.sealing import ControlSeal

FRESH: Final = KeyPair.from_bytes(b"e" * 32)
HUGE: Final = (1 << 42, (1 << 42) * 3, (1 << 63) + 1, (1 << 64) - 1)  # no disk has room for them
NAMES: Final = (
    *("a.mp4", "b", "folder", "folder/a", "../a", "/etc/a", "a/b", "..", ".toom", ".hidden", ""),
    *("x" * 200, "x" * 255, "a\0b", "a\nb", "ü" * 101, ".toom/a", "a..b", "\u2028"),
)


class HostilePresenter(Hostile):
    """Yoda is hostile, and Han listens in a directory of which all is known."""

    def __init__(self, root: Path) -> None:
        super().__init__(Clock(), PacketType.PRESENTER_CONTROL)
        self.root = root
        self.directory = root / "home" / "han"
        (self.directory / "Yoda_folder").mkdir(parents=True)
        (self.directory / "notes.txt").write_text("mine")
        (root / "home" / "secret").write_text("mine")
        self.before = self._outside()
        self.roots: set[bytes] = set()  # that were ever said
        self.blocks = 0  # that the audience says it has
        self.berths = Berths()
        self.content = content_of(TOTAL)
        self.size, self.chunk_size = 0, LARGEST_CHUNK
        self._expect()

    def _expect(self) -> None:
        self.keys, self.number = None, 0
        self.handshake: PresenterHandshake | None = None
        self.audience = AudienceEnd(self.directory, self.clock, berths=self.berths)
        self.end = self.audience

    def step(self, source: Source) -> None:
        """One thing happens."""
        match source.number(12):
            case 0 | 1 if self.handshake is None:
                self._offer(source)
            case 0:
                self._greet(source)
            case 1:
                self.passes(source)
            case 2:
                self.audience.works = bool(source.number(4))
                self.audience.work(told=True)
            case 3 | 4:
                every = source.number(4) == 3
                self._send(0 if every else source.number(110), 110 if every else source.number(50))
            case 5:
                self._send_anything(source)
            case 6:
                self._finish(source)
            case 7 if self.blocks:
                self.says(f.Skip(self.blocks if source.number(4) else 0))
            case 8:
                self._come_again(source)
            case _:
                self.anything(source)
        if source.number(3):
            self.turn()
        self._hear()

    def _offer(self, source: Source) -> None:
        names = (*NAMES, source.text(20).decode(errors="replace"))
        name = source.one_of(names) if source.number(3) == 2 else "a.mp4"
        self.size = source.one_of(HUGE if source.number(8) == 7 else SIZES)
        self.content = content_of(min(self.size, TOTAL))
        self.handshake = PresenterHandshake(
            7,
            TICKET_KEY,
            f.Offer(self.size, name, version=f.VERSION if source.number(16) else f.VERSION + 1),
            static=YODA,
            ephemeral=FRESH,
            audience=HAN.public,
        )
        self._greet(source)
        self.turn()

    def _greet(self, source: Source) -> None:
        if self.handshake is not None:
            number = self.number if source.number(3) else source.word()
            size = source.one_of(DATAGRAM_SIZES)
            self.end.hear(self.handshake.hello(number & 0xFFFFFFFF, size))

    def _send(self, chunk: int, count: int) -> None:
        """Chunks of the file, as they should be."""
        if self.keys is None:
            return
        wire = b""
        for index in range(
            chunk, min(chunk + count, chunks_in(len(self.content), self.chunk_size))
        ):
            self.number += 1
            start = index * self.chunk_size
            wire += self._chunk(self.number, index, self.content[start : start + self.chunk_size])
        step = self.chunk_size + 28
        for at in range(0, len(wire), BATCH * step):
            self.end.hear(wire[at : at + BATCH * step], step)

    def _send_anything(self, source: Source) -> None:
        """Chunks of any number and length, sealed well, several at once."""
        if self.keys is None:
            return
        chunk, number = source.one_of((source.number(110), source.word())), source.word()
        step = source.one_of((0, 1, source.word()))
        length = source.one_of((*CHUNK_SIZES, source.number(1500)))
        wire = b""
        for index in range(1 + source.number(50)):
            at = number + index & 0xFFFFFFFF, chunk + index * step & 0xFFFFFFFF
            wire += self._chunk(*at, bytes([index]) * length)
        self.end.hear(wire, length + 28)

    def _chunk(self, number: int, chunk: int, content: bytes) -> bytes:
        assert self.keys is not None
        header = encode_header(PacketType.DATA, 7, number, chunk)
        return header + AESGCM(self.keys.send).encrypt(header, content, None)

    def _finish(self, source: Source) -> None:
        root = tree_of(self.content, self.chunk_size).root()
        if not source.number(4):
            root = bytes(32)
        leaves = tree_of(self.content, self.chunk_size).leaves
        if not source.number(4):
            leaves = leaves[: f.LEAF_SIZE * source.number(3)] + bytes(f.LEAF_SIZE)
        told = [f.Leaves(0, leaves)] if leaves else []
        self.says(*told, f.Fin(root))

    def says(self, *frames: f.Frame, number: int | None = None) -> None:
        self.roots |= {frame.digest for frame in frames if isinstance(frame, f.Fin)}
        super().says(*frames, number=number)

    def _come_again(self, source: Source) -> None:
        """Han's client ends in the middle, or all of it is over: another ticket."""
        if not source.number(8):
            self.end.quit()
        if self.end.is_over:
            self._drain()
            self._meddle(source)
            self._expect()

    def _meddle(self, source: Source) -> None:
        """Between two tries somebody changes what is unfinished."""
        for path in sorted((self.directory / ".toom").glob("*")):
            match source.number(4):
                case 0:
                    os.truncate(path, source.number(200))
                case 1:
                    path.unlink()
                case 2 if path.stat().st_size:
                    changed = bytearray(path.read_bytes())
                    changed[source.number(len(changed))] ^= 1
                    path.write_bytes(changed)
                case _:
                    pass

    def _drain(self) -> None:
        while self.audience.work(told=True):
            pass

    def _hear(self) -> None:
        if len(self.end.sent) > 400:
            raise AssertionError("it says too much")
        while self.end.sent:
            datagram = self.end.sent.popleft()
            kind, *_ = decode_header(datagram)
            if kind is PacketType.WELCOME and self.keys is None and self.handshake is not None:
                self.keys = self.handshake.welcomed(datagram)
            elif kind is PacketType.AUDIENCE_CONTROL and self.keys is not None:
                seal = ControlSeal(self.keys.receive, connection=7, speaker=kind)
                for frame in seal.unseal(datagram):
                    if isinstance(frame, f.Accept):
                        self.chunk_size, self.blocks = frame.chunk_size, frame.blocks

    def _outside(self) -> dict[str, bytes | None]:
        return {
            str(path): path.read_bytes() if path.is_file() else None
            for path in self.root.rglob("*")
            if not path.is_relative_to(self.directory)
        }

    def check(self) -> None:
        """What must hold."""
        assert self._outside() == self.before
        for path in self.directory.iterdir():
            if path.name in ("notes.txt", "Yoda_folder"):
                continue
            if path.name == ".toom":
                assert all(each.suffix in (".part", ".leaves") for each in path.iterdir())
                continue
            assert path.name.startswith("Yoda_")
            assert path.is_file()
            content = path.read_bytes()
            roots = {tree_of(content, size).root() for size in CHUNK_SIZES}
            assert roots & self.roots, "what stands there was never verified"
        assert (self.directory / "notes.txt").read_text() == "mine"
        assert not list((self.directory / "Yoda_folder").iterdir())
        if any(isinstance(report, Received) for report in self.end.reports):
            assert any(path.name.startswith("Yoda_") for path in self.directory.iterdir())
        if self.end.is_over and not self.audience.jobs:
            assert not len(self.berths)

    def close(self) -> None:
        self.audience.works = True
        self.linger()
        self._drain()
