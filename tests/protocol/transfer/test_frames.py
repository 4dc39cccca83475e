"""PROTOCOL 5.3 and 5.4: the frames of control datagrams."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toom_protocol.errors import MalformedPacket
from toom_protocol.transfer.frame_codec import decode_frames, encode_frames
from toom_protocol.transfer.frames import (
    MAX_RANGES,
    MAX_REPAIRS,
    Abort,
    Accept,
    Ack,
    Challenge,
    Done,
    End,
    Fin,
    Frame,
    Hold,
    Leaves,
    Offer,
    Ping,
    Refuse,
    Repair,
    Response,
)
from toom_protocol.transfer.packets import SMALLEST_CHUNK
from toom_protocol.transfer.reasons import Reason

U32 = st.integers(0, 2**32 - 1)
DELAYS = st.integers(0, 10**6).map(lambda n: n / 1000)  # whole milliseconds
RANGES = st.lists(st.integers(0, 10**6), unique=True, max_size=2 * MAX_RANGES).map(
    lambda cuts: tuple(
        (a, b) for a, b in reversed(list(zip(sorted(cuts)[::2], sorted(cuts)[1::2], strict=False)))
    )
)
BLOCKS = st.tuples(U32, st.integers(0, 255))
REASONS = st.sampled_from(Reason)
FRAMES: st.SearchStrategy[Frame] = st.one_of(
    st.builds(
        Offer,
        st.integers(0, 2**64 - 1),
        st.text(max_size=200),
        st.integers(0, 255),
        st.integers(0, 255),
        st.integers(0, 255),
    ),
    st.builds(Accept, U32, DELAYS, U32, U32, st.integers(0, 65535)),
    st.builds(Refuse, REASONS),
    st.builds(Ack, DELAYS, U32, U32, RANGES, U32, U32),
    st.builds(Leaves, U32, st.binary(min_size=32, max_size=32).map(lambda leaf: leaf * 16)),
    st.builds(Repair, st.lists(BLOCKS, min_size=1, max_size=16).map(tuple)),
    st.builds(Fin, st.binary(min_size=32, max_size=32)),
    st.just(Done()),
    st.builds(Abort, REASONS),
    st.just(End()),
    st.just(Ping()),
    st.just(Hold()),
    st.builds(Challenge, st.binary(min_size=8, max_size=8)),
    st.builds(Response, st.binary(min_size=8, max_size=8)),
)


@given(st.lists(FRAMES, max_size=3))
def test_frames_come_back(frames: list[Frame]) -> None:
    found = decode_frames(encode_frames(frames))
    assert [in_milliseconds(frame) for frame in found] == [in_milliseconds(f) for f in frames]


def in_milliseconds(frame: Frame) -> Frame:
    """Delays travel in whole microseconds: compare them more coarsely."""
    if isinstance(frame, Accept | Ack):
        return replace(frame, delay=round(frame.delay + 2e-6, 3))
    return frame


def test_the_bytes_are_those_of_the_document() -> None:
    assert encode_frames((Offer(258, "a.mp4"),)) == bytes.fromhex(
        "01 0010 03 03 02 0000000000000102" + b"a.mp4".hex()
    )
    assert encode_frames((Abort(Reason.NO_SPACE), Ping())) == bytes.fromhex("07 0001 07 09 0000")
    leaf = bytes(range(32))
    assert encode_frames((Leaves(3, leaf),)) == bytes.fromhex("0e 0024 00000003") + leaf
    assert encode_frames((Repair(((3, 2),)),)) == bytes.fromhex("0f 0005 00000003 02")
    assert encode_frames((Ack(0.001, 5, 6, ((7, 9), (1, 2)), 0, 10),)) == bytes.fromhex(
        "04 0025 000003e8 00000005 00000006 00000000 0000000a02 00000007 00000009 00000001 00000002"
    )


def test_the_largest_acknowledgement_fits_a_datagram() -> None:
    ranges = tuple((2 * n, 2 * n + 1) for n in reversed(range(MAX_RANGES)))
    repair = Repair(tuple((block, 2) for block in range(MAX_REPAIRS)))
    ack = Ack(1e9, 2**32 - 1, 2**32 - 1, ranges, 2**32 - 1)
    assert len(encode_frames((repair, ack))) <= SMALLEST_CHUNK


def test_unknown_frames_are_skipped() -> None:
    assert decode_frames(bytes.fromhex("77 0003 616263 09 0000")) == (Ping(),)


def test_a_reason_from_the_future_is_still_a_failure() -> None:
    assert decode_frames(bytes.fromhex("07 0001 c8")) == (Abort(Reason.UNKNOWN),)


@pytest.mark.parametrize(
    "payload",
    [
        "09",  # a frame's head cut short
        "09 0001",  # its body is missing
        "01 0003 010101",  # an offer without its numbers
        "01 000e 010101 0000000000000001 0494 ff",  # a name that is no UTF-8
        "02 0001 00",
        "03 0000",  # no reason
        "04 0001 00",
        f"04 0011 {'00000000' * 4} 01",  # a range is missing
        f"04 0019 {'00000000' * 4} 01 00000002 00000002",  # an empty range
        f"04 0021 {'00000000' * 4} 02 00000001 00000002 00000003 00000004",  # ascending
        f"04 0011 {'00000000' * 4} ff",  # too many
        "05 0001 00",  # a short digest
        "0c 0007 00000000000000",  # a short challenge
        "0d 0009 000000000000000000",
        "0e 0004 00000000",  # no leaf
        "0e 0005 00000000 00",
        "0f 0000",  # no block
        "0f 0006 00000000 01 00",
        f"0f 0055 {'00000000 01' * 17}",
    ],
)
def test_malformed_frames(payload: str) -> None:
    with pytest.raises(MalformedPacket):
        decode_frames(bytes.fromhex(payload))


def test_an_endless_name_is_malformed() -> None:
    with pytest.raises(MalformedPacket, match="a name of 1001 bytes"):
        decode_frames(encode_frames((Offer(1, "x" * 1001),)))


def test_twenty_thousand_random_payloads_fail_in_one_way_only() -> None:
    rng = random.Random(2)
    for _ in range(20_000):
        size = rng.randrange(0, 40)
        body = rng.randbytes(size)
        head = bytes((rng.randrange(0, 17),)) + size.to_bytes(2, "big")
        try:
            decode_frames(head + body if rng.random() < 0.9 else body)
        except MalformedPacket:
            continue


@given(st.binary(max_size=300))
def test_any_payload_fails_in_one_way_only(payload: bytes) -> None:
    try:
        frames = decode_frames(payload)
    except MalformedPacket:
        return
    assert decode_frames(encode_frames(frames)) == frames
