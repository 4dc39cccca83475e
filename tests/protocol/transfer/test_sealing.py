"""PROTOCOL 5.2: a keyed tag on every datagram, a key for each direction."""

import random

import pytest

from toom_protocol.errors import MalformedPacket
from toom_protocol.transfer.frames import Ping
from toom_protocol.transfer.packets import CHUNK_SIZE, DATAGRAM_SIZE, PacketType, decode_header
from toom_protocol.transfer.sealing import Seal

KEY = bytes(range(32))


def seal(*, key: bytes = KEY, connection: int = 5, from_presenter: bool = True) -> Seal:
    return Seal(key, connection=connection, from_presenter=from_presenter)


def test_chunks_are_sealed_one_by_one() -> None:
    content = random.Random(3).randbytes(2 * CHUNK_SIZE + 7)
    datagrams = seal().seal_chunks(100, 40, content, CHUNK_SIZE)
    assert [len(datagram) for datagram in datagrams] == [DATAGRAM_SIZE, DATAGRAM_SIZE, 35]
    assert [decode_header(datagram) for datagram in datagrams] == [
        (PacketType.DATA, 5, 100, 40),
        (PacketType.DATA, 5, 101, 41),
        (PacketType.DATA, 5, 102, 42),
    ]
    assert b"".join(datagram[12:-16] for datagram in datagrams) == content
    assert all(seal().verifies(datagram) for datagram in datagrams)


@pytest.mark.parametrize("from_presenter", [True, False])
def test_control_comes_back(from_presenter: bool) -> None:
    datagram = seal(from_presenter=from_presenter).seal_control(7, (Ping(),))
    kind = PacketType.PRESENTER_CONTROL if from_presenter else PacketType.AUDIENCE_CONTROL
    assert decode_header(datagram) == (kind, 5, 7, 0)
    assert seal(from_presenter=from_presenter).open_control(datagram) == (Ping(),)


def test_any_flipped_bit_is_noticed() -> None:
    datagram = seal().seal_control(7, (Ping(),))
    for bit in range(8 * len(datagram)):
        damaged = bytearray(datagram)
        damaged[bit // 8] ^= 1 << bit % 8
        assert not seal().verifies(bytes(damaged)), bit


def test_another_key_or_the_other_direction_does_not_verify() -> None:
    datagram = seal().seal_control(7, (Ping(),))
    for other in (seal(key=bytes(32)), seal(from_presenter=False)):
        with pytest.raises(MalformedPacket, match="does not verify"):
            other.open_control(datagram)
