"""Who has the keys of one direction of a transfer and says anything under them."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.doubles.ends import (
    Clock,
    End,
)
from tests.fuzz.source import Source
from toom_protocol.transfer import frames as f
from toom_protocol.transfer.frame_codec import encode_frames
from toom_protocol.transfer.noise import Keys
from toom_protocol.transfer.packets import (
    CHUNK_SIZES,
    LARGEST_CHUNK,
    PacketType,
    encode_header,
)
from toom_protocol.transfer.reasons import Reason
from toom_protocol.transfer.tree import LeafMaker, Tree

SIZES: Final = (0, 1, LARGEST_CHUNK, 50 * LARGEST_CHUNK, 100_001, 150_000)
TOTAL: Final = 150_000  # bytes that the hostile presenter has to send


def content_of(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def tree_of(content: bytes, chunk_size: int) -> Tree:
    tree = Tree(len(content), chunk_size)
    LeafMaker(tree, len(content), chunk_size).update(memoryview(content))
    return tree


def frame_of(source: Source) -> f.Frame:
    """Any frame; what it says is near the truth at times."""
    reason = Reason(source.number(18))
    match source.number(13):
        case 0:
            return f.Offer(source.one_of(SIZES), "c.mp4")
        case 1:
            blocks = source.one_of((0, 0, 1, 2, source.word()))
            digest = bytes(32) if blocks else b""
            chunk = source.one_of((*CHUNK_SIZES, source.number(1 << 16)))
            limits = source.word(), source.word()
            return f.Accept(source.number(4), source.number(3) / 10, *limits, chunk, blocks, digest)
        case 2:
            word: f.Frame = f.Hold() if source.number(2) else f.Ping()
            return word if source.number(6) else f.Refuse(reason)
        case 3 | 4:
            limits = source.word(), source.word()
            leaves = source.one_of((0, 1, 3, source.word()))
            return f.Ack(source.number(3) / 10, *limits, ranges_of(source), leaves)
        case 5:
            return f.Fin(source.text(200).ljust(32, b"\0")[:32])
        case 6:
            return f.Done()
        case 7:
            word = f.Hold() if source.number(2) else f.Ping()
            return word if source.number(6) else f.Abort(reason)
        case 8:
            return f.End()
        case 11:
            first = source.one_of((0, 1, 2, source.word()))
            return f.Leaves(first, bytes(f.LEAF_SIZE) * (1 + source.number(20)))
        case 12:
            blocks = source.one_of((0, 1, 2, source.word()))
            return f.Repair(((blocks, source.number(256)),) * (1 + source.number(16)))
        case 9:
            return f.Skip(source.one_of((0, 1, 2, source.word())))
        case _:
            two: tuple[f.Frame, ...] = (
                f.Ping(),
                f.Skipped(source.one_of((0, 1, 2, source.word()))),
            )
            return source.one_of(two)


def ranges_of(source: Source) -> tuple[f.Range, ...]:
    edges = sorted({source.one_of((source.number(300), source.word())) for _ in range(10)})
    some = list(zip(edges[::2], edges[1::2], strict=False))
    return tuple(reversed(some[: source.number(6)]))


class Hostile:
    """Who has the keys of one direction; the end that it plays with; what must hold."""

    def __init__(self, clock: Clock, speaker: PacketType) -> None:
        self.clock = clock
        self.keys: Keys | None = None
        self.number = 0
        self.end: End
        self._speaker = speaker

    def says(self, *frames: f.Frame, number: int | None = None) -> None:
        self.seals(encode_frames(frames), number=number)

    def seals(self, payload: bytes, *, number: int | None = None) -> None:
        if self.keys is not None:
            self.number += number is None
            header = encode_header(self._speaker, 7, self.number if number is None else number)
            self.end.hear(header + AESGCM(self.keys.send).encrypt(header, payload, None))

    def anything(self, source: Source) -> None:
        """Frames of all kinds, or bytes that are none, under any number."""
        number = None if source.number(4) else source.word()
        if source.number(5):
            some = [frame_of(source) for _ in range(1 + source.number(3))]
            self.says(*some, number=number)
        else:
            self.seals(source.text(80), number=number)

    def passes(self, source: Source) -> None:
        """Let time pass: nothing, a little, or more than anybody waits."""
        short = (0.0, 0.001, 0.004, 0.03, 0.3, 1.0, 2.1)
        self.clock.now += source.one_of(short if source.number(8) else (16.0, 40.0))
        self.turn()

    def turn(self) -> None:
        self.end.turn()
        assert self.end.is_over or self.end.deadline() > self.clock.now

    def linger(self) -> None:
        """Be silent until the end has gone."""
        for _ in range(200):
            if self.end.is_over:
                return
            self.clock.now = max(self.clock.now, self.end.deadline())
            self.turn()
        raise AssertionError("it never ends")
