"""A disk that refuses, and a folder that goes, under a running server: PROTOCOL 6.2, 6.3."""

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.server.storing import (
    AT,
    Said,
    begin,
    commit,
    failing,
    kill,
    read_numbers,
    restart,
    room,
    said,
)
from toom_server import allocation
from toom_server.entries import BROADCASTS, Entry, LastPost, RoomEntry
from toom_server.file_store import FileStore
from toom_server.store import DirectoryInUse, StoreError

NO_SPACE = errno.ENOSPC
BATCH: list[Said | Entry] = [room(1), said(2, "refused"), said(1, "refused", log=1)]


def test_two_servers_never_share_a_directory(directory: Path, store: FileStore) -> None:
    with pytest.raises(DirectoryInUse):
        FileStore(directory).load()


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
    commit(store, [said(1)])
    before = (directory / "messagelog.txt").read_bytes()
    real = getattr(where, name)
    if where is allocation:
        calls = iter(range(1, 9))
        monkeypatch.setattr(where, name, lambda *args: -1 if next(calls) == at else real(*args))
        monkeypatch.setattr("ctypes.get_errno", lambda: NO_SPACE)
    else:
        monkeypatch.setattr(where, name, failing(fault, real, at))
    with pytest.raises(StoreError, match=os.strerror(fault or NO_SPACE)):
        commit(store, BATCH)
    monkeypatch.undo()
    assert (directory / "messagelog.txt").read_bytes() == before
    assert not (directory / "SR_1_messagelog.txt").exists()
    assert list(store.read(BROADCASTS, AT)) == []
    killed = kill(directory, store)
    assert killed.last == {0: LastPost(1, AT)}
    assert b"refused" not in b"".join(
        path.read_bytes() for path in directory.rglob("*") if path.name.endswith(".txt")
    )
    commit(store, [said(2, "again"), room(1), said(1, log=1)])
    assert restart(directory, store).last == {0: LastPost(2, AT), 1: LastPost(1, AT)}


def test_a_file_that_has_the_name_of_a_new_room_is_not_touched(
    directory: Path, store: FileStore
) -> None:
    log = directory / "SR_1_messagelog.txt"
    log.write_text("somebody's")
    with pytest.raises(StoreError, match="File exists"):
        commit(store, [room(1)])
    assert log.read_text() == "somebody's"


def test_the_hidden_folder_is_made_anew_with_what_is_known(
    directory: Path, store: FileStore
) -> None:
    commit(store, [room(1), said(1)])
    shutil.rmtree(directory / ".toom")
    commit(store, [RoomEntry(2, ("Yoda", "Luke")), said(2)])
    store.publish(b"")
    with pytest.raises(DirectoryInUse):
        FileStore(directory).load()
    history = restart(directory, store)
    assert (set(history.rooms), history.last[0].number) == ({1, 2}, 2)


def test_a_lock_that_was_deleted_is_taken_again(directory: Path, store: FileStore) -> None:
    commit(store, [room(1), said(1)])
    shutil.rmtree(directory / ".toom")
    store.keep_hold()
    with pytest.raises(DirectoryInUse):
        FileStore(directory).load()
    assert set(kill(directory, store).rooms) == {1}


def test_the_hidden_folder_is_left_alone_while_a_batch_is_under_way(
    directory: Path, store: FileStore
) -> None:
    begin(store, [said(1)])
    shutil.rmtree(directory / ".toom")
    store.keep_hold()
    assert not (directory / ".toom").exists()
    store.finish()
    store.keep_hold()
    assert kill(directory, store).last[0].number == 1


def test_what_could_not_be_made_anew_is_made_later(
    directory: Path, store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(store, [room(1)])
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
    commit(store, [said(1)])
    shutil.rmtree(directory / ".toom")
    other = FileStore(directory)
    other.load()
    other.publish(b"the other's")
    store.keep_hold()
    with pytest.raises(StoreError, match="another server works"):
        commit(store, [said(2)])
    with pytest.raises(StoreError, match="Another server works"):
        store.publish(b"ours")
    assert (directory / "userlog.txt").read_bytes() == b"the other's"
    commit(other, [said(2, "the other's")])
    other.close()
    commit(store, [said(3)])
    assert read_numbers(store) == [1, 2, 3]


def test_a_server_can_end_on_a_disk_that_refuses(directory: Path, store: FileStore) -> None:
    (directory / "userlog.txt").unlink()
    (directory / "userlog.txt").mkdir()
    store.close()
    (directory / "userlog.txt").rmdir()
    store.load()


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
        commit(store, [said(1, "refused")])
    assert done == ["write", "sync", "zeros", "sync"]

    def sync(handle: int) -> None:
        done.append("sync")
        real_sync(handle)

    monkeypatch.setattr(os, "fdatasync", sync)
    commit(store, [said(1)])
    assert done[4:8] == ["zeros", "sync", "write", "sync"]
