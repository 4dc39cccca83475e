"""PROTOCOL 2.1, 2.2 and 2.3: bytes to messages and back, whatever the bytes."""

import struct
import time
from dataclasses import fields
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toom_protocol import messages as m
from toom_protocol.codec import MAX_FRAME, PREFACE, Decoder, Frame, encode
from toom_protocol.errors import MisuseError
from toom_protocol.forms import FORMS

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
_BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    str: _TEXT,
    bytes: st.binary(max_size=40),
    int: st.integers(0, 2**64 - 1),
    tuple[str, ...]: st.lists(_TEXT, max_size=5).map(tuple),
    m.LoginFault: st.sampled_from(m.LoginFault),
    m.RoomFault: st.sampled_from(m.RoomFault),
    m.LogChoice: st.sampled_from(m.LogChoice),
    m.Cause: st.sampled_from(m.Cause),
    m.Rest: st.sampled_from(m.Rest),
}


def _any_of(kind: type[Any]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind)
    return st.builds(kind, **{field.name: _BY_TYPE[hints[field.name]] for field in fields(kind)})


FRAMES = st.tuples(
    st.integers(0, 2**32 - 1), st.one_of([_any_of(kind) for kind in get_args(m.Message)])
)


def frame(kind: int, body: bytes, request_id: int = 1) -> bytes:
    return struct.pack("!IBI", 5 + len(body), kind, request_id) + body


def greeted() -> Decoder:
    decoder = Decoder()
    decoder.receive(PREFACE)
    return decoder


@given(st.lists(FRAMES, max_size=8), st.randoms(use_true_random=False))
def test_frames_arrive_however_the_stream_is_cut(frames: list[Frame], random: Any) -> None:
    stream = PREFACE + b"".join(encode(*frame) for frame in frames)  # type: ignore[arg-type]
    decoder, arrived = Decoder(), []
    while stream:
        cut = random.randint(1, min(len(stream), 30))
        arrived += decoder.receive(stream[:cut])
        stream = stream[cut:]
    assert arrived == frames
    assert decoder.failure is None


SAID = st.tuples(st.integers(0, 2**32 - 1), _any_of(m.Broadcast) | _any_of(m.RoomMessage))


@given(
    st.lists(
        st.one_of(
            SAID.map(lambda each: encode(*each)),
            st.lists(SAID, max_size=3).map(lambda all: b"".join(encode(*each) for each in all)),
            SAID.map(lambda each: encode(*each)[:-1]),
            st.tuples(SAID, st.integers(0, 99)).map(  # of another length than it says
                lambda each: struct.pack("!I", each[1]) + encode(*each[0])[4:]
            ),
            st.binary(max_size=30).map(lambda body: frame(m.Broadcast.KIND, body)),
            st.tuples(st.integers(0, 9), st.binary(max_size=9)).map(
                lambda each: frame(m.Broadcast.KIND, b"\x01\x00%c" % each[0] + each[1])
            ),
            st.tuples(st.integers(0, 9), st.integers(0, 9), st.binary(max_size=9)).map(
                lambda each: frame(
                    m.RoomMessage.KIND,
                    b"\x01\x00%c%s\x02\x00%c" % (each[0], bytes(each[0]), each[1]) + each[2],
                )
            ),
        ),
        max_size=6,
    )
)
def test_what_comes_alone_is_what_would_have_been_received(pieces: list[bytes]) -> None:
    quick, plain = greeted(), greeted()
    for piece in pieces:
        alone = quick.receive_alone(piece)
        found = quick.receive(piece) if alone is None else [alone]
        assert found == plain.receive(piece)
    assert (quick.failure is None) == (plain.failure is None)


def test_a_message_that_comes_alone_is_taken_at_once() -> None:
    """The quick way must be one: nothing else would notice that it is never taken."""
    decoder = greeted()
    assert decoder.receive_alone(encode(7, m.Broadcast("hi"))) == (7, m.Broadcast("hi"))
    assert decoder.receive_alone(encode(8, m.RoomMessage(3, "hi"))) == (8, m.RoomMessage(3, "hi"))
    assert decoder.receive_alone(encode(7, m.Ping())) is None
    assert Decoder().receive_alone(encode(7, m.Broadcast("hi"))) is None


def test_what_the_peer_may_not_send_is_unknown() -> None:
    decoder = Decoder({m.Ping.KIND: FORMS[m.Ping.KIND]})
    stream = PREFACE + encode(1, m.Pong()) + encode(2, m.Ping())
    assert decoder.receive(stream) == [(1, m.Unknown(m.Pong.KIND)), (2, m.Ping())]


@given(st.binary(max_size=200))
def test_any_bytes_at_all(data: bytes) -> None:
    for start in (b"", PREFACE):
        decoder = Decoder()
        for received in decoder.receive(start + data):
            assert isinstance(received[1], (*get_args(m.Message), m.Unknown))


@given(st.sampled_from(sorted(kind.KIND for kind in get_args(m.Message))), st.binary(max_size=60))
def test_any_body_of_a_known_kind(kind: int, body: bytes) -> None:
    decoder = greeted()
    assert len(decoder.receive(frame(kind, body))) == (decoder.failure is None)


def test_an_unknown_kind_is_told() -> None:
    assert greeted().receive(frame(200, b"anything")) == [(1, m.Unknown(200))]


def test_an_unknown_field_is_ignored() -> None:
    body = encode(1, m.Broadcast("hi"))[9:] + struct.pack("!BH", 99, 3) + b"new"
    assert greeted().receive(frame(3, body)) == [(1, m.Broadcast("hi"))]


def test_a_room_message_is_read_in_any_form() -> None:
    """The usual form is read by itself; whatever else stands there is read field by field."""
    room, text = struct.pack("!BHB", 1, 1, 7), struct.pack("!BH", 2, 2) + b"hi"
    new = struct.pack("!BH", 99, 3) + b"new"
    for body in (
        room + text,
        text + room,
        room + new + text,
        room + text + new,
        room + room + text,
    ):
        stream = frame(6, body) + encode(2, m.Ping())
        assert greeted().receive(stream) == [(1, m.RoomMessage(7, "hi")), (2, m.Ping())]


def test_a_field_with_a_default_may_be_missing() -> None:
    body = b"".join(struct.pack("!BH", n, 1) + b"a" for n in (1, 2, 3))
    assert greeted().receive(frame(1, body)) == [(1, m.LogIn("a", "a", ord("a")))]
    body = b"".join(struct.pack("!BH", n, 1) + b"a" for n in (1, 2))
    assert greeted().receive(frame(11, body)) == [(1, m.Resume(b"a", ord("a"), 1, b""))]


@pytest.mark.parametrize(
    ("stream", "why"),
    [
        (b"GET / HTTP/1.1\r\n", "no Toom"),
        (b"TOOM\x02", "version 2"),
        (PREFACE + struct.pack("!I", 4) + b"\0" * 5, "a frame of 4"),
        (PREFACE + struct.pack("!I", MAX_FRAME + 1) + b"\0" * 5, "a frame of 131073"),
        (PREFACE + frame(3, b"\x01\x00"), "cut off"),
        (PREFACE + frame(3, b"\x01\x00\x09abc"), "cut off"),
        (PREFACE + frame(3, b"\x01\x00\x01\xff"), "UTF-8"),
        (PREFACE + frame(3, b""), "lacks a field"),
        (PREFACE + frame(6, b"\x01\x00\x01\x07\x02\x00\x09abc"), "cut off"),
        (PREFACE + frame(6, b"\x01\x00\x01\x07\x02\x00"), "cut off"),
        (PREFACE + frame(6, b"\x01\x00\x01\x07"), "lacks a field"),
        (PREFACE + frame(6, b"\x01\x00\x00\x02\x00\x01a"), "a number of 0"),
        (PREFACE + frame(67, b"\x01\x00\x01\x09"), "no LoginFault"),
        (PREFACE + frame(64, b"\x01\x00\x00"), "a number of 0"),
        (PREFACE + frame(64, b"\x01\x00\x09" + b"\1" * 9), "a number of 9"),
    ],
)
def test_what_is_malformed_ends_it(stream: bytes, why: str) -> None:
    decoder = Decoder()
    assert decoder.receive(stream) == []
    assert why in str(decoder.failure)
    assert decoder.receive(PREFACE + encode(1, m.Ping())) == []


def test_what_came_before_the_fault_counts() -> None:
    decoder = greeted()
    assert decoder.receive(encode(1, m.Ping()) + frame(3, b"")) == [(1, m.Ping())]
    assert decoder.failure is not None


@pytest.mark.parametrize(
    "message",
    [
        m.Broadcast("\udcff"),
        m.Broadcast("x" * 70_000),
        m.Unsupported(2**64),
        m.Unsupported(-1),
        m.BuildRoom(("x" * 60_000,) * 3),
    ],
)
def test_what_cannot_be_sent_is_our_own_fault(message: Any) -> None:
    with pytest.raises(MisuseError):
        encode(1, message)


def test_a_frame_of_very_many_names_is_read_in_a_moment() -> None:
    names = [b"%d" % n for n in range(16_000)]
    body = b"".join(struct.pack("!BH", 1, len(name)) + name for name in names)
    before = time.process_time()
    [received] = greeted().receive(frame(m.BuildRoom.KIND, body))
    assert time.process_time() - before < 0.2  # seconds; everybody else waits meanwhile
    assert received[1] == m.BuildRoom(tuple(name.decode() for name in names))


def test_frames_can_be_taken_a_few_at_a_time() -> None:
    decoder = greeted()
    stream = b"".join(encode(n, m.Ping()) for n in range(5))
    assert [number for number, _ in decoder.receive(stream, limit=2)] == [0, 1]
    assert [number for number, _ in decoder.receive(b"", limit=2)] == [2, 3]
    assert decoder.receive(b"", limit=0) == []
    assert [number for number, _ in decoder.receive(b"")] == [4]
