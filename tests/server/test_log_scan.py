"""A log is read many lines at a time, and as if line by line: SPEC S6, S13; PROTOCOL 4.1, 6.3."""

from io import BytesIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from toom_server import log_scan
from toom_server.entries import LastPost
from toom_server.log_scan import Scan, read_line, scan
from toom_server.time_index import TimeIndex, second_of, time_of

STAMPS = (
    *("1 Jun 2022 16:00:00", "1 Jun 2022 16:00:01", "01 Jun 2022 16:00:01", "1 Jun 2022 16:01:00"),
    *("2 Jun 2022 00:00:00", "31 May 2022 23:59:59"),
    *("31 Feb 2022 16:00:00", "1 Jun 2022 24:00:00", "1 Jun 2022 16:00:60", "1 Jux 2022 16:00:00"),
    *("1 Jun 2022 16:60:00", "", "1 Jun 0000 00:00:00"),
)
numbers = st.sampled_from(["1", "2", "3", "007", "9" * 18, "9" * 19, "-1", "", "x"])
names = st.sampled_from(["Yoda", "Zo\u00e9", "a b", "", "a;b", ";", "\r"])
texts = st.sampled_from(["hi", "a; b", "", ";", "tab\t", "\r", "2; 1 Jun 2022 16:00:00; Han; x"])
messages = st.tuples(numbers, st.sampled_from(STAMPS), names, texts).map("; ".join)
others = st.sampled_from(["", "# a note", "\udcff", "1; 1 Jun 2022 16:00:00; Yoda;", "\r"])
usual = st.tuples(st.just("5"), st.sampled_from(STAMPS[:2]), st.just("Yoda"), st.just("hello"))
lines = st.lists(st.one_of(usual.map("; ".join), messages, others), max_size=12)


def line_by_line(content: bytes) -> tuple[Scan, TimeIndex]:
    """What PROTOCOL says of a log, in the plainest way."""
    found, times, latest = Scan(0, LastPost(), 0, b""), TimeIndex(), second_of(LastPost().at)
    for raw in _split(content):
        if not raw.endswith(b"\n"):
            found.torn = raw
            break
        if (post := read_line(raw)) is None:
            found.odd += 1
        else:
            latest = max(latest, second_of(post.at))
            times.note(latest, found.size)
            found.last = LastPost(post.number, time_of(latest))
        found.size += len(raw)
    return found, times


def _split(content: bytes) -> list[bytes]:
    """Split at newlines alone."""
    parts = [part + b"\n" for part in content.split(b"\n")]
    parts[-1] = parts[-1].removesuffix(b"\n")
    return [part for part in parts if part]


@given(lines, st.booleans(), st.sampled_from([1, 7, 40, 200, log_scan.BLOCK]))
@example(["5; 1 Jun 2022 16:00:00; Yoda; a"] * 3 + ["# a note"], True, log_scan.BLOCK)
@example(["1; 31 Feb 2022 16:00:00; Yoda; a", "2; 31 Feb 2022 16:00:01; Yoda; a"], False, 200)
def test_the_same_as_line_by_line(lines: list[str], whole: bool, block: int) -> None:
    content = "\n".join(lines).encode(errors="surrogateescape") + b"\n" * whole
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_scan, "BLOCK", block)
        times = TimeIndex()
        found = scan(BytesIO(content), times, Scan(), len(content))
    wanted, places = line_by_line(content)
    assert found == wanted
    assert (times.seconds, times.offsets) == (places.seconds, places.offsets)


@given(lines, st.integers(0, 12), st.sampled_from([1, 40, log_scan.BLOCK]))
def test_a_log_may_be_read_on_from_the_end_of_any_line(
    lines: list[str], count: int, block: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_scan, "BLOCK", block)
        read_on(lines, count)


def read_on(lines: list[str], count: int) -> None:
    whole = [line.encode(errors="surrogateescape") + b"\n" for line in lines]
    content = b"".join(whole)
    upto = len(b"".join(whole[:count]))
    times, places = TimeIndex(), TimeIndex()
    first = scan(BytesIO(content), times, Scan(), upto)
    assert first.size == upto
    assert scan(BytesIO(content), times, first, len(content)) == scan(
        BytesIO(content), places, Scan(), len(content)
    )
    assert (times.seconds, times.offsets) == (places.seconds, places.offsets)


def test_usual_lines_are_not_looked_at_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(raw: bytes) -> None:
        raise AssertionError(raw)

    monkeypatch.setattr(log_scan, "read_line", refuse)
    line = "{}; {} Jun 2022 16:{:02}:{:02}; Yoda; hello; there\n".format
    content = "".join(line(n, 1 + n // 900, n // 60 % 60, n % 60) for n in range(2000)).encode()
    found = scan(BytesIO(content), TimeIndex(), Scan(), len(content))
    assert (found.last.number, found.size, found.odd) == (1999, len(content), 0)


def test_a_log_that_is_cut_while_it_is_read() -> None:
    content = b"1; 1 Jun 2022 16:00:00; Yoda; hi\n"
    found = scan(BytesIO(content), TimeIndex(), Scan(), 2 * len(content))
    assert (found.last.number, found.size) == (1, len(content))
