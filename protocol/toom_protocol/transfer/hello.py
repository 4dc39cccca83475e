"""How two ends that have the same ticket agree on keys: HELLO and WELCOME (PROTOCOL 5.2).

Belongs here: the two datagrams of the handshake. Does not: the key exchange itself (noise), what
is said under the keys (sealing).

    HELLO    header | size of the message (2) | message | zeros | mac (16)
    WELCOME  header | message | mac (16)

A hello carries the offer. It is as long as the datagrams of data will be, so its answer says that
the path takes them; and no answer is longer, so nobody's address can be flooded by it (RFC 9000 8).
The mac is keyed with the ticket: who has none costs the audience one hash and hears nothing.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Final

from toom_protocol.errors import MalformedPacket
from toom_protocol.transfer.frame_codec import decode_frames, encode_frames
from toom_protocol.transfer.frames import Offer
from toom_protocol.transfer.noise import Initiator, KeyPair, Keys, Responder
from toom_protocol.transfer.packets import (
    DATAGRAM_SIZES,
    HEADER_SIZE,
    TAG_SIZE,
    PacketType,
    connection_of,
    decode_header,
    encode_header,
)

MAX_ATTEMPTS: Final = 3  # hellos with a right mac and a wrong key that cost an exchange at once;
ATTEMPT_EVERY: Final = 0.5  # seconds until one more does
_PERSON: Final = b"toom transfer 2"  # BLAKE2b personalisation: no other use shares this key
_PROLOGUE: Final = b"toom transfer 2\0"
_LENGTH: Final = 2  # bytes


class _Ticket:
    """What both ends were given, for the two datagrams."""

    def __init__(self, number: int, key: bytes) -> None:
        self.connection = connection_of(number)
        self.prologue = _PROLOGUE + number.to_bytes(8, "big") + key
        self._key = key

    def seal(self, datagram: bytes) -> bytes:
        return datagram + self._mac(datagram)

    def check(self, datagram: bytes, kind: PacketType) -> tuple[int, bytes]:
        """Give packet number and body.

        Raises:
            MalformedPacket: it was not made by who has the ticket.
        """
        its_kind, connection, packet_number, _ = decode_header(datagram)
        if its_kind is not kind or connection != self.connection:
            raise MalformedPacket("this is for somebody else")
        if not hmac.compare_digest(self._mac(datagram[:-TAG_SIZE]), datagram[-TAG_SIZE:]):
            raise MalformedPacket("the mac does not verify")
        return packet_number, datagram[HEADER_SIZE:-TAG_SIZE]

    def _mac(self, content: bytes) -> bytes:
        person = _PERSON.ljust(16, b"\0")
        return hashlib.blake2b(content, key=self._key, digest_size=TAG_SIZE, person=person).digest()


class PresenterHandshake:
    """Says hello until it is welcome."""

    def __init__(
        self,
        number: int,
        key: bytes,
        offer: Offer,
        *,
        static: KeyPair,
        ephemeral: KeyPair,
        audience: bytes,
    ) -> None:
        """Prepare the hello.

        Args:
            number: of the ticket.
            key: of the ticket.
            static: this client's keys since it logged in.
            ephemeral: fresh, for this handshake alone.
            audience: the public key for which the server vouches.

        Raises:
            MalformedPacket: that key is no good.
        """
        self._ticket = _Ticket(number, key)
        self._noise = Initiator(static, ephemeral, audience, prologue=self._ticket.prologue)
        self._message = self._noise.write(encode_frames((offer,)))

    def hello(self, packet_number: int, size: int) -> bytes:
        """A hello of so many bytes."""
        header = encode_header(PacketType.HELLO, self._ticket.connection, packet_number)
        body = header + len(self._message).to_bytes(_LENGTH, "big") + self._message
        return self._ticket.seal(body.ljust(size - TAG_SIZE, b"\0"))

    def welcomed(self, datagram: bytes) -> Keys:
        """Take the answer: from now on both ends have keys.

        Raises:
            MalformedPacket: it is none of this audience.
        """
        _, message = self._ticket.check(datagram, PacketType.WELCOME)
        self._noise.read(message)
        return self._noise.keys


class _Attempts:
    """How many hellos may cost an exchange of keys: a few at once, then one now and then."""

    def __init__(self) -> None:
        self._left = float(MAX_ATTEMPTS)
        self._time: float | None = None  # of the latest

    def take(self, *, now: float) -> bool:
        """Whether one more may."""
        if self._time is not None:
            earned = (now - self._time) / ATTEMPT_EVERY
            self._left = min(self._left + earned, MAX_ATTEMPTS)
        self._time = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class AudienceHandshake:
    """Waits for the hello of one announced presenter."""

    def __init__(self, number: int, key: bytes, *, static: KeyPair, presenter: bytes) -> None:
        """Expect it.

        Args:
            number: of the ticket.
            key: of the ticket.
            static: this client's keys since it logged in.
            presenter: the public key for which the server vouches.
        """
        self.datagram_size = 0
        """Bytes of the longest hello that has come: the path takes datagrams of this size."""
        self.keys: Keys | None = None
        self._ticket = _Ticket(number, key)
        self._static = static
        self._presenter = presenter
        # from the announced address, and from elsewhere
        self._attempts = {True: _Attempts(), False: _Attempts()}
        self._message = b""  # that was accepted
        self._offer: Offer | None = None
        self._welcome = b""

    def receive(
        self,
        datagram: bytes,
        ephemeral: Callable[[], KeyPair],
        *,
        now: float,
        announced: bool = True,
    ) -> tuple[int, Offer]:
        """Take a hello; `welcome` is what to answer.

        Args:
            now: seconds; what strangers have tried is forgiven with time.
            ephemeral: makes fresh keys; asked for the first hello that is genuine.
            announced: it comes from where the server has seen the presenter. What strangers try
                from elsewhere does not use up what the announced address may try.

        Returns:
            Its packet number, and the offer, which is the same each time.

        Raises:
            MalformedPacket: it is none of this presenter, or another one was taken before.
        """
        if len(datagram) not in DATAGRAM_SIZES:
            raise MalformedPacket(f"a hello of {len(datagram)} bytes")
        packet_number, body = self._ticket.check(datagram, PacketType.HELLO)
        message = body[_LENGTH : _LENGTH + int.from_bytes(body[:_LENGTH], "big")]
        if self._offer is None:
            if not self._attempts[announced].take(now=now):
                raise MalformedPacket("too many hellos that do not verify")
            self._open(message, ephemeral)
        elif not hmac.compare_digest(message, self._message):
            raise MalformedPacket("another hello was taken before")
        assert self._offer is not None
        self.datagram_size = max(self.datagram_size, len(datagram))
        return packet_number, self._offer

    @property
    def welcome(self) -> bytes:
        """The answer to every genuine hello: the same bytes each time."""
        return self._welcome

    def _open(self, message: bytes, ephemeral: Callable[[], KeyPair]) -> None:
        prologue = self._ticket.prologue
        noise = Responder(self._static, prologue=prologue, initiator=self._presenter)
        frames = decode_frames(noise.read(message))
        if len(frames) != 1 or not isinstance(frames[0], Offer):
            raise MalformedPacket("a hello without an offer")
        answer = noise.write(ephemeral(), b"")
        header = encode_header(PacketType.WELCOME, self._ticket.connection, 0)
        self._welcome = self._ticket.seal(header + answer)
        self._message, self._offer, self.keys = message, frames[0], noise.keys
