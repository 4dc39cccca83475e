"""Kills and losses of power: nothing that was kept is lost: SPEC S13; PROTOCOL 3.6, 6.2."""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server.storing import (
    AT,
    begin,
    commit,
    kill,
    log_text,
    lose_power,
    origin,
    read_numbers,
    restart,
    room,
    said,
)
from toom_server.entries import BROADCASTS, History, LastPost, OriginEntry
from toom_server.file_store import FileStore
from toom_server.store import Durability


def test_a_kill_between_journal_and_log_loses_nothing(directory: Path, store: FileStore) -> None:
    commit(store, [said(1)])
    begin(store, [said(2), room(1), said(1, log=1)])
    store.sync()  # from here on the replies may be promised, though they have not left
    history = kill(directory, store)
    assert history.last == {0: LastPost(2, AT), 1: LastPost(1, AT)}
    assert history.rooms == {1: ("Yoda", "Han")}
    assert history.warnings == ()
    assert read_numbers(store) == [1, 2]


@pytest.mark.parametrize("kept", range(0, 34, 3))
def test_a_log_line_that_was_torn_by_a_kill_is_whole_again(
    directory: Path, store: FileStore, kept: int
) -> None:
    commit(store, [said(1)])
    begin(store, [said(2, "a text")])
    store.sync()
    whole = log_text(directory)
    with (directory / "messagelog.txt").open("a") as log:
        log.write("2; 1 Jun 2022 16:00:00; Yoda; a te"[:kept])
    assert kill(directory, store).last[0].number == 2
    assert log_text(directory) == whole + "2; 1 Jun 2022 16:00:00; Yoda; a text\n"


def test_what_somebody_shortened_after_a_kill_stays_so(directory: Path, store: FileStore) -> None:
    commit(store, [said(1), said(2)])
    commit(store, [said(3)])
    first = log_text(directory).splitlines(keepends=True)[0]
    (directory / "messagelog.txt").write_text(first)
    history = kill(directory, store)
    assert (history.last[0].number, log_text(directory)) == (1, first)
    assert len(history.warnings) == 1
    assert kill(directory, store).warnings == ()


@given(size=st.integers(0, 400), junk=st.binary(max_size=40), rooms=st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_loss_of_power_loses_nothing(size: int, junk: bytes, rooms: bool) -> None:
    """Of what was written since the last checkpoint any part may be missing or be rubbish."""
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        directory = Path(name)
        store = FileStore(directory)
        store.load()
        commit(store, [said(1)])
        restart(directory, store)  # a checkpoint has the first line
        kept = len(log_text(directory))
        for number in range(2, 8):
            commit(store, [said(number, f"text {number}")])
        commit(store, [room(1), said(1, log=1)])
        whole = log_text(directory)
        log = directory / "messagelog.txt"
        os.truncate(log, min(kept + size, len(whole)))
        with log.open("ab") as file:
            file.write(junk)
        if rooms:
            (directory / "SR_1_messagelog.txt").unlink()
            (directory / ".toom" / "rooms").write_bytes(junk)
        history = lose_power(directory, store, patch)
        is_whole = min(kept + size, len(whole)) == len(whole)
        if not is_whole or junk.endswith(b"\n"):
            assert log.read_bytes().startswith(whole.encode())
        assert history.last[0].number == 7
        assert history.last[1].number == 1
        assert history.rooms == {1: ("Yoda", "Han")}
        store.close()


def test_segments_come_and_go(directory: Path, store: FileStore) -> None:
    """More than the first segments hold: checkpoints give room back, nothing is lost."""
    for number in range(1, 700):
        commit(store, [said(number, "x" * 8000)])
    segments = [path.stat() for path in (directory / ".toom").glob("journal-*")]
    assert len(segments) <= 2
    assert all(each.st_blocks * 512 >= each.st_size for each in segments)  # room that is theirs
    assert kill(directory, store).last[0].number == 699
    assert read_numbers(store) == list(range(1, 700))


@pytest.mark.parametrize("durability", list(Durability))
@pytest.mark.parametrize("end", [restart, kill])
def test_for_whom_a_message_was_kept_is_known_afterwards(
    directory: Path, durability: Durability, end: Callable[..., History]
) -> None:
    """PROTOCOL 3.6: so that a command that is repeated is not done twice."""
    store = FileStore(directory, durability=durability)
    store.load()
    commit(store, [OriginEntry(b"q" * 16, 0, None)])
    commit(store, [said(1), origin(7, 1), said(2), said(3), origin(9, 3)])
    known = {
        b"q" * 16: [],
        b"r" * 16: [(n, origin(n, number).reply) for n, number in ((7, 1), (9, 3))],
    }
    if durability is Durability.NONE:
        known = {}
    assert end(directory, store, durability).runs == known
    commit(store, [said(4)])
    assert end(directory, store, durability).runs == known
    store.close()


def test_without_a_sync_a_loss_of_power_forgets_for_whom(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log may have what the journal has lost: a command must not be thought undone."""
    store = FileStore(directory, durability=Durability.SYSTEM)
    store.load()
    commit(store, [said(1), origin(7, 1)])
    monkeypatch.setattr("toom_server.journal.boot", lambda: b"another boot....")
    monkeypatch.setattr("toom_server.runs_file.boot", lambda: b"another boot....")
    store.drop()
    again = FileStore(directory, durability=Durability.SYSTEM)
    assert again.load().runs == {}
    again.close()


def test_a_broken_file_of_runs_is_none(directory: Path, store: FileStore) -> None:
    commit(store, [said(1), origin(7, 1)])
    assert restart(directory, store).runs
    path = directory / ".toom" / "runs"
    store.close()
    path.write_bytes(path.read_bytes()[:-1])
    assert store.load().runs == {}


@pytest.mark.parametrize("durability", list(Durability))
def test_every_durability_outlasts_the_server(directory: Path, durability: Durability) -> None:
    store = FileStore(directory, durability=durability)
    store.load()
    commit(store, [room(1), said(1), said(1, log=1)])
    assert kill(directory, store).last == {0: LastPost(1, AT), 1: LastPost(1, AT)}
    store.close()


@pytest.mark.parametrize("left", ["nothing", "a part"])
def test_older_messages_outlast_a_loss_of_power_without_a_whole_checkpoint(
    directory: Path, store: FileStore, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    """The journal begins behind them: it says nothing of them."""
    commit(store, [said(number) for number in range(1, 21)])
    restart(directory, store)
    commit(store, [said(number) for number in range(21, 26)])
    checkpoint = directory / ".toom" / "checkpoint"
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(b"" if left == "nothing" else content[:-3])
    assert lose_power(directory, store, monkeypatch).last[BROADCASTS].number == 25
    lines = (directory / "messagelog.txt").read_bytes().splitlines()
    assert [int(line.split(b";")[0]) for line in lines] == list(range(1, 26))


def test_what_a_shortened_journal_cannot_tell_is_not_remembered(
    directory: Path, store: FileStore
) -> None:
    commit(store, [said(1), origin(7, 1)])
    assert restart(directory, store).runs
    commit(store, [said(2), origin(8, 2)])
    [journal] = (directory / ".toom").glob("journal-*")
    os.truncate(journal, 0)
    history = kill(directory, store)
    assert not history.runs
    assert any("had been written, but it ends at" in warning for warning in history.warnings)
