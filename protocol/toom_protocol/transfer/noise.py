"""The key exchange of two clients (PROTOCOL 5.8): Noise, pattern IK, no randomness of its own.

`Noise_IK_25519_AESGCM_SHA256` of the Noise Protocol Framework, revision 34; "Noise 5.2" cites a
section of it. Both ends know the responder's static public key beforehand:

    → e, es, s, ss      the initiator's static key travels encrypted; a first payload comes with it
    ← e, ee, se         from here on both have two keys, one for each direction

Belongs here: the two messages and the keys. Does not: whose keys they are (the server's word),
what the payloads mean, datagrams. Three things that callers must know:

- The first message can be replayed as it is (Noise 7.7): what its payload asks for must wait for
  the first datagram under the new keys, or do no harm when it is done twice.
- Each object writes one message. Who wants to send it again sends the same bytes.
- A message that is refused changes nothing, since over UDP anybody can send one: the genuine one is
  still taken after it.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from toom_protocol.errors import BadHandshake, MisuseError

NAME: Final = b"Noise_IK_25519_AESGCM_SHA256"
KEY_SIZE: Final = 32  # bytes of each key, public, secret or of a cipher; Noise 12.1, 5.1
TAG_SIZE: Final = 16  # bytes; Noise 5.1
MAX_SIZE: Final = 65535  # bytes of a message; Noise 3
FIRST_OVERHEAD: Final = 2 * KEY_SIZE + 2 * TAG_SIZE  # bytes of the first message beside its payload
SECOND_OVERHEAD: Final = KEY_SIZE + TAG_SIZE
_HASH_SIZE: Final = 32  # bytes; Noise 12.5
# IK draws a new key before each thing that it encrypts, so the counter n of Noise 5.1 is always 0.
_NONCE: Final = bytes(12)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An X25519 key pair (RFC 7748)."""

    private: X25519PrivateKey = field(repr=False)
    public: bytes

    @classmethod
    def from_bytes(cls, secret: bytes) -> KeyPair:
        """Make the pair of a secret: `KEY_SIZE` bytes, random where it is drawn.

        Raises:
            MisuseError: it has another size.
        """
        if len(secret) != KEY_SIZE:
            raise MisuseError(f"a secret key has {KEY_SIZE} bytes, not {len(secret)}")
        private = X25519PrivateKey.from_private_bytes(secret)
        return cls(private, private.public_key().public_bytes_raw())

    def exchange(self, public: bytes) -> bytes:
        """DH of Noise 12.1: what only the owners of the two key pairs can know.

        Raises:
            BadHandshake: `public` is no key, or of low order, so that all would know the result.
        """
        try:
            return self.private.exchange(X25519PublicKey.from_public_bytes(public))
        except ValueError as exc:  # a wrong size, or an all-zero result (RFC 7748, section 6.1)
            raise BadHandshake("a public key is no good") from exc


@dataclass(frozen=True, slots=True)
class Keys:
    """What a handshake ends with.

    Attributes:
        send: for AES-256-GCM, towards the peer; its `receive` is the same.
        receive: for the other direction.
        handshake_hash: names this session, the same at both ends and in no other; no secret.
    """

    send: bytes = field(repr=False)
    receive: bytes = field(repr=False)
    handshake_hash: bytes


@dataclass(frozen=True, slots=True)
class _SymmetricState:
    """Noise 5.2 as a value: each step gives another one, so one that fails leaves no trace."""

    chaining_key: bytes = field(repr=False)
    hash: bytes
    key: bytes = field(default=b"", repr=False)

    def mix_hash(self, content: bytes) -> _SymmetricState:
        mixed = hashlib.sha256(self.hash + content).digest()
        return _SymmetricState(self.chaining_key, mixed, self.key)

    def mix_key(self, shared: bytes) -> _SymmetricState:
        chaining_key, key = _hkdf(self.chaining_key, shared)
        return _SymmetricState(chaining_key, self.hash, key)

    def encrypt(self, plaintext: bytes) -> tuple[_SymmetricState, bytes]:
        """EncryptAndHash."""
        ciphertext = AESGCM(self.key).encrypt(_NONCE, plaintext, self.hash)
        return self.mix_hash(ciphertext), ciphertext

    def decrypt(self, ciphertext: bytes) -> tuple[_SymmetricState, bytes]:
        """DecryptAndHash."""
        try:
            plaintext = AESGCM(self.key).decrypt(_NONCE, ciphertext, self.hash)
        except InvalidTag as exc:
            raise BadHandshake("a handshake does not verify") from exc
        return self.mix_hash(ciphertext), plaintext

    def split(self) -> tuple[bytes, bytes]:
        """The keys of the initiator's and of the responder's direction."""
        return _hkdf(self.chaining_key, b"")


class Initiator:
    """The end that begins; for Toom, the presenter."""

    def __init__(
        self, static: KeyPair, ephemeral: KeyPair, responder: bytes, *, prologue: bytes
    ) -> None:
        """Begin a handshake.

        Args:
            ephemeral: for this handshake alone, from a fresh random secret.
            responder: the public key that the responder must prove to have.
            prologue: what both ends must agree on beside the keys; it does not travel.
        """
        self._static, self._ephemeral, self._responder = static, ephemeral, responder
        self._before = _begin(prologue, responder)
        self._after: _SymmetricState | None = None  # the first message
        self._keys: Keys | None = None

    def write(self, payload: bytes) -> bytes:
        """The first message; `payload` is for the responder's eyes, but see the module.

        Raises:
            BadHandshake: the responder's key is no good.
            MisuseError: there is a first message already, or it would be too large.
        """
        if self._after is not None:
            raise MisuseError("a second message under the same keys")
        _check_payload(payload, FIRST_OVERHEAD)
        state = self._before.mix_hash(self._ephemeral.public)
        state = state.mix_key(self._ephemeral.exchange(self._responder))  # es
        state, static = state.encrypt(self._static.public)
        state = state.mix_key(self._static.exchange(self._responder))  # ss
        self._after, sealed = state.encrypt(payload)
        return self._ephemeral.public + static + sealed

    def read(self, message: bytes) -> bytes:
        """The payload of the second message; then there are `keys`.

        Raises:
            BadHandshake: it is not the responder's answer to our message.
            MisuseError: nothing has been asked, or it has been answered.
        """
        if self._after is None or self._keys is not None:
            raise MisuseError("no answer is awaited")
        _check_message(message, SECOND_OVERHEAD)
        ephemeral, sealed = message[:KEY_SIZE], message[KEY_SIZE:]
        state = self._after.mix_hash(ephemeral)
        state = state.mix_key(self._ephemeral.exchange(ephemeral))  # ee
        state = state.mix_key(self._static.exchange(ephemeral))  # se
        state, payload = state.decrypt(sealed)
        send, receive = state.split()
        self._keys = Keys(send, receive, state.hash)
        return payload

    @property
    def keys(self) -> Keys:
        """What the handshake has given.

        Raises:
            MisuseError: it is not over.
        """
        return _given(self._keys)


class Responder:
    """The end that answers; for Toom, the audience."""

    def __init__(self, static: KeyPair, *, prologue: bytes, initiator: bytes | None = None) -> None:
        """Be ready for a handshake.

        Args:
            prologue: as the initiator's.
            initiator: the only public key that may come; None: whoever comes, for the caller to
                judge by `initiator`.
        """
        self._static = static
        self._expected = initiator
        self._before = _begin(prologue, static.public)
        self._after: _SymmetricState | None = None  # the first message
        self._initiator = self._ephemeral = b""  # public keys
        self._keys: Keys | None = None

    def read(self, message: bytes) -> bytes:
        """The payload of the first message; then `initiator` is who has written it.

        Raises:
            BadHandshake: it was made for another key or prologue, by another initiator, or changed.
            MisuseError: there was one already.
        """
        if self._after is not None:
            raise MisuseError("the first message has been read")
        _check_message(message, FIRST_OVERHEAD)
        ephemeral, rest = message[:KEY_SIZE], message[KEY_SIZE:]
        static, sealed = rest[: KEY_SIZE + TAG_SIZE], rest[KEY_SIZE + TAG_SIZE :]
        state = self._before.mix_hash(ephemeral)
        state = state.mix_key(self._static.exchange(ephemeral))  # es
        state, initiator = state.decrypt(static)
        if self._expected is not None and initiator != self._expected:  # public: no secret to time
            raise BadHandshake("it is another initiator")
        state = state.mix_key(self._static.exchange(initiator))  # ss
        state, payload = state.decrypt(sealed)
        self._after, self._initiator, self._ephemeral = state, initiator, ephemeral
        return payload

    @property
    def initiator(self) -> bytes:
        """The public key whose owner has written the first message, be it now or before.

        Raises:
            MisuseError: none has been read.
        """
        if self._after is None:
            raise MisuseError("nobody has come")
        return self._initiator

    def write(self, ephemeral: KeyPair, payload: bytes) -> bytes:
        """The second message; then there are `keys`.

        Args:
            ephemeral: for this message alone, from a fresh random secret.

        Raises:
            MisuseError: there is nothing to answer, it has been answered, or would be too large.
        """
        if self._after is None or self._keys is not None:
            raise MisuseError("there is nothing to answer")
        _check_payload(payload, SECOND_OVERHEAD)
        state = self._after.mix_hash(ephemeral.public)
        state = state.mix_key(ephemeral.exchange(self._ephemeral))  # ee
        state = state.mix_key(ephemeral.exchange(self._initiator))  # se
        state, sealed = state.encrypt(payload)
        receive, send = state.split()
        self._keys = Keys(send, receive, state.hash)
        return ephemeral.public + sealed

    @property
    def keys(self) -> Keys:
        """What the handshake has given; that the initiator has it too, its next datagram shows.

        Raises:
            MisuseError: it is not over.
        """
        return _given(self._keys)


def _begin(prologue: bytes, responder: bytes) -> _SymmetricState:
    """Initialize of Noise 5.3, with the pre-message `← s` of IK."""
    start = NAME.ljust(_HASH_SIZE, b"\0")
    return _SymmetricState(start, start).mix_hash(prologue).mix_hash(responder)


def _hkdf(chaining_key: bytes, material: bytes) -> tuple[bytes, bytes]:
    """HKDF of Noise 4.3 with two outputs."""
    secret = hmac.digest(chaining_key, material, "sha256")
    first = hmac.digest(secret, b"\x01", "sha256")
    return first, hmac.digest(secret, first + b"\x02", "sha256")


def _check_payload(payload: bytes, overhead: int) -> None:
    if overhead + len(payload) > MAX_SIZE:
        raise MisuseError(f"{len(payload)} bytes are too many for a handshake")


def _check_message(message: bytes, overhead: int) -> None:
    if not overhead <= len(message) <= MAX_SIZE:
        raise BadHandshake(f"a handshake of {len(message)} bytes")


def _given(keys: Keys | None) -> Keys:
    if keys is None:
        raise MisuseError("the handshake is not over")
    return keys
