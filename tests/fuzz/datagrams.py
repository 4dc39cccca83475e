"""Anybody's bytes against all that hears the network, and against a transfer that is under way.

Who speaks has no key; it may know the ticket, and repeat, damage and delay what others say
(PROTOCOL 5.10). The transfer arrives all the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.doubles.ends import HAN, TICKET_KEY, YODA, AudienceEnd, Clock, End, PresenterEnd
from tests.fuzz.source import Source
from toom_client.reports import Received, Uploaded
from toom_protocol.errors import MalformedPacket
from toom_protocol.transfer.frame_codec import decode_frames
from toom_protocol.transfer.frames import Offer
from toom_protocol.transfer.hello import AudienceHandshake, PresenterHandshake
from toom_protocol.transfer.packets import (
    BASE_DATAGRAM,
    DATAGRAM_SIZES,
    HEADER,
    LARGEST_CHUNK,
    TAG_SIZE,
    PacketType,
    decode_header,
    encode_header,
    first_word,
    split_by_transfer,
)
from toom_protocol.transfer.sealing import ControlSeal, DataOpener

STEPS: Final = 40  # of one play
LONGEST_STEP: Final = (
    300  # ms; all steps together are shorter than the silence that ends a transfer
)
SIZES: Final = (0, 1, LARGEST_CHUNK, 45 * LARGEST_CHUNK, 100_000)
HELLOS: Final = 2  # with a right mac and a wrong key; a third spends what a ticket is good for


def datagrams(data: bytes) -> None:
    """Whatever comes, nothing is raised but what is documented, and the transfer arrives."""
    with suppress(MalformedPacket):
        decode_frames(data)
    _hear(data)
    source = Source(data)
    with staged(SIZES[source.number(len(SIZES))]) as play:
        for _ in range(STEPS):
            if source.is_empty:
                break
            play.step(source)
        play.arrive()


def _hear(data: bytes) -> None:
    """Give the bytes to each of those who hear the network."""
    segment = 1 + int.from_bytes(data[:2], "big") % 1600
    buffer = memoryview(bytearray(data.ljust(1 << 16, b"\0")))
    covered = 0
    for _, start, end in split_by_transfer(buffer, len(data), segment):
        assert start == covered < end <= len(data)
        covered = end
    with suppress(MalformedPacket):
        decode_header(data)
    hello = data[: max(size for size in (0, *DATAGRAM_SIZES) if size <= len(data))]
    audience = AudienceHandshake(7, TICKET_KEY, static=HAN, presenter=YODA.public)
    presenter = PresenterHandshake(
        7, TICKET_KEY, Offer(1, "a"), static=YODA, ephemeral=HAN, audience=HAN.public
    )
    for kind, hears in (
        (PacketType.HELLO, lambda it: audience.receive(it, lambda: HAN, now=0.0)),
        (PacketType.WELCOME, presenter.welcomed),
    ):
        for datagram in (hello, marked(encode_header(kind, 7, 0) + hello[12:])):
            try:
                hears(datagram)
            except MalformedPacket:
                continue
            raise AssertionError("somebody without a key was heard")
    for speaker in PacketType:
        with suppress(MalformedPacket):
            assert not ControlSeal(b"k" * 32, connection=7, speaker=speaker).unseal(data)
    opener = DataOpener(b"k" * 32, connection=7, chunk_size=LARGEST_CHUNK, size=100_000)
    words = bytearray(buffer)
    words[0:4] = first_word(PacketType.DATA, 7).to_bytes(4, "big")
    assert not opener.unseal(memoryview(words), 0, len(data), segment)


def marked(datagram: bytes) -> bytes:
    """A datagram of the handshake with the mac of somebody who knows the ticket."""
    content = datagram[:-TAG_SIZE]
    person = b"toom transfer 2".ljust(16, b"\0")
    mac = hashlib.blake2b(content, key=TICKET_KEY, digest_size=TAG_SIZE, person=person)
    return content + mac.digest()


class Play:
    """A transfer, and somebody beside it."""

    def __init__(self, folder: Path, size: int) -> None:
        self._content = bytes(i * 7 & 255 for i in range(256)) * (size // 256 + 1)
        self._content = self._content[:size]
        self._directory = folder / "han"
        self._directory.mkdir()
        path = folder / "film.mp4"
        path.write_bytes(self._content)
        self._clock = Clock()
        self._yoda = PresenterEnd(path, self._clock)
        self._han = AudienceEnd(self._directory, self._clock)
        self._han.works = False
        self._heard: list[tuple[End, bytes]] = []  # what was said, and to whom
        self._hellos = 0

    def step(self, source: Source) -> None:
        """One thing happens."""
        end = source.one_of((self._yoda, self._han))
        match source.number(10):
            case 0:
                self._pass(source.number(60))
            case 1:
                self._clock.now += source.number(LONGEST_STEP) / 1000
                self._turn()
            case 2:
                self._han.work(told=True)
                self._turn()
            case 3 | 4 if self._heard:
                end, datagram = source.one_of(self._heard[-256:])
                end.hear(datagram)  # again
            case 5 if self._heard:
                end, datagram = source.one_of(self._heard[-256:])
                self._damage(source, end, datagram)
            case 6:
                self._hello(source, end)
            case _:
                self._anything(source, end)

    def arrive(self) -> None:
        """Nobody disturbs the two any more."""
        self._han.works = True
        for _ in range(10_000):
            self._turn()
            if self._yoda.is_over and self._han.is_over:
                break
            if not self._pass(1000):
                live = [end.deadline() for end in (self._yoda, self._han) if not end.is_over]
                self._clock.now = max(self._clock.now, *live[:1], min(live))
        assert self._yoda.reports == [Uploaded("film.mp4", "Han")], self._yoda.reports
        assert self._han.reports == [Received("film.mp4", "Yoda")], self._han.reports
        assert (self._directory / "Yoda_film.mp4").read_bytes() == self._content
        assert not any((self._directory / ".toom").iterdir())

    def _turn(self) -> None:
        self._yoda.turn()
        self._han.turn()

    def _pass(self, most: int) -> int:
        """Carry what has been said; give how many datagrams that were."""
        carried = 0
        for end, other in ((self._yoda, self._han), (self._han, self._yoda)):
            for _ in range(min(most, len(end.sent))):
                datagram = end.sent.popleft()
                self._heard.append((other, datagram))
                other.hear(datagram)
                carried += 1
        self._turn()
        return carried

    def _forged(self, end: End, content: bytes, segment: int | None = None) -> None:
        """Let come what nobody may heed: nothing is said or waited for that was not before."""
        before = end.deadline(), len(end.sent), len(end.reports)
        end.hear(content, segment)
        assert (end.deadline(), len(end.sent), len(end.reports)) == before

    def _damage(self, source: Source, end: End, datagram: bytes) -> None:
        at, bits = source.number(len(datagram)), 1 + source.number(255)
        match source.number(3):
            case 0:
                damaged = bytearray(datagram)
                damaged[at] ^= bits
                self._forged(end, bytes(damaged))
            case 1:
                self._forged(end, datagram[:at])
            case _:
                self._forged(end, datagram + bytes(bits))

    def _hello(self, source: Source, end: End) -> None:
        """Who knows the ticket says what only it can: a right mac over anything."""
        said = [each for each in self._heard if each[1][0] >> 4 >= PacketType.HELLO]
        if said and source.number(2):
            end, datagram = source.one_of(said)
            number = HEADER.pack(*HEADER.unpack_from(datagram)[:1], source.word(), source.word())
            end.hear(marked(number + datagram[12:]))
            return
        kind = source.one_of((PacketType.HELLO, PacketType.WELCOME))
        if kind is PacketType.HELLO and self._hellos >= HELLOS:
            return
        self._hellos += kind is PacketType.HELLO
        message = source.text(120)
        body = len(message).to_bytes(2, "big") + message if kind is PacketType.HELLO else message
        size = BASE_DATAGRAM if kind is PacketType.HELLO else 76
        datagram = encode_header(kind, 7, source.word()) + body
        self._forged(end, marked(datagram.ljust(size, b"\0")))

    def _anything(self, source: Source, end: End) -> None:
        """Datagrams of any kind, number and length, one or several at once."""
        content = b""
        lengths = (*DATAGRAM_SIZES, 76, 28, source.number(100), source.number(1600))
        segment = source.one_of(lengths)
        for _ in range(1 + source.number(4)):
            word = first_word(source.one_of(tuple(PacketType)), source.one_of((7, 7, 8)))
            if not source.number(8):
                word = source.word()
            body = HEADER.pack(word, source.word(), source.word()) + source.text(40)
            content += body.ljust(segment, bytes([source.number(256)]))[: max(segment, 1)]
        self._forged(end, content[: len(content) - source.number(40)], segment)


@contextmanager
def staged(size: int) -> Iterator[Play]:
    """A play with a film of so many bytes, in a directory of its own."""
    with TemporaryDirectory(prefix="toom-fuzz-") as folder:
        yield Play(Path(folder), size)
