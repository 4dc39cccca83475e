"""From a time to a place in a log: SPEC S10; PROTOCOL 6.1."""

from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from toom_protocol.lines import Post, format_post
from toom_server.log_file import LogFile
from toom_server.log_scan import Scan, scan
from toom_server.time_index import Indexed, TimeIndex, second_of, time_of

AT = datetime(2022, 6, 1, 16, 0, 0)
gaps = st.lists(st.integers(-2, 3), max_size=60)


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)))
def test_seconds_are_times(at: datetime) -> None:
    at = at.replace(microsecond=0)
    assert time_of(second_of(at)) == at
    assert second_of(at + timedelta(seconds=1)) == second_of(at) + 1


@given(gaps, st.integers(-3, 70))
def test_a_search_is_strictly_later(steps: list[int], wanted: int) -> None:
    index, now, seconds = TimeIndex(), 0, []
    for offset, step in enumerate(steps):
        now = max(now, now + step)
        seconds.append(now)
        index.note(now, offset)
    later = [offset for offset, second in enumerate(seconds) if second > wanted]
    assert index.after(wanted) == (later[0] if later else None)


@given(gaps, st.integers(0, 500), st.binary(min_size=1, max_size=3))
def test_an_index_that_was_damaged_is_none(steps: list[int], where: int, junk: bytes) -> None:
    index = TimeIndex()
    for offset, step in enumerate(steps):
        index.note(second_of(AT) + offset + step, offset)
    what = Indexed(len(steps) * 70, len(steps), AT)
    data = index.encode(what)
    again = TimeIndex()
    assert again.decode(data) == what
    assert (again.seconds, again.offsets) == (index.seconds, index.offsets)
    where %= len(data)
    damaged = data[:where] + junk + data[where + len(junk) :]
    assert damaged == data or TimeIndex().decode(damaged) is None
    assert TimeIndex().decode(data[:where]) is None


def log_of(steps: list[int]) -> bytes:
    at, lines = AT, []
    for number, step in enumerate(steps, start=1):
        at += timedelta(seconds=max(0, step))
        lines.append(format_post(Post(number, at, "Yoda", f"text {number}")) + "\n")
    return "".join(lines).encode()


@given(
    gaps,
    st.lists(st.integers(0, 3), max_size=20),
    st.sampled_from(["", "cut", "first line gone", "a note", "all gone"]),
    st.integers(0, 4000),
)
@example([0, 0], [], "first line gone", 0)  # the last line is where the index looks for it
@settings(deadline=None)
def test_a_log_reads_the_same_with_and_without_its_index(
    steps: list[int], more: list[int], edit: str, place: int
) -> None:
    """Whatever somebody did to the log since: an index never shows another conference."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("toom_server.log_file.INDEX_EVERY", 1)
        path, index = Path(folder) / "log", Path(folder) / "index"
        path.write_bytes(log_of(steps))
        first = LogFile(path)
        first.load(None)
        if (told := first.indexed()) is not None:
            index.write_bytes(told)
        content = log_of(steps + more)
        match edit:
            case "cut":
                content = content[:place]
            case "first line gone":
                content = b"".join(content.splitlines(keepends=True)[1:])
            case "a note":
                content = b"# note\n" + content
            case "all gone":
                content = b""
        seen = []
        for use in (None, index):
            path.write_bytes(content)
            log = LogFile(path)
            log.load(None, index=use)
            reads = [list(log.later_than(AT + timedelta(seconds=s))) for s in (-1, 0, 5, 50)]
            seen.append((log.last, log.size, reads, path.read_bytes()))
        assert seen[0] == seen[1]


def test_an_index_spares_reading_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toom_server.log_file.INDEX_EVERY", 1)
    path, index = tmp_path / "log", tmp_path / "index"
    path.write_bytes(log_of([1] * 2000))
    log = LogFile(path)
    log.load(None)
    index.write_bytes(log.indexed() or b"")
    assert log.indexed() is None  # nothing is new
    read_from: list[int] = []

    def noted(file: BinaryIO, times: TimeIndex, begin: Scan, upto: int) -> Scan:
        read_from.append(begin.size)
        return scan(file, times, begin, upto)

    monkeypatch.setattr("toom_server.log_file.scan", noted)
    again = LogFile(path)
    again.load(None, index=index)
    assert (again.last, read_from) == (log.last, [log.size])
