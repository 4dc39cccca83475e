"""`.toom/runs`, and who made what in the journal: PROTOCOL 3.6, 6.1, 6.2."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toom_protocol.codec import encode
from toom_protocol.messages import BroadcastSent, RoomBuilt, RoomMessageSent
from toom_server.records import Origin, decode
from toom_server.records import encode as encode_record
from toom_server.replies import REMEMBERED
from toom_server.runs import ANY_BOOT, MOST, Runs

BOOT = b"b" * 16
NUMBERS = st.integers(1, 2**32 - 1)
REPLIES = st.one_of(
    st.builds(BroadcastSent, NUMBERS, st.text("0123456789:")),
    st.builds(RoomMessageSent, NUMBERS, NUMBERS, st.text("0123456789:")),
    st.builds(RoomBuilt, NUMBERS, st.lists(st.text("abc", min_size=1)).map(tuple)),
)
NOTES = st.lists(
    st.tuples(st.sampled_from([b"r" * 16, b"q" * 16]), NUMBERS, st.none() | REPLIES), max_size=90
)


@given(NOTES)
def test_what_was_noted_is_there_again(notes: list[tuple[bytes, int, object]]) -> None:
    runs = Runs()
    wanted: dict[bytes, list[tuple[int, object]]] = {}
    origins = [Origin(run, encode(n, reply) if reply else b"") for run, n, reply in notes]  # type: ignore[arg-type]
    assert list(decode(encode_record({}, {}, origins))) == origins
    for origin in origins:
        runs.note(origin.run, origin.frame)
    for run, request_id, reply in notes:
        wanted.setdefault(run, [])
        if reply is not None:
            wanted[run].append((request_id, reply))
    wanted = {run: replies[-REMEMBERED:] for run, replies in wanted.items()}
    again = Runs.decode(runs.encode(BOOT), BOOT)
    assert again is not None
    assert dict(runs.replies()) == dict(again.replies()) == wanted


def test_the_run_that_said_nothing_for_longest_is_forgotten() -> None:
    runs = Runs()
    for number in range(MOST + 1):
        runs.note(b"%016d" % number, b"")
        runs.note(b"%016d" % 0, encode(1, BroadcastSent(1, "now")))
    assert len(runs) == MOST
    known = dict(runs.replies())
    assert b"%016d" % 0 in known
    assert b"%016d" % 1 not in known


@pytest.mark.parametrize(
    "spoil", [lambda data: data[:-1], lambda data: b"", lambda data: b"x" * 40]
)
def test_what_is_broken_is_none(spoil: object) -> None:
    runs = Runs()
    runs.note(b"r" * 16, b"")
    assert Runs.decode(spoil(runs.encode(ANY_BOOT)), BOOT) is None  # type: ignore[operator]


def test_what_was_true_in_another_boot() -> None:
    runs = Runs()
    assert Runs.decode(runs.encode(BOOT), b"c" * 16) is None
    assert Runs.decode(runs.encode(ANY_BOOT), b"c" * 16) is not None
