"""One log on disk: what is read of it, and which file is written to (PROTOCOL 6.2, 6.3)."""

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.server.storing import AT, batch, said
from toom_protocol.codec import MAX_FIELD
from toom_server.entries import BROADCASTS
from toom_server.log_file import LogFile
from toom_server.log_lines import BLOCK, LONGEST_LINE

FIRST = b"1; 1 Jun 2022 16:00:00; Yoda; hi\n"

sizes = st.one_of(
    st.integers(0, 200),
    st.integers(LONGEST_LINE - 3, LONGEST_LINE + 3),
    st.integers(BLOCK - 3, BLOCK + 3),
    st.integers(0, 3 * BLOCK),
)


@given(st.lists(sizes, max_size=30))
def test_whole_lines_are_told_and_those_that_are_no_message_for_sure_left_out(
    sizes: list[int],
) -> None:
    with TemporaryDirectory() as folder:
        log = LogFile(Path(folder) / "log")
        lines = [FIRST, *(b"x" * size + b"\n" for size in sizes)]
        log.path.write_bytes(b"".join(lines))
        log.load(None)
        told = list(log.later_than(datetime.min))
    assert b"".join(told) == b"".join(line for line in lines if len(line) <= LONGEST_LINE)
    assert all(block.endswith(b"\n") and len(block) <= MAX_FIELD for block in told)


def add(log: LogFile, number: int) -> bool:
    tail = batch([said(number)]).tails[BROADCASTS]
    was_edited = log.prepare(len(tail.content))
    log.append(tail, tail.content)
    return was_edited


@pytest.fixture
def log(tmp_path: Path) -> LogFile:
    log = LogFile(tmp_path / "log")
    log.load(None)
    add(log, 1)
    return log


def test_a_log_that_somebody_replaces_or_moves_away_is_found_again(log: LogFile) -> None:
    """The file stays open between two batches, and yet the name counts."""
    moved = log.path.rename(log.path.with_name("moved"))
    assert add(log, 1)
    assert log.path.read_bytes() == moved.read_bytes() == FIRST
    fresh = log.path.with_name("fresh")
    fresh.write_bytes(FIRST + FIRST.replace(b"1;", b"2;", 1))
    fresh.rename(log.path)
    assert add(log, 3)
    assert [line[:1] for line in log.path.read_bytes().splitlines()] == [b"1", b"2", b"3"]
    assert not add(log, 4)


def test_a_file_of_the_same_size_in_its_place_is_written_to(log: LogFile) -> None:
    fresh = log.path.with_name("fresh")
    fresh.write_bytes(FIRST)
    fresh.rename(log.path)
    add(log, 2)
    assert len(log.path.read_bytes().splitlines()) == 2
    log.close()
    add(log, 3)
    assert len(log.path.read_bytes().splitlines()) == 3


def test_a_log_that_was_emptied_is_read_from_its_new_beginning(log: LogFile) -> None:
    """Also within the second that was noted last."""
    log.path.write_bytes(b"")
    add(log, 2)
    assert b"".join(log.later_than(datetime(2022, 6, 1, 15, 59, 59))).startswith(b"2; ")


def test_a_batch_that_is_taken_back_leaves_no_time_behind(log: LogFile) -> None:
    size, last = log.size, log.last
    for _ in range(2):
        tail = batch([said(2, at=AT.replace(second=1))]).tails[BROADCASTS]
        log.prepare(len(tail.content))
        log.forget_after(size, last)
        log.append(tail, tail.content)
        assert b"".join(log.later_than(AT)) == tail.content
