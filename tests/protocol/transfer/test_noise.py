"""PROTOCOL 5.8: Noise IK (revision 34, 7.5) beside a published vector and another library."""

import random
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from noise.connection import Keypair, NoiseConnection

from toom_protocol.errors import BadHandshake, MisuseError
from toom_protocol.transfer.noise import (
    FIRST_OVERHEAD,
    KEY_SIZE,
    MAX_SIZE,
    NAME,
    SECOND_OVERHEAD,
    Initiator,
    KeyPair,
    Responder,
)

# Points of low order on Curve25519 and its twist: each secret gives zero with them.
LOW_ORDER = [
    bytes(32),
    (1).to_bytes(32, "little"),
    (2**255 - 20).to_bytes(32, "little"),
    (2**255 - 19).to_bytes(32, "little"),
    (2**255 - 18).to_bytes(32, "little"),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
]
# The vector of cacophony, the Haskell implementation, for this protocol.
VECTOR = {
    "prologue": "50726f6c6f677565313233",
    "init_static": "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1",
    "init_ephemeral": "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
    "resp_static": "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
    "resp_public": "31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62",
    "resp_ephemeral": "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
    "handshake_hash": "603cf7aba57e042ae14057b9b0683079a0a6507e24c3272f88c63372b66b1d3f",
}
MESSAGES = [  # payload and message, in turn of the initiator and the responder
    (
        "4c756477696720766f6e204d69736573",
        "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944"
        "4e417bc55c7a8166c993356c1be41ef67818a292426f301556c7f26b21d25ddb"
        "1fa3980401fc1769e480ecb825d4d88b1c1342c209cff1ca5ecd43402762ac24"
        "cff1461c9ac3a0bf0cfdbc21a7ca03c1",
    ),
    (
        "4d757272617920526f746862617264",
        "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843"
        "af2ccf9972e22afc67aeafcd25162f56e3986936e2ce44927ca8b2340e761a",
    ),
    ("462e20412e20486179656b", "66acfc92e3197de166809e6d4d5d003dcc819a84bc3522ca53c9d9"),
    ("4361726c204d656e676572", "71f89aa6533a6de70b0826864dd75f60806ee40170c16290189eb3"),
    (
        "4a65616e2d426170746973746520536179",
        "4795a3423550c8bf00386bd496a3e2c76c10669d2a75ab8f79b5094c5412a25705",
    ),
    (
        "457567656e2042f6686d20766f6e2042617765726b",
        "aa0bb39097555c918e40be82abc2b909eb79d9eb87adb07e268fc37323a6cf904fd01fb391",
    ),
]
PROLOGUE = b"both know this"


def pair_of(seed: int) -> KeyPair:
    return KeyPair.from_bytes(random.Random(seed).randbytes(KEY_SIZE))


@dataclass
class Case:
    """Four key pairs, and the two ends made of them."""

    seed: int = 1
    prologue: bytes = PROLOGUE

    def __post_init__(self) -> None:
        pairs = [pair_of(4 * self.seed + index) for index in range(4)]
        self.yoda, self.yodas_ephemeral, self.han, self.hans_ephemeral = pairs

    def initiator(self) -> Initiator:
        return Initiator(self.yoda, self.yodas_ephemeral, self.han.public, prologue=self.prologue)

    def responder(self, *, initiator: bytes | None = None) -> Responder:
        return Responder(self.han, prologue=self.prologue, initiator=initiator)


def vector_pair(name: str) -> KeyPair:
    return KeyPair.from_bytes(bytes.fromhex(VECTOR[name]))


def test_the_published_vector() -> None:
    static, prologue = vector_pair("resp_static"), bytes.fromhex(VECTOR["prologue"])
    assert static.public == bytes.fromhex(VECTOR["resp_public"])
    initiator = Initiator(
        vector_pair("init_static"),
        vector_pair("init_ephemeral"),
        static.public,
        prologue=prologue,
    )
    responder = Responder(static, prologue=prologue)
    (asked, first), (told, second), *later = [
        (bytes.fromhex(payload), bytes.fromhex(message)) for payload, message in MESSAGES
    ]
    assert initiator.write(asked) == first
    assert responder.read(first) == asked
    assert responder.write(vector_pair("resp_ephemeral"), told) == second
    assert initiator.read(second) == told
    for keys in (initiator.keys, responder.keys):
        assert keys.handshake_hash == bytes.fromhex(VECTOR["handshake_hash"])
    for index, (payload, message) in enumerate(later):
        speaker = (initiator, responder)[index % 2]
        nonce = bytes(4) + (index // 2).to_bytes(8, "big")
        assert AESGCM(speaker.keys.send).encrypt(nonce, payload, b"") == message


def other_end(case: Case, *, as_initiator: bool) -> NoiseConnection:
    """One end of `case`, in the implementation of another author."""
    end = NoiseConnection.from_name(NAME)
    end.set_prologue(case.prologue)
    mine = case.yoda if as_initiator else case.han
    end.set_keypair_from_private_bytes(Keypair.STATIC, mine.private.private_bytes_raw())
    if as_initiator:
        end.set_as_initiator()
        end.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, case.han.public)
    else:
        end.set_as_responder()
    end.start_handshake()
    return end


@given(st.integers(0, 2**32), st.binary(), st.binary(max_size=500), st.binary(max_size=500))
def test_another_implementation_understands_the_initiator(
    seed: int, prologue: bytes, asked: bytes, told: bytes
) -> None:
    case = Case(seed, prologue)
    ours, other = case.initiator(), other_end(case, as_initiator=False)
    assert other.read_message(ours.write(asked)) == asked
    assert ours.read(bytes(other.write_message(told))) == told
    assert ours.keys.handshake_hash == other.get_handshake_hash()
    assert other.decrypt(AESGCM(ours.keys.send).encrypt(bytes(12), b"up", b"")) == b"up"
    assert AESGCM(ours.keys.receive).decrypt(bytes(12), other.encrypt(b"down"), b"") == b"down"


@given(st.integers(0, 2**32), st.binary(), st.binary(max_size=500), st.binary(max_size=500))
def test_another_implementation_understands_the_responder(
    seed: int, prologue: bytes, asked: bytes, told: bytes
) -> None:
    case = Case(seed, prologue)
    ours, other = case.responder(), other_end(case, as_initiator=True)
    assert ours.read(bytes(other.write_message(asked))) == asked
    assert ours.initiator == case.yoda.public
    assert other.read_message(ours.write(case.hans_ephemeral, told)) == told
    assert ours.keys.handshake_hash == other.get_handshake_hash()
    assert other.decrypt(AESGCM(ours.keys.send).encrypt(bytes(12), b"down", b"")) == b"down"
    assert AESGCM(ours.keys.receive).decrypt(bytes(12), other.encrypt(b"up"), b"") == b"up"


@given(st.integers(0, 2**32), st.binary(), st.binary(max_size=500), st.binary(max_size=500))
def test_both_ends_have_the_same_keys_the_other_way_round(
    seed: int, prologue: bytes, asked: bytes, told: bytes
) -> None:
    case = Case(seed, prologue)
    initiator, responder = case.initiator(), case.responder()
    first = initiator.write(asked)
    assert len(first) == FIRST_OVERHEAD + len(asked)
    assert responder.read(first) == asked
    second = responder.write(case.hans_ephemeral, told)
    assert len(second) == SECOND_OVERHEAD + len(told)
    assert initiator.read(second) == told
    assert initiator.keys.send == responder.keys.receive
    assert initiator.keys.receive == responder.keys.send
    assert initiator.keys.send != initiator.keys.receive
    assert initiator.keys.handshake_hash == responder.keys.handshake_hash


def test_each_handshake_has_keys_of_its_own() -> None:
    seen = set()
    for secret in (10, 11):
        case = Case()
        case.yodas_ephemeral = pair_of(secret)
        initiator, responder = case.initiator(), case.responder()
        responder.read(initiator.write(b""))
        initiator.read(responder.write(case.hans_ephemeral, b""))
        seen |= {initiator.keys.send, initiator.keys.receive, initiator.keys.handshake_hash}
    assert len(seen) == 6


def test_any_changed_bit_of_the_first_message_is_noticed_and_the_genuine_one_still_taken() -> None:
    case = Case()
    responder = case.responder()
    genuine = case.initiator().write(b"hello")
    for bit in range(8 * len(genuine)):
        damaged = bytearray(genuine)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BadHandshake):
            responder.read(bytes(damaged))
    assert responder.read(genuine) == b"hello"


def test_any_changed_bit_of_the_second_message_is_noticed_and_the_genuine_one_still_taken() -> None:
    case = Case()
    initiator, responder = case.initiator(), case.responder()
    responder.read(initiator.write(b""))
    genuine = responder.write(case.hans_ephemeral, b"welcome")
    for bit in range(8 * len(genuine)):
        damaged = bytearray(genuine)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BadHandshake):
            initiator.read(bytes(damaged))
    assert initiator.read(genuine) == b"welcome"
    assert initiator.keys.send == responder.keys.receive


@given(st.binary(max_size=300))
def test_bytes_that_are_no_handshake_are_refused(noise: bytes) -> None:
    case = Case()
    initiator = case.initiator()
    initiator.write(b"")
    for read in (case.responder().read, initiator.read):
        with pytest.raises(BadHandshake):
            read(noise)


def test_a_message_that_is_cut_or_grown_is_refused() -> None:
    case = Case()
    initiator, responder = case.initiator(), case.responder()
    first = initiator.write(b"")
    for size in (0, 1, KEY_SIZE, FIRST_OVERHEAD - 1):
        with pytest.raises(BadHandshake, match=f"of {size} bytes"):
            responder.read(first[:size])
    with pytest.raises(BadHandshake, match="does not verify"):
        responder.read(first + b"\0")
    with pytest.raises(BadHandshake, match=f"of {MAX_SIZE + 1} bytes"):
        responder.read(first.ljust(MAX_SIZE + 1, b"\0"))
    responder.read(first)
    second = responder.write(case.hans_ephemeral, b"")
    for size in (0, KEY_SIZE, SECOND_OVERHEAD - 1):
        with pytest.raises(BadHandshake, match=f"of {size} bytes"):
            initiator.read(second[:size])


def test_another_responder_or_another_prologue_cannot_read() -> None:
    case = Case()
    first = case.initiator().write(b"for Han's eyes only")
    for responder in (
        Responder(pair_of(99), prologue=case.prologue),
        Responder(case.han, prologue=case.prologue + b"!"),
    ):
        with pytest.raises(BadHandshake, match="does not verify"):
            responder.read(first)


def test_who_does_not_have_the_awaited_key_cannot_answer() -> None:
    """An impostor who has seen the first message, and even knows what it says."""
    case = Case()
    initiator, genuine = case.initiator(), case.responder()
    genuine.read(initiator.write(b""))
    mask = pair_of(99)
    impostor = Responder(mask, prologue=case.prologue)
    impostor.read(
        Initiator(case.yoda, case.yodas_ephemeral, mask.public, prologue=case.prologue).write(b"")
    )
    with pytest.raises(BadHandshake, match="does not verify"):
        initiator.read(impostor.write(pair_of(98), b""))
    initiator.read(genuine.write(case.hans_ephemeral, b""))


def test_an_answer_to_another_handshake_is_refused() -> None:
    case, other = Case(), Case()
    other.yodas_ephemeral = pair_of(97)
    initiator, responder = case.initiator(), case.responder()
    initiator.write(b"")
    responder.read(other.initiator().write(b""))
    with pytest.raises(BadHandshake, match="does not verify"):
        initiator.read(responder.write(case.hans_ephemeral, b""))


def test_only_the_named_initiator_may_come() -> None:
    case = Case()
    responder = case.responder(initiator=case.yoda.public)
    stranger = Initiator(pair_of(99), case.yodas_ephemeral, case.han.public, prologue=case.prologue)
    with pytest.raises(BadHandshake, match="another initiator"):
        responder.read(stranger.write(b""))
    responder.read(case.initiator().write(b""))
    assert responder.initiator == case.yoda.public


def test_a_stranger_cannot_claim_the_initiators_key() -> None:
    """`ss` needs the secret of the public key that the message names."""
    case = Case()
    claimed = KeyPair(pair_of(99).private, case.yoda.public)
    first = Initiator(claimed, case.yodas_ephemeral, case.han.public, prologue=case.prologue).write(
        b""
    )
    with pytest.raises(BadHandshake, match="does not verify"):
        case.responder().read(first)


@pytest.mark.parametrize("point", LOW_ORDER, ids=lambda point: point.hex()[:8])
def test_keys_of_low_order_are_refused(point: bytes) -> None:
    case = Case()
    with pytest.raises(BadHandshake, match="no good"):  # the server's word for the responder
        Initiator(case.yoda, case.yodas_ephemeral, point, prologue=b"").write(b"")
    with pytest.raises(BadHandshake, match="no good"):  # the initiator's ephemeral key
        case.responder().read(point + bytes(FIRST_OVERHEAD))
    feigned = KeyPair(case.yoda.private, point)  # the initiator's static key
    first = Initiator(feigned, case.yodas_ephemeral, case.han.public, prologue=PROLOGUE).write(b"")
    with pytest.raises(BadHandshake, match="no good"):
        case.responder().read(first)
    initiator = case.initiator()
    initiator.write(b"")
    with pytest.raises(BadHandshake, match="no good"):  # the responder's ephemeral key
        initiator.read(point + bytes(SECOND_OVERHEAD))


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    case = Case()
    with pytest.raises(MisuseError):
        KeyPair.from_bytes(bytes(size))
    with pytest.raises(BadHandshake, match="no good"):
        Initiator(case.yoda, case.yodas_ephemeral, bytes(size), prologue=b"").write(b"")


def test_steps_out_of_order_are_our_own_fault() -> None:
    case = Case()
    initiator, responder = case.initiator(), case.responder()

    def refused(step: object, *arguments: object) -> None:
        with pytest.raises(MisuseError):
            step(*arguments)  # type: ignore[operator]

    refused(initiator.read, bytes(SECOND_OVERHEAD))
    refused(responder.write, case.hans_ephemeral, b"")
    for end, name in ((initiator, "keys"), (responder, "keys"), (responder, "initiator")):
        refused(getattr, end, name)
    refused(initiator.write, bytes(MAX_SIZE - FIRST_OVERHEAD + 1))
    first = initiator.write(bytes(MAX_SIZE - FIRST_OVERHEAD))
    refused(initiator.write, b"")
    responder.read(first)
    refused(responder.read, first)
    refused(getattr, responder, "keys")
    refused(responder.write, case.hans_ephemeral, bytes(MAX_SIZE - SECOND_OVERHEAD + 1))
    second = responder.write(case.hans_ephemeral, bytes(MAX_SIZE - SECOND_OVERHEAD))
    refused(responder.write, case.hans_ephemeral, b"")
    refused(getattr, initiator, "keys")
    initiator.read(second)
    refused(initiator.read, second)


def test_no_secret_is_printed() -> None:
    case = Case()
    initiator, responder = case.initiator(), case.responder()
    responder.read(initiator.write(b""))
    responder.write(case.hans_ephemeral, b"")
    printed = repr(responder.keys) + repr(case.yoda)
    assert repr(responder.keys.send) not in printed
    assert repr(responder.keys.receive) not in printed
    assert "X25519PrivateKey" not in printed
