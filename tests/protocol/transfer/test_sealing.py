"""PROTOCOL 5.2: an AEAD on every datagram, a key for each direction, the header as nonce."""

import random

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from toom_protocol.errors import MalformedPacket
from toom_protocol.transfer.frames import Ping
from toom_protocol.transfer.packets import (
    BATCH,
    HEADER_SIZE,
    LARGEST_CHUNK,
    LARGEST_DATAGRAM,
    OVERHEAD,
    SMALLEST_CHUNK,
    PacketType,
    decode_header,
)
from toom_protocol.transfer.sealing import ControlSeal, DataOpener, DataSealer, OpenedRun

KEY = bytes(range(32))
PRESENTER, AUDIENCE = PacketType.PRESENTER_CONTROL, PacketType.AUDIENCE_CONTROL


def control(
    *, key: bytes = KEY, connection: int = 5, speaker: PacketType = PRESENTER
) -> ControlSeal:
    return ControlSeal(key, connection=connection, speaker=speaker)


@pytest.mark.parametrize("speaker", [PRESENTER, AUDIENCE])
def test_control_comes_back(speaker: PacketType) -> None:
    datagram = control(speaker=speaker).seal(7, (Ping(),))
    assert decode_header(datagram) == (speaker, 5, 7, 0)
    assert control(speaker=speaker).unseal(datagram) == (Ping(),)


def test_any_flipped_bit_is_noticed() -> None:
    datagram = control().seal(7, (Ping(),))
    for bit in range(8 * len(datagram)):
        damaged = bytearray(datagram)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(MalformedPacket):
            control().unseal(bytes(damaged))


def test_another_key_does_not_open() -> None:
    with pytest.raises(MalformedPacket, match="does not verify"):
        control(key=bytes(32)).unseal(control().seal(7, (Ping(),)))


@pytest.mark.parametrize("size", [0, 7, 12, 27])
def test_less_than_a_header_and_a_tag_is_no_control(size: int) -> None:
    with pytest.raises(MalformedPacket, match="less than"):
        control().unseal(bytes(size))


class Ends:
    """A sealer and an opener of one file, and a buffer as a socket fills it."""

    def __init__(self, size: int, chunk_size: int = LARGEST_CHUNK) -> None:
        self.content = random.Random(size).randbytes(size)
        self.chunk_size = chunk_size
        self.sealer = DataSealer(KEY, connection=5, chunk_size=chunk_size)
        self.opener = DataOpener(KEY, connection=5, chunk_size=chunk_size, size=size)
        self.buffer = memoryview(bytearray(1 << 16))

    def seal(self, packet_number: int, chunk: int, count: int) -> bytes:
        part = self.content[chunk * self.chunk_size : (chunk + count) * self.chunk_size]
        self.sealer.content[: len(part)] = part
        return bytes(self.sealer.seal(packet_number, chunk, len(part)))

    def arrives(self, wire: bytes) -> list[OpenedRun]:
        self.buffer[: len(wire)] = wire
        return self.opener.unseal(self.buffer, 0, len(wire), self.sealer.datagram_size)

    def check(self, run: OpenedRun) -> None:
        """What was opened is what the file has there."""
        at = run.chunk * self.chunk_size
        size = run.end - run.start
        assert self.opener.content[run.start : run.end] == self.content[at : at + size]
        assert -(-size // self.chunk_size) == run.count


def test_the_bytes_are_those_of_the_document() -> None:
    """Header, chunk and tag, the header being the nonce; no further data is authenticated."""
    ends = Ends(2000)
    wire = ends.seal(100, 0, 2)
    assert len(wire) == LARGEST_DATAGRAM + OVERHEAD + 2000 - LARGEST_CHUNK
    assert decode_header(wire) == (PacketType.DATA, 5, 100, 0)
    last = wire[LARGEST_DATAGRAM:]
    assert decode_header(last) == (PacketType.DATA, 5, 101, 1)
    opened = AESGCM(KEY).decrypt(last[:HEADER_SIZE], last[HEADER_SIZE:], None)
    assert opened == ends.content[LARGEST_CHUNK:]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 3 * BATCH * LARGEST_CHUNK),
    st.sampled_from([LARGEST_CHUNK, SMALLEST_CHUNK]),
    st.integers(0, 2**31),
)
def test_a_file_comes_back_batch_by_batch(size: int, chunk_size: int, number: int) -> None:
    ends = Ends(size, chunk_size)
    total = -(-size // chunk_size)
    for chunk in range(0, total, BATCH):
        count = min(BATCH, total - chunk)
        runs = ends.arrives(ends.seal(number + chunk, chunk, count))
        assert [(run.packet_number, run.chunk, run.count) for run in runs] == [
            (number + chunk, chunk, count)
        ]
        ends.check(runs[0])
    assert ends.opener.dropped == 0


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_whatever_comes_only_genuine_chunks_are_taken(data: st.DataObject) -> None:
    """Datagrams in another order, twice, damaged, from elsewhere: joined as the kernel may."""
    ends = Ends(60 * LARGEST_CHUNK)
    genuine = [ends.seal(1000 + chunk, chunk, 1) for chunk in range(60)]
    picks = data.draw(st.lists(st.integers(0, 59), min_size=1, max_size=BATCH))
    damaged = data.draw(st.sets(st.integers(0, len(picks) - 1)))
    datagrams = []
    for index, pick in enumerate(picks):
        datagram = bytearray(genuine[pick])
        if index in damaged:
            datagram[data.draw(st.integers(0, len(datagram) - 1))] ^= 1 << data.draw(
                st.integers(0, 7)
            )
        datagrams.append(bytes(datagram))
    runs = ends.arrives(b"".join(datagrams))
    told = [run.chunk + index for run in runs for index in range(run.count)]
    assert told == [pick for index, pick in enumerate(picks) if index not in damaged]
    for run in runs:
        assert run.packet_number == 1000 + run.chunk
        ends.check(run)
    assert ends.opener.dropped == len(damaged)


def test_genuine_datagrams_that_only_begin_and_end_like_a_run_are_told_apart() -> None:
    """Whoever swaps two datagrams on the way must not have one taken for the other."""
    ends = Ends(4 * LARGEST_CHUNK)
    first, second, third, fourth = (ends.seal(chunk, chunk, 1) for chunk in range(4))
    runs = ends.arrives(first + third + second + fourth)
    assert [run.chunk for run in runs] == [0, 2, 1, 3]
    for run in runs:
        ends.check(run)


@given(st.binary(max_size=3000), st.integers(1, 3000))
def test_any_bytes_are_dropped(content: bytes, segment: int) -> None:
    opener = DataOpener(KEY, connection=5, chunk_size=LARGEST_CHUNK, size=10**6)
    buffer = memoryview(bytearray(content))
    assert opener.unseal(buffer, 0, len(buffer), segment) == []


def test_a_chunk_of_a_wrong_length_is_dropped_although_it_is_genuine() -> None:
    """A presenter with the keys cannot write past the end, or leave holes."""
    ends = Ends(2 * LARGEST_CHUNK)
    liar = DataSealer(KEY, connection=5, chunk_size=LARGEST_CHUNK)
    for chunk, length in ((0, 100), (2, LARGEST_CHUNK), (2**32 - 1, LARGEST_CHUNK)):
        wire = bytes(liar.seal(1, chunk, length))
        assert ends.arrives(wire) == [], chunk
    assert ends.opener.dropped == 3


def test_another_direction_or_connection_is_not_opened() -> None:
    ends = Ends(5 * LARGEST_CHUNK)
    wire = ends.seal(0, 0, 5)
    for other in (
        DataOpener(bytes(32), connection=5, chunk_size=LARGEST_CHUNK, size=5 * LARGEST_CHUNK),
        DataOpener(KEY, connection=6, chunk_size=LARGEST_CHUNK, size=5 * LARGEST_CHUNK),
    ):
        assert other.unseal(memoryview(bytearray(wire)), 0, len(wire), LARGEST_DATAGRAM) == []
        assert other.dropped == 5


def test_numbers_that_do_not_fit_behind_the_first_are_dropped() -> None:
    """Headers are looked at before the cipher: anybody may write the last number into one."""
    ends = Ends(3 * LARGEST_CHUNK)
    wire = bytearray(ends.seal(0, 0, 3))
    wire[4:8] = b"\xff" * 4
    runs = ends.arrives(bytes(wire))
    assert [(run.chunk, run.count) for run in runs] == [(1, 2)]
    assert ends.opener.dropped == 1
