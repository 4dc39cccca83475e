"""AES-256-GCM on every datagram, with a key for each direction (PROTOCOL 5.2).

Belongs here: sealing and opening. Does not: where the keys come from (hello), what the numbers
mean. A datagram that does not open was damaged, forged or meant for somebody else; it is dropped
alone, whatever it says.

The header is the nonce: it is authenticated with it, and unique, since a packet number never comes
twice under a key (RFC 5116 3.1). Data goes in batches through buffers that are made once: nothing
happens per datagram but the cipher.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import repeat
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from toom_protocol.errors import MalformedPacket
from toom_protocol.transfer.columns import WORD, column, columns_of
from toom_protocol.transfer.frame_codec import decode_frames, encode_frames
from toom_protocol.transfer.frames import Frame
from toom_protocol.transfer.packets import (
    BATCH,
    HEADER,
    HEADER_SIZE,
    MAX_NUMBER,
    OVERHEAD,
    PacketType,
    encode_header,
    first_word,
)
from toom_protocol.transfer.tree import block_buffer


class ControlSeal:
    """Seals and opens the control datagrams of one direction."""

    def __init__(self, key: bytes, *, connection: int, speaker: PacketType) -> None:
        """Take a direction's key.

        Args:
            speaker: PRESENTER_CONTROL or AUDIENCE_CONTROL.
        """
        self._cipher = AESGCM(key)
        self._connection = connection
        self._speaker = speaker

    def seal(self, packet_number: int, frames: tuple[Frame, ...]) -> bytes:
        """One control datagram."""
        header = encode_header(self._speaker, self._connection, packet_number)
        return header + self._cipher.encrypt(header, encode_frames(frames), None)

    def unseal(self, datagram: bytes | memoryview) -> tuple[Frame, ...]:
        """The frames of a control datagram.

        Raises:
            MalformedPacket: not genuine, or not decodable.
        """
        if len(datagram) < OVERHEAD:
            raise MalformedPacket(f"{len(datagram)} bytes are less than a header and a tag")
        header, sealed = datagram[:HEADER_SIZE], datagram[HEADER_SIZE:]
        try:
            payload = self._cipher.decrypt(bytes(header), bytes(sealed), None)
        except InvalidTag as fault:
            raise MalformedPacket("the tag does not verify") from fault
        return decode_frames(payload)


class DataSealer:
    """Seals the chunks of one transfer, a batch at a time.

    `content` is where the file's bytes of the next batch belong, a buffer for a block (tree); what
    `seal` returns is valid until the next call.
    """

    def __init__(self, key: bytes, *, connection: int, chunk_size: int) -> None:
        self.datagram_size: Final = chunk_size + OVERHEAD
        self.content: Final = block_buffer()
        self._cipher = AESGCM(key)
        self._word = first_word(PacketType.DATA, connection)
        self._chunk_size = chunk_size
        self._wire = memoryview(bytearray(BATCH * self.datagram_size))
        starts = range(0, len(self._wire), self.datagram_size)
        for at in starts:
            HEADER.pack_into(self._wire, at, self._word, 0, 0)
        _, self._numbers, self._places = columns_of(self._wire, self.datagram_size)
        self._nonces = [self._wire[at : at + HEADER_SIZE] for at in starts]
        self._sealed = [self._wire[at + HEADER_SIZE : at + self.datagram_size] for at in starts]
        self._chunks = [
            self.content[at : at + chunk_size] for at in range(0, BATCH * chunk_size, chunk_size)
        ]

    def seal(self, packet_number: int, chunk: int, length: int) -> memoryview:
        """Seal the first `length` bytes of `content` as datagrams, one behind the other.

        All have `datagram_size` bytes but the last, whose chunk may be a shorter one.
        """
        count = -(-length // self._chunk_size)
        full = length // self._chunk_size
        wire, size = self._wire, self.datagram_size
        self._numbers[:count] = column(packet_number, count)
        self._places[:count] = column(chunk, count)
        _drain(
            map(
                self._cipher.encrypt_into,
                self._nonces[:full],
                self._chunks,
                repeat(None),
                self._sealed,
            )
        )
        if full == count:
            return wire[: count * size]
        at, rest = full * size, length - full * self._chunk_size
        end = at + rest + OVERHEAD
        self._cipher.encrypt_into(
            wire[at : at + HEADER_SIZE],
            self.content[full * self._chunk_size : length],
            None,
            wire[at + HEADER_SIZE : end],
        )
        return wire[:end]


@dataclass(frozen=True, slots=True)
class OpenedRun:
    """Genuine chunks that follow each other, and where their bytes stand in `content`."""

    packet_number: int
    chunk: int
    count: int
    start: int
    end: int


class DataOpener:
    """Opens the chunks of one transfer, a batch at a time.

    What has come lies in a buffer that does not move; its slices are made once. What was opened
    stands in `content`, a buffer for a block (tree), until the next call.
    """

    def __init__(self, key: bytes, *, connection: int, chunk_size: int, size: int) -> None:
        """Prepare for one file.

        Args:
            size: of the file in bytes; tells how long its last chunk is.
        """
        self.content: Final = block_buffer()
        self.dropped = 0  # datagrams that were not genuine
        self._cipher = AESGCM(key)
        self._word = first_word(PacketType.DATA, connection)
        self._chunk_size = chunk_size
        self._datagram_size = chunk_size + OVERHEAD
        self._size = size
        self._buffer: memoryview | None = None
        self._nonces: list[memoryview] = []
        self._sealed: list[memoryview] = []
        self._words = self._numbers = self._places = memoryview(b"")  # of the headers there
        self._own_words = memoryview(HEADER.pack(self._word, 0, 0)[:WORD] * BATCH).cast("I")
        self._chunks = [
            self.content[at : at + chunk_size] for at in range(0, BATCH * chunk_size, chunk_size)
        ]

    def unseal(self, buffer: memoryview, start: int, end: int, segment: int) -> list[OpenedRun]:
        """Open datagrams of `segment` bytes (the last may be shorter) that stand in a buffer.

        Returns:
            What is genuine and fits the file; the rest is counted and dropped.
        """
        count = -(-(end - start) // segment)
        if start == 0 and segment == self._datagram_size and 1 < count <= BATCH:
            run = self._open_batch(buffer, end, count)
            if run is not None:
                return [run]
        return self._open_each(buffer, start, end, segment)

    def _open_batch(self, buffer: memoryview, end: int, count: int) -> OpenedRun | None:
        """Open a batch as it was sealed: consecutive numbers, of which the cipher is the proof."""
        last = (count - 1) * self._datagram_size
        if buffer is not self._buffer:
            self._slice(buffer)
        word, packet_number, chunk = HEADER.unpack_from(buffer)
        if word != self._word or packet_number > MAX_NUMBER - count:
            return None
        if not self._fits(chunk + count - 1, end - last):
            return None
        # The kernel joins what comes in a row, whatever it says: each number is looked at.
        if (
            self._words[:count] != self._own_words[:count]
            or self._numbers[:count] != column(packet_number, count)
            or self._places[:count] != column(chunk, count)
        ):
            return None
        full = count if end - last == self._datagram_size else count - 1
        try:
            _drain(
                map(
                    self._cipher.decrypt_into,
                    self._nonces[:full],
                    self._sealed,
                    repeat(None),
                    self._chunks,
                )
            )
            opened = full * self._chunk_size
            if full < count:
                opened += self._cipher.decrypt_into(
                    buffer[last : last + HEADER_SIZE],
                    buffer[last + HEADER_SIZE : end],
                    None,
                    self.content[opened : opened + end - last - OVERHEAD],
                )
        except InvalidTag:
            return None
        return OpenedRun(packet_number, chunk, count, 0, opened)

    def _slice(self, buffer: memoryview) -> None:
        size = self._datagram_size
        starts = range(0, len(buffer) - size + 1, size)
        self._buffer = buffer
        self._nonces = [buffer[at : at + HEADER_SIZE] for at in starts]
        self._sealed = [buffer[at + HEADER_SIZE : at + size] for at in starts]
        whole = buffer[: len(buffer) // WORD * WORD]
        self._words, self._numbers, self._places = columns_of(whole, size)

    def _open_each(self, buffer: memoryview, start: int, end: int, segment: int) -> list[OpenedRun]:
        """Open datagrams one by one; those that follow each other become a run again."""
        runs: list[OpenedRun] = []
        filled = 0
        for at in range(start, end, segment):
            until = min(at + segment, end)
            if until - at < OVERHEAD:
                self.dropped += 1
                continue
            word, packet_number, chunk = HEADER.unpack_from(buffer, at)
            size = until - at - OVERHEAD
            if word != self._word or not self._fits(chunk, until - at):
                self.dropped += 1
                continue
            if filled + size > BATCH * self._chunk_size:
                break  # the kernel joins no more than a batch; whatever this is, it comes again
            try:
                self._cipher.decrypt_into(
                    buffer[at : at + HEADER_SIZE],
                    buffer[at + HEADER_SIZE : until],
                    None,
                    self.content[filled : filled + size],
                )
            except InvalidTag:
                self.dropped += 1
                continue
            previous = runs[-1] if runs else None
            if previous is not None and (
                (previous.packet_number + previous.count, previous.chunk + previous.count)
                == (packet_number, chunk)
            ):
                runs[-1] = OpenedRun(
                    previous.packet_number,
                    previous.chunk,
                    previous.count + 1,
                    previous.start,
                    filled + size,
                )
            else:
                runs.append(OpenedRun(packet_number, chunk, 1, filled, filled + size))
            filled += size
        return runs

    def _fits(self, chunk: int, datagram: int) -> bool:
        """Whether the datagram with this chunk has as many bytes as it must."""
        rest = self._size - chunk * self._chunk_size
        return rest > 0 and datagram - OVERHEAD == min(rest, self._chunk_size)


def _drain(calls: map[int]) -> None:
    """Make the calls of an iterator, and keep nothing."""
    deque(calls, maxlen=0)
