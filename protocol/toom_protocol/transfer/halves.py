"""Chunks that travel in two halves, where the path takes no full datagram any more (PROTOCOL 5.13).

Belongs here: sealing, opening and joining halves. Does not: when they are needed (path_mtu), what a
whole chunk means (audience). A path rarely comes to this, so each datagram may cost some Python.

Both halves bear the packet number of their chunk and differ in type. The type is part of the
header, and the header is the nonce: none comes twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from toom_protocol.errors import MalformedPacket
from toom_protocol.transfer.packets import (
    HEADER_SIZE,
    OVERHEAD,
    PacketType,
    decode_header,
    encode_header,
)

HALVES: Final = (PacketType.FIRST_HALF, PacketType.SECOND_HALF)
MAX_KEPT: Final = 1024  # halves that wait for the other one, 0.7 MB; of more the oldest is dropped


class HalfSealer:
    """Seals chunks as halves."""

    def __init__(self, key: bytes, *, connection: int, chunk_size: int) -> None:
        self.datagram_size: Final = chunk_size // 2 + OVERHEAD
        self._cipher = AESGCM(key)
        self._connection = connection
        self._chunk_size = chunk_size

    def seal(self, packet_number: int, chunk: int, content: memoryview) -> Iterator[bytes]:
        """Seal consecutive chunks; the last may be shorter.

        Yields:
            All first halves one behind the other, then all second ones; of each the last datagram
            may be shorter than `datagram_size`.
        """
        size, half = self._chunk_size, self._chunk_size // 2
        for kind, offset in zip(HALVES, (0, half), strict=True):
            datagrams = []
            for index, at in enumerate(range(0, len(content), size)):
                part = content[at + offset : min(at + offset + half, at + size)]
                if part:
                    number = packet_number + index
                    header = encode_header(kind, self._connection, number, chunk + index)
                    datagrams += [header, self._cipher.encrypt(header, bytes(part), None)]
            yield b"".join(datagrams)


@dataclass(frozen=True, slots=True)
class JoinedChunk:
    """A genuine chunk, under the packet number of the half that came last."""

    packet_number: int
    chunk: int
    content: bytes


class HalfOpener:
    """Opens halves, and keeps each until the other one is here."""

    def __init__(self, key: bytes, *, connection: int, chunk_size: int, size: int) -> None:
        """Prepare for one file.

        Args:
            size: of the file in bytes; tells how long its last chunk is.
        """
        self.dropped = 0  # datagrams that were not genuine
        self._cipher = AESGCM(key)
        self._connection = connection
        self._chunk_size = chunk_size
        self._size = size
        self._kept: dict[tuple[int, PacketType], bytes] = {}  # by chunk

    def unseal(
        self, buffer: memoryview, start: int, end: int, segment: int
    ) -> Iterator[JoinedChunk]:
        """Open datagrams of `segment` bytes (the last may be shorter); give what is whole now."""
        for at in range(start, end, segment):
            try:
                whole = self._take(bytes(buffer[at : min(at + segment, end)]))
            except MalformedPacket:
                self.dropped += 1
            else:
                if whole is not None:
                    yield whole

    def _take(self, datagram: bytes) -> JoinedChunk | None:
        kind, connection, packet_number, chunk = decode_header(datagram)
        half = self._chunk_size // 2
        length = min(self._size - chunk * self._chunk_size, self._chunk_size)
        sizes = {PacketType.FIRST_HALF: min(length, half), PacketType.SECOND_HALF: length - half}
        size = sizes.get(kind, 0)
        if connection != self._connection or size <= 0 or len(datagram) != size + OVERHEAD:
            raise MalformedPacket("no half of this file")
        header, sealed = datagram[:HEADER_SIZE], datagram[HEADER_SIZE:]
        try:
            content = self._cipher.decrypt(header, sealed, None)
        except InvalidTag as fault:
            raise MalformedPacket("the tag does not verify") from fault
        if length <= half:
            return JoinedChunk(packet_number, chunk, content)
        first = kind is PacketType.FIRST_HALF
        other = self._kept.pop((chunk, HALVES[1 if first else 0]), None)
        if other is not None:
            self._kept.pop((chunk, kind), None)
            return JoinedChunk(packet_number, chunk, content + other if first else other + content)
        if len(self._kept) >= MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[chunk, kind] = content
        return None
