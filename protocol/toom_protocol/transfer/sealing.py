"""Suite 1: a keyed tag on every datagram, with a key for each direction (PROTOCOL 5.2).

Belongs here: making and checking tags. Does not: numbers and their meaning. A datagram that does
not verify was damaged, forged or meant for somebody else; it is dropped alone, whatever it says.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from toom_protocol.errors import MalformedPacket
from toom_protocol.transfer.frames import Frame, decode_frames, encode_frames
from toom_protocol.transfer.packets import (
    HEADER,
    HEADER_SIZE,
    KEY_SIZE,
    TAG_SIZE,
    PacketType,
    encode_header,
)

_PERSON: Final = b"toom transfer 1"  # BLAKE2b personalisation: no other use shares these keys


class Seal:
    """Puts tags on the datagrams of one direction, and checks them."""

    def __init__(self, key: bytes, *, connection: int, from_presenter: bool) -> None:
        """Derive this direction's key from the transfer's key.

        Args:
            key: KEY_SIZE bytes known to the two ends and the server that vended them.
        """
        speaker = b"presenter" if from_presenter else b"audience"
        derived = hashlib.blake2b(
            speaker, key=key, digest_size=KEY_SIZE, person=_PERSON.ljust(16, b"\0")
        ).digest()
        # A prepared state is copied for each datagram: the key's block is hashed only once.
        self._keyed = hashlib.blake2b(key=derived, digest_size=TAG_SIZE)
        self._connection = connection
        self._control = (
            PacketType.PRESENTER_CONTROL if from_presenter else PacketType.AUDIENCE_CONTROL
        )
        self._data_word = int(PacketType.DATA) << 28 | connection

    def seal_chunks(
        self, packet_number: int, chunk: int, content: bytes, chunk_size: int
    ) -> list[bytes]:
        """The data datagrams of one run, `content` being its chunks one behind the other."""
        view = memoryview(content)
        datagrams = []
        pack, word, keyed = HEADER.pack, self._data_word, self._keyed
        for index, offset in enumerate(range(0, len(content), chunk_size)):
            body = (
                pack(word, packet_number + index, chunk + index)
                + view[offset : offset + chunk_size]
            )
            tag = keyed.copy()
            tag.update(body)
            datagrams.append(body + tag.digest())
        return datagrams

    def seal_control(self, packet_number: int, frames: tuple[Frame, ...]) -> bytes:
        """One control datagram."""
        header = encode_header(self._control, self._connection, packet_number)
        body = header + encode_frames(frames)
        tag = self._keyed.copy()
        tag.update(body)
        return body + tag.digest()

    def verifies(self, datagram: bytes) -> bool:
        """Whether the tag at the end of `datagram` was made with this direction's key."""
        tag = self._keyed.copy()
        tag.update(memoryview(datagram)[:-TAG_SIZE])
        return hmac.compare_digest(tag.digest(), datagram[-TAG_SIZE:])

    def open_control(self, datagram: bytes) -> tuple[Frame, ...]:
        """The frames of a control datagram.

        Raises:
            MalformedPacket: not genuine, or not decodable.
        """
        if not self.verifies(datagram):
            raise MalformedPacket("the tag does not verify")
        return decode_frames(datagram[HEADER_SIZE:-TAG_SIZE])
