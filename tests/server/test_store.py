"""What lasts, and what a start makes of a directory: SPEC S3, S13; PROTOCOL 6.1, 6.2, 6.3."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toom_protocol.messages import BroadcastSent
from toom_server import allocation
from toom_server.entries import (
    BROADCASTS,
    Entry,
    History,
    LastPost,
    OriginEntry,
    PostEntry,
    RoomEntry,
)
from toom_server.file_store import FileStore
from toom_server.store import DirectoryInUse, Durability, StoreError

AT = datetime(2022, 6, 1, 16, 0, 0)


def said(number: int, text: str = "hi", log: int = BROADCASTS, at: datetime = AT) -> PostEntry:
    return PostEntry(log, number, at, "Yoda", text, 1)


def room(room_id: int) -> RoomEntry:
    return RoomEntry(room_id, ("Yoda", "Han"), "Yoda", 1)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def store(directory: Path) -> Iterator[FileStore]:
    store = FileStore(directory)
    store.load()
    yield store
    store.close()


def restart(directory: Path, store: FileStore, durability: Durability = Durability.DISK) -> History:
    store.close()
    again = FileStore(directory, durability=durability)
    history = again.load()
    again.close()
    store.load()
    return history


def kill(directory: Path, store: FileStore, durability: Durability = Durability.DISK) -> History:
    """Let go of the directory as a process that is killed does, and start again."""
    store.drop()
    store.__init__(directory, durability=durability)  # type: ignore[misc]  # the store's process is another one
    return store.load()


def lose_power(directory: Path, store: FileStore, monkeypatch: pytest.MonkeyPatch) -> History:
    """As `kill`, and the machine has been started again."""
    monkeypatch.setattr("toom_server.journal.boot", lambda: os.urandom(16))
    return kill(directory, store)


def test_messages_and_rooms_survive(directory: Path, store: FileStore) -> None:
    store.commit([said(1), room(1), said(1, "a; b", log=1), said(2)])
    line = "1 Jun 2022 16:00:00; Yoda"
    assert (directory / "messagelog.txt").read_text() == f"1; {line}; hi\n2; {line}; hi\n"
    assert (directory / "SR_1_messagelog.txt").read_text() == f"1; {line}; a; b\n"
    history = restart(directory, store)
    assert history.rooms == {1: ("Yoda", "Han")}
    assert history.last == {0: LastPost(2, AT), 1: LastPost(1, AT)}
    assert (history.next_room_id, history.warnings) == (2, ())


def test_active_users_do_not_survive(directory: Path, store: FileStore) -> None:
    line = "1; 1 Jun 2022 16:00:00; Yoda; 10.0.0.1; 8000\n"
    store.publish(line.encode())
    assert (directory / "userlog.txt").read_text() == line
    restart(directory, store)
    assert (directory / "userlog.txt").read_text() == ""


def test_reading_is_strictly_later_to_the_second(store: FileStore) -> None:
    store.commit([said(n, at=AT + timedelta(seconds=n // 2)) for n in range(1, 7)])
    blocks = store.read(BROADCASTS, AT + timedelta(seconds=1))
    assert [line[:1] for line in b"".join(blocks).splitlines()] == [b"4", b"5", b"6"]
    assert list(store.read(BROADCASTS, AT + timedelta(seconds=3))) == []
    assert list(store.read(99, AT)) == []


def test_long_answers_come_in_blocks_of_whole_lines(store: FileStore) -> None:
    store.commit([said(n, "x" * 1000) for n in range(1, 101)])
    blocks = list(store.read(BROADCASTS, datetime.min))
    assert len(blocks) > 1
    assert all(block.endswith(b"\n") and len(block) < 0xFFFF for block in blocks)
    assert len(b"".join(blocks).splitlines()) == 100


def test_a_torn_last_line_is_cut_off(directory: Path, store: FileStore) -> None:
    store.commit([said(1)])
    with (directory / "messagelog.txt").open("a") as log:
        log.write("2; 1 Jun 2022 16:00:00; Yoda; ha")
    history = restart(directory, store)
    assert history.last[0].number == 1
    assert "half-written" in history.warnings[0]
    assert (directory / "messagelog.txt").read_text().count("\n") == 1


def test_an_acknowledged_line_that_lost_its_newline_is_kept(
    directory: Path, store: FileStore
) -> None:
    store.commit([said(1), said(2)])
    log = directory / "messagelog.txt"
    log.write_text(log.read_text().rstrip("\n"))
    assert restart(directory, store).last[0].number == 2
    assert log.read_text().endswith("; hi\n")


def test_text_logs_alone_go_on(directory: Path) -> None:
    (directory / "messagelog.txt").write_text("7; 1 Jun 2022 16:00:00; Yoda; hi")
    (directory / "SR_3_messagelog.txt").write_text("1; 1 Jun 2022 16:00:00; Yoda; hi\n")
    store = FileStore(directory)
    history = store.load()
    assert history.last[0] == LastPost(7, AT)
    assert (history.rooms, history.next_room_id) == ({}, 4)
    store.commit([said(8, at=AT + timedelta(seconds=1))])
    [block] = store.read(BROADCASTS, AT)
    assert block.startswith(b"8; ")
    store.close()
    assert (directory / "messagelog.txt").read_text().count("\n") == 2


def test_a_log_that_somebody_shortened_stays_so(directory: Path, store: FileStore) -> None:
    store.commit([said(1), said(2), said(3)])
    log = directory / "messagelog.txt"
    log.write_text(log.read_text().splitlines(keepends=True)[0])
    history = restart(directory, store)
    assert history.last[0].number == 1
    [warning] = history.warnings
    assert "#3 had been acknowledged" in warning
    assert restart(directory, store).warnings == ()


def test_a_log_that_somebody_deleted_stays_so(directory: Path, store: FileStore) -> None:
    store.commit([room(1), said(1, log=1)])
    (directory / "SR_1_messagelog.txt").unlink()
    history = restart(directory, store)
    assert history.last[1].number == 0
    assert len(history.warnings) == 1
    assert history.rooms == {1: ("Yoda", "Han")}
    assert (directory / "SR_1_messagelog.txt").exists()


def test_lines_that_are_no_messages_are_left_alone(directory: Path) -> None:
    (directory / "messagelog.txt").write_bytes(
        b"# a note\n5; 1 Jun 2022 16:00:00; Yoda; hi\r\n\xff\n"
    )
    store = FileStore(directory)
    history = store.load()
    assert history.last[0].number == 5
    assert "2 lines" in history.warnings[0]
    store.close()


def test_a_broken_line_of_rooms_loses_one_room(directory: Path, store: FileStore) -> None:
    store.commit([room(1)])
    with (directory / ".toom" / "rooms").open("a") as rooms:
        rooms.write('{"id": 2, "mem')
    history = restart(directory, store)
    assert set(history.rooms) == {1}
    assert history.warnings
    assert restart(directory, store).warnings == ()


def test_two_servers_never_share_a_directory(directory: Path, store: FileStore) -> None:
    with pytest.raises(DirectoryInUse):
        FileStore(directory).load()


def failing(fault: int, real: Callable[..., object], at: int) -> Callable[..., object]:
    """A function of the system that fails once, at its `at`th call."""
    calls = []

    def call(*args: object) -> object:
        calls.append(args)
        if len(calls) == at:
            raise OSError(fault, os.strerror(fault))
        return real(*args)

    return call


NO_SPACE = errno.ENOSPC
BATCH: list[Entry] = [room(1), said(2, "refused"), said(1, "refused", log=1)]


@pytest.mark.parametrize(
    ("where", "name", "at", "fault"),
    [
        (allocation, "_fallocate", 1, 0),
        (allocation, "_fallocate", 2, 0),
        (os, "pwrite", 1, NO_SPACE),
        (os, "fdatasync", 1, errno.EIO),
        (os, "write", 1, NO_SPACE),
        (os, "write", 2, NO_SPACE),
    ],
)
def test_a_batch_that_fails_leaves_nothing(
    directory: Path,
    store: FileStore,
    monkeypatch: pytest.MonkeyPatch,
    where: Any,
    name: str,
    at: int,
    fault: int,
) -> None:
    """At whatever step the disk refuses: a kill afterwards brings nothing of the batch back."""
    store.commit([said(1)])
    before = (directory / "messagelog.txt").read_bytes()
    real = getattr(where, name)
    if where is allocation:
        calls = iter(range(1, 9))
        monkeypatch.setattr(where, name, lambda *args: -1 if next(calls) == at else real(*args))
        monkeypatch.setattr("ctypes.get_errno", lambda: NO_SPACE)
    else:
        monkeypatch.setattr(where, name, failing(fault, real, at))
    with pytest.raises(StoreError, match=os.strerror(fault or NO_SPACE)):
        store.commit(BATCH)
    monkeypatch.undo()
    assert (directory / "messagelog.txt").read_bytes() == before
    assert not (directory / "SR_1_messagelog.txt").exists()
    assert list(store.read(BROADCASTS, AT)) == []
    killed = kill(directory, store)
    assert killed.last == {0: LastPost(1, AT)}
    assert b"refused" not in b"".join(
        path.read_bytes() for path in directory.rglob("*") if path.name.endswith(".txt")
    )
    store.commit([said(2, "again"), room(1), said(1, log=1)])
    assert restart(directory, store).last == {0: LastPost(2, AT), 1: LastPost(1, AT)}


def read_numbers(store: FileStore) -> list[int]:
    content = b"".join(store.read(BROADCASTS, datetime.min))
    return [int(line.split(b";")[0]) for line in content.splitlines()]


def test_a_log_deleted_under_a_running_server_is_begun_anew(
    directory: Path, store: FileStore
) -> None:
    store.commit([said(1), said(2)])
    (directory / "messagelog.txt").unlink()
    assert read_numbers(store) == []
    store.commit([said(3), said(4)])
    assert read_numbers(store) == [3, 4]


def test_a_log_edited_under_a_running_server_is_read_as_it_is(
    directory: Path, store: FileStore
) -> None:
    store.commit([said(1), said(2)])
    log = directory / "messagelog.txt"
    log.write_text("a note\n" + log.read_text().removesuffix("\n"))
    store.commit([said(3, at=AT + timedelta(seconds=1))])
    assert [line[:1] for line in log.read_text().splitlines()] == ["a", "1", "2", "3"]
    [block] = store.read(BROADCASTS, AT)
    assert block.startswith(b"3; ")


def test_a_line_longer_than_any_message_is_left_out(directory: Path) -> None:
    line = "{}; 1 Jun 2022 16:00:00; Yoda; {}\n".format
    (directory / "messagelog.txt").write_text(line(1, "a") + line(2, "x" * 200_000) + line(3, "b"))
    store = FileStore(directory)
    store.load()
    assert read_numbers(store) == [1, 3]
    store.close()


def test_a_file_that_has_the_name_of_a_new_room_is_not_touched(
    directory: Path, store: FileStore
) -> None:
    log = directory / "SR_1_messagelog.txt"
    log.write_text("somebody's")
    with pytest.raises(StoreError, match="File exists"):
        store.commit([room(1)])
    assert log.read_text() == "somebody's"


@pytest.mark.parametrize(
    "line",
    ["[" * 100_000, '{"id": Infinity, "members": ["Yoda"]}', '{"id": 0, "members": ["Yoda"]}', "7"],
)
def test_any_line_at_all_among_the_rooms(directory: Path, store: FileStore, line: str) -> None:
    store.commit([room(1)])
    with (directory / ".toom" / "rooms").open("a") as rooms:
        rooms.write(line + "\n")
    assert set(restart(directory, store).rooms) == {1}


def test_a_room_whose_line_lost_its_newline_is_kept(directory: Path, store: FileStore) -> None:
    store.commit([room(1)])
    rooms = directory / ".toom" / "rooms"
    rooms.write_text(rooms.read_text().removesuffix("\n"))
    restart(directory, store)
    store.commit([RoomEntry(2, ("Yoda", "Luke"), "Yoda", 1)])
    assert set(restart(directory, store).rooms) == {1, 2}


def test_the_hidden_folder_is_made_anew_with_what_is_known(
    directory: Path, store: FileStore
) -> None:
    store.commit([room(1), said(1)])
    shutil.rmtree(directory / ".toom")
    store.commit([RoomEntry(2, ("Yoda", "Luke"), "Yoda", 1), said(2)])
    store.publish(b"")
    with pytest.raises(DirectoryInUse):
        FileStore(directory).load()
    history = restart(directory, store)
    assert (set(history.rooms), history.last[0].number) == ({1, 2}, 2)


def test_a_lock_that_was_deleted_is_taken_again(directory: Path, store: FileStore) -> None:
    store.commit([room(1), said(1)])
    shutil.rmtree(directory / ".toom")
    store.keep_hold()
    with pytest.raises(DirectoryInUse):
        FileStore(directory).load()
    assert set(kill(directory, store).rooms) == {1}


def test_the_hidden_folder_is_left_alone_while_a_batch_is_under_way(
    directory: Path, store: FileStore
) -> None:
    store.begin([said(1)])
    shutil.rmtree(directory / ".toom")
    store.keep_hold()
    assert not (directory / ".toom").exists()
    store.finish()
    store.keep_hold()
    assert kill(directory, store).last[0].number == 1


def test_what_could_not_be_made_anew_is_made_later(
    directory: Path, store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.commit([room(1)])
    shutil.rmtree(directory / ".toom")
    monkeypatch.setattr(os, "fdatasync", failing(NO_SPACE, os.fdatasync, 1))
    store.keep_hold()
    monkeypatch.undo()
    assert not (directory / ".toom" / "checkpoint").exists()
    store.keep_hold()
    assert (directory / ".toom" / "checkpoint").exists()
    assert set(kill(directory, store).rooms) == {1}


def test_a_server_whose_directory_was_taken_writes_nothing_there(
    directory: Path, store: FileStore
) -> None:
    store.commit([said(1)])
    shutil.rmtree(directory / ".toom")
    other = FileStore(directory)
    other.load()
    other.publish(b"the other's")
    store.keep_hold()
    with pytest.raises(StoreError, match="another server works"):
        store.commit([said(2)])
    with pytest.raises(StoreError, match="Another server works"):
        store.publish(b"ours")
    assert (directory / "userlog.txt").read_bytes() == b"the other's"
    other.commit([said(2, "the other's")])
    other.close()
    store.commit([said(3)])
    assert read_numbers(store) == [1, 2, 3]


def test_a_server_can_end_on_a_disk_that_refuses(directory: Path, store: FileStore) -> None:
    (directory / "userlog.txt").unlink()
    (directory / "userlog.txt").mkdir()
    store.close()
    (directory / "userlog.txt").rmdir()
    store.load()


def log_text(directory: Path) -> str:
    return (directory / "messagelog.txt").read_text()


def test_a_kill_between_journal_and_log_loses_nothing(directory: Path, store: FileStore) -> None:
    store.commit([said(1)])
    store.begin([said(2), room(1), said(1, log=1)])
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
    store.commit([said(1)])
    store.begin([said(2, "a text")])
    store.sync()
    whole = log_text(directory)
    with (directory / "messagelog.txt").open("a") as log:
        log.write("2; 1 Jun 2022 16:00:00; Yoda; a te"[:kept])
    assert kill(directory, store).last[0].number == 2
    assert log_text(directory) == whole + "2; 1 Jun 2022 16:00:00; Yoda; a text\n"


def test_what_somebody_shortened_after_a_kill_stays_so(directory: Path, store: FileStore) -> None:
    store.commit([said(1), said(2)])
    store.commit([said(3)])
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
        store.commit([said(1)])
        restart(directory, store)  # a checkpoint has the first line
        kept = len(log_text(directory))
        for number in range(2, 8):
            store.commit([said(number, f"text {number}")])
        store.commit([room(1), said(1, log=1)])
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
        store.commit([said(number, "x" * 8000)])
    segments = [path.stat() for path in (directory / ".toom").glob("journal-*")]
    assert len(segments) <= 2
    assert all(each.st_blocks * 512 >= each.st_size for each in segments)  # room that is theirs
    assert kill(directory, store).last[0].number == 699
    assert read_numbers(store) == list(range(1, 700))


def test_nothing_is_written_before_a_refused_record_is_surely_gone(
    directory: Path, store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PROTOCOL 6.2: after a sync that failed, the zeros must be on the disk first."""
    done: list[str] = []
    real_sync, real_write = os.fdatasync, os.pwrite

    def fail(handle: int) -> None:
        done.append("sync")
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def write(handle: int, data: bytes, offset: int) -> int:
        done.append("write" if any(data) else "zeros")
        return real_write(handle, data, offset)

    monkeypatch.setattr(os, "fdatasync", fail)
    monkeypatch.setattr(os, "pwrite", write)
    with pytest.raises(StoreError):
        store.commit([said(1, "refused")])
    assert done == ["write", "sync", "zeros", "sync"]

    def sync(handle: int) -> None:
        done.append("sync")
        real_sync(handle)

    monkeypatch.setattr(os, "fdatasync", sync)
    store.commit([said(1)])
    assert done[4:8] == ["zeros", "sync", "write", "sync"]


def test_room_that_was_taken_ahead_is_given_back(directory: Path, store: FileStore) -> None:
    for number in range(1, 200):
        store.commit([said(number, "x" * 3000)])
    log = directory / "messagelog.txt"
    size = log.stat().st_size
    assert log.stat().st_blocks * 512 > size + 8192
    restart(directory, store)
    assert log.stat().st_blocks * 512 < size + 8192


def test_a_place_in_a_log_that_somebody_edits_is_looked_up_again(
    directory: Path, store: FileStore
) -> None:
    store.commit([said(1), said(2)])
    lines, place = store.read_after(BROADCASTS, 1, None)
    assert lines == b"2; 1 Jun 2022 16:00:00; Yoda; hi\n"
    log = directory / "messagelog.txt"
    log.write_bytes(b"a note by hand, longer than a line of a message\n" + log.read_bytes())
    store.commit([said(3)])
    lines, _ = store.read_after(BROADCASTS, 2, place)
    assert lines == b"3; 1 Jun 2022 16:00:00; Yoda; hi\n"


def origin(request_id: int, number: int) -> OriginEntry:
    return OriginEntry(b"r" * 16, request_id, BroadcastSent(number, "1 Jun 2022 16:00:00"))


@pytest.mark.parametrize("durability", list(Durability))
@pytest.mark.parametrize("end", [restart, kill])
def test_for_whom_a_message_was_kept_is_known_afterwards(
    directory: Path, durability: Durability, end: Callable[..., History]
) -> None:
    """PROTOCOL 3.6: so that a command that is repeated is not done twice."""
    store = FileStore(directory, durability=durability)
    store.load()
    store.commit([OriginEntry(b"q" * 16, 0, None)])
    store.commit([said(1), origin(7, 1), said(2), said(3), origin(9, 3)])
    known = {
        b"q" * 16: [],
        b"r" * 16: [(n, origin(n, number).reply) for n, number in ((7, 1), (9, 3))],
    }
    if durability is Durability.NONE:
        known = {}
    assert end(directory, store, durability).runs == known
    store.commit([said(4)])
    assert end(directory, store, durability).runs == known
    store.close()


def test_without_a_sync_a_loss_of_power_forgets_for_whom(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log may have what the journal has lost: a command must not be thought undone."""
    store = FileStore(directory, durability=Durability.SYSTEM)
    store.load()
    store.commit([said(1), origin(7, 1)])
    monkeypatch.setattr("toom_server.journal.boot", lambda: b"another boot....")
    monkeypatch.setattr("toom_server.runs_file.boot", lambda: b"another boot....")
    store.drop()
    again = FileStore(directory, durability=Durability.SYSTEM)
    assert again.load().runs == {}
    again.close()


def test_a_broken_file_of_runs_is_none(directory: Path, store: FileStore) -> None:
    store.commit([said(1), origin(7, 1)])
    assert restart(directory, store).runs
    path = directory / ".toom" / "runs"
    store.close()
    path.write_bytes(path.read_bytes()[:-1])
    assert store.load().runs == {}


@pytest.mark.parametrize("durability", list(Durability))
def test_every_durability_outlasts_the_server(directory: Path, durability: Durability) -> None:
    store = FileStore(directory, durability=durability)
    store.load()
    store.commit([room(1), said(1), said(1, log=1)])
    assert kill(directory, store).last == {0: LastPost(1, AT), 1: LastPost(1, AT)}
    store.close()


@pytest.mark.parametrize("left", ["nothing", "a part"])
def test_older_messages_outlast_a_loss_of_power_without_a_whole_checkpoint(
    directory: Path, store: FileStore, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    """The journal begins behind them: it says nothing of them."""
    store.commit([said(number) for number in range(1, 21)])
    restart(directory, store)
    store.commit([said(number) for number in range(21, 26)])
    checkpoint = directory / ".toom" / "checkpoint"
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(b"" if left == "nothing" else content[:-3])
    assert lose_power(directory, store, monkeypatch).last[BROADCASTS].number == 25
    lines = (directory / "messagelog.txt").read_bytes().splitlines()
    assert [int(line.split(b";")[0]) for line in lines] == list(range(1, 26))


def test_a_log_that_is_cut_off_has_no_more_blocks(directory: Path, store: FileStore) -> None:
    store.commit([said(1), said(2)])
    (directory / "messagelog.txt").write_bytes(b"")
    looks = []
    real = store._logs[BROADCASTS].block_from

    def look(offset: int) -> tuple[bytes, int]:
        looks.append(offset)
        return real(offset)

    store._logs[BROADCASTS].block_from = look  # type: ignore[method-assign]
    assert store.read_after(BROADCASTS, 0, None)[0] == b""
    assert len(looks) == 1  # and not one for each byte that is gone


def test_what_a_shortened_journal_cannot_tell_is_not_remembered(
    directory: Path, store: FileStore
) -> None:
    store.commit([said(1), origin(7, 1)])
    assert restart(directory, store).runs
    store.commit([said(2), origin(8, 2)])
    [journal] = (directory / ".toom").glob("journal-*")
    os.truncate(journal, 0)
    history = kill(directory, store)
    assert not history.runs
    assert any("had been written, but it ends at" in warning for warning in history.warnings)


def test_who_reads_slowly_keeps_no_descriptor(directory: Path, store: FileStore) -> None:
    store.commit([said(number, "x" * 8000) for number in range(1, 21)])
    before = len(os.listdir("/proc/self/fd"))
    readers = [store.read(BROADCASTS, datetime.min) for _ in range(50)]
    for reader in readers:
        next(reader)
    assert len(os.listdir("/proc/self/fd")) == before
