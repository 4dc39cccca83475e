"""`toom-server --check`: what is in order, what is not, and nothing changed: PROTOCOL 6.2, 6.3."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.server.storing import begin, commit, room, said
from toom_server.checkpoint import read
from toom_server.checkup import examine
from toom_server.entries import RoomEntry
from toom_server.file_store import FileStore
from toom_server.segments import BLOCK, MAGIC

LOG = """\
1; 24 Nov 2026 10:00:00; Yoda; one
2; 24 Nov 2026 10:00:00; Han; two; three
"""


def faults(directory: Path) -> list[str]:
    return [found.text for found in examine(directory) if found.fault]


def told(directory: Path) -> list[str]:
    """What is found, and is no fault; nothing has changed afterwards."""
    before = content(directory)
    found = [found.text for found in examine(directory) if not found.fault]
    assert content(directory) == before
    return found


def content(directory: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@contextmanager
def killed_with_some(directory: Path) -> Iterator[FileStore]:
    """A store with a message and a room; its process ends without warning afterwards."""
    with killed(directory) as store:
        commit(store, [said(1), room(1), said(1, log=1)])
        yield store


@contextmanager
def killed(directory: Path) -> Iterator[FileStore]:
    store = FileStore(directory)
    store.load()
    yield store
    store.drop()


def end_in_order(directory: Path) -> None:
    store = FileStore(directory)
    store.load()
    store.close()


def after_boot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toom_server.journal.boot", lambda: b"the next boot...")


def test_logs_in_order(tmp_path: Path) -> None:
    (tmp_path / "messagelog.txt").write_text(LOG)
    (tmp_path / "SR_10_messagelog.txt").write_text("")
    (tmp_path / "SR_9_messagelog.txt").write_text(LOG)
    assert [found.text for found in examine(tmp_path)] == [
        "messagelog.txt: 2 messages",
        "SR_9_messagelog.txt: 2 messages",
        "SR_10_messagelog.txt: 0 messages",
    ]
    assert faults(tmp_path) == []


def test_every_fault_has_its_line(tmp_path: Path) -> None:
    text = LOG + "4; 24 Nov 2026 09:59:59; Han; five\nhello\n\n5; 24 Nov 2026 10:00:01; Han; x"
    (tmp_path / "messagelog.txt").write_text(text)
    assert faults(tmp_path) == [
        "messagelog.txt, line 3: #4 follows #2",
        "messagelog.txt, line 3: earlier than the line before",
        "messagelog.txt, line 4: no message",
        "messagelog.txt, line 5: no message",
    ]
    assert told(tmp_path) == [
        "messagelog.txt: the last line has no newline; a start adds it",
        "messagelog.txt: 4 messages",
    ]
    assert (tmp_path / "messagelog.txt").read_text() == text


def test_what_is_not_there(tmp_path: Path) -> None:
    assert faults(tmp_path / "nowhere") == [f"{tmp_path / 'nowhere'}: no such directory"]
    assert faults(tmp_path) == []


def test_a_directory_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> Iterator[Path]:
        raise PermissionError(errno.EACCES, "Permission denied")

    for asked in ("iterdir", "is_dir"):
        with monkeypatch.context() as patched:
            patched.setattr(Path, asked, refuse)
            assert faults(tmp_path) == [f"{tmp_path}: cannot be read: Permission denied"]


def test_a_directory_that_was_left_in_order(tmp_path: Path) -> None:
    with killed_with_some(tmp_path) as store:
        commit(store, [said(2)])
    end_in_order(tmp_path)
    assert faults(tmp_path) == []
    assert told(tmp_path) == ["messagelog.txt: 2 messages", "SR_1_messagelog.txt: 1 messages"]


def test_a_server_works_there(tmp_path: Path) -> None:
    with killed_with_some(tmp_path) as store:
        with (tmp_path / "messagelog.txt").open("a") as log:
            log.write("2; 24 Nov 2026 10:0")
        assert faults(tmp_path) == []
        first, *rest = told(tmp_path)
        assert "a server works in it" in first
        assert rest == ["messagelog.txt: 1 messages", "SR_1_messagelog.txt: 1 messages"]
        commit(store, [said(2)])  # it was not disturbed


def test_what_a_start_completes_from_the_journal(tmp_path: Path) -> None:
    with killed_with_some(tmp_path) as store:
        begin(store, [said(2), RoomEntry(2, ("Yoda", "Luke")), said(1, log=2), said(3)])
        store.sync()
        with (tmp_path / "messagelog.txt").open("a") as log:
            log.write("2; 1 Jun 2022 16:00:00; Yo")
        (tmp_path / "SR_2_messagelog.txt").unlink()
    assert faults(tmp_path) == []
    assert told(tmp_path) == [
        ".toom/journal: the server did not end in order; 2 records since the checkpoint",
        ".toom/rooms: a start adds from the journal: 2",
        "messagelog.txt: the last line is half-written; a start cuts it off",
        "messagelog.txt: a start adds from the journal: 2 messages",
        "messagelog.txt: 1 messages",
        "SR_1_messagelog.txt: 1 messages",
        "SR_2_messagelog.txt: a start adds from the journal: 1 messages",
        "SR_2_messagelog.txt: not there; a start makes it",
    ]


def test_what_a_start_completes_after_a_loss_of_power(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with killed_with_some(tmp_path):
        size = (tmp_path / "messagelog.txt").stat().st_size
        (tmp_path / "messagelog.txt").write_bytes(bytes(size - 1) + b"\n")
    after_boot(monkeypatch)
    assert faults(tmp_path) == []
    assert told(tmp_path)[1:] == [
        f"messagelog.txt: the last {size} bytes differ from the journal; a start writes them anew",
        "messagelog.txt: a start adds from the journal: 1 messages",
        "messagelog.txt: 0 messages",
        "SR_1_messagelog.txt: 1 messages",
    ]


@pytest.mark.parametrize("in_order", [True, False])
def test_logs_that_lack_what_was_acknowledged(tmp_path: Path, in_order: bool) -> None:
    with killed_with_some(tmp_path) as store:
        commit(store, [said(2), said(3)])
    if in_order:
        end_in_order(tmp_path)
    log = tmp_path / "messagelog.txt"
    log.write_text(log.read_text().splitlines(keepends=True)[0])
    (tmp_path / "SR_1_messagelog.txt").unlink()
    gone = "#{} had been acknowledged, but the log ends at #{}: it was deleted or shortened; going"
    assert [fault.removesuffix(" on from there.") for fault in faults(tmp_path)] == [
        "messagelog.txt: " + gone.format(3, 1),
        "SR_1_messagelog.txt: " + gone.format(1, 0),
    ]


@pytest.mark.parametrize("kept", [10, 30, BLOCK, BLOCK + 40])
def test_a_record_that_is_torn_at_the_end(tmp_path: Path, kept: int) -> None:
    with killed_with_some(tmp_path) as store:
        end = store._journal._segments[-1].end
        begin(store, [said(2, "x" * 8000)])
        store.sync()
        with store._journal._segments[-1].path.open("r+b") as segment:
            segment.seek(end + kept)
            segment.write(bytes(3 * BLOCK - kept))
    assert faults(tmp_path) == []
    torn = "a record at the end is torn; it was never acknowledged, and a start leaves it out"
    assert f".toom/journal: {torn}" in told(tmp_path)


def test_a_record_that_was_refused_is_not_spoken_of(tmp_path: Path) -> None:
    with killed_with_some(tmp_path) as store:
        begin(store, [said(2, "x" * 8000)])
        store.abandon()
        commit(store, [said(2)])
    assert faults(tmp_path) == []
    assert not [line for line in told(tmp_path) if "torn" in line]


def test_a_record_that_is_damaged_in_the_middle(tmp_path: Path) -> None:
    with killed_with_some(tmp_path) as store:
        where = store._journal._segments[-1].end
        commit(store, [said(2)])
        commit(store, [said(3)])
        commit(store, [said(4)])
        with store._journal._segments[-1].path.open("r+b") as segment:
            segment.seek(where + 30)
            segment.write(b"!")
    fault, *_ = faults(tmp_path)
    assert fault == ".toom/journal: record 2 is damaged or missing, 2 whole ones follow"


def test_records_that_are_missing_since_the_checkpoint(tmp_path: Path) -> None:
    with killed_with_some(tmp_path):
        pass
    checkpoint = tmp_path / ".toom" / "checkpoint"
    old = checkpoint.read_bytes()
    with killed(tmp_path) as store:
        commit(store, [said(2)])
    checkpoint.write_bytes(old)
    assert read(tmp_path / ".toom") is not None
    [fault] = faults(tmp_path)
    assert fault == ".toom/journal: records 1 to 1 are missing"


def test_a_journal_of_another_version(tmp_path: Path) -> None:
    with killed_with_some(tmp_path):
        pass
    with (tmp_path / ".toom" / "journal-0000000000000001").open("r+b") as segment:
        segment.write(MAGIC[:-1] + b"2")
    [fault] = faults(tmp_path)
    name = "journal-0000000000000001"
    assert fault == f".toom/journal: {name} is of another version; a server does not start on it"
    assert "messagelog.txt: 1 messages" in told(tmp_path)
    before = content(tmp_path)
    with pytest.raises(OSError, match="another version"):
        FileStore(tmp_path).load()
    assert content(tmp_path) == before


def test_damage_beside_the_journal(tmp_path: Path) -> None:
    with killed_with_some(tmp_path):
        pass
    (tmp_path / ".toom" / "checkpoint").write_text("toom-checkpoint 1 4\n")
    assert ".toom/checkpoint: damaged; a start does without it" in told(tmp_path)
    with (tmp_path / ".toom" / "rooms").open("a") as rooms:
        rooms.write("no room\n")
    assert faults(tmp_path) == [".toom/rooms: 1 lines are no rooms"]


def test_a_hidden_folder_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / ".toom").write_text("no folder")
    (tmp_path / "messagelog.txt").write_text(LOG)
    assert faults(tmp_path) == [".toom: cannot be read: Not a directory"]
    assert told(tmp_path) == ["messagelog.txt: 2 messages"]
