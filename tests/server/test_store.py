"""What lasts, and what a start makes of a directory: SPEC S3, S13; PROTOCOL 6.1, 6.2, 6.3."""

import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.server.storing import AT, commit, read_numbers, restart, room, said
from toom_server.entries import BROADCASTS, LastPost, RoomEntry
from toom_server.file_store import FileStore


def test_messages_and_rooms_survive(directory: Path, store: FileStore) -> None:
    commit(store, [said(1), room(1), said(1, "a; b", log=1), said(2)])
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
    commit(store, [said(n, at=AT + timedelta(seconds=n // 2)) for n in range(1, 7)])
    blocks = store.read(BROADCASTS, AT + timedelta(seconds=1))
    assert [line[:1] for line in b"".join(blocks).splitlines()] == [b"4", b"5", b"6"]
    assert list(store.read(BROADCASTS, AT + timedelta(seconds=3))) == []
    assert list(store.read(99, AT)) == []


def test_long_answers_come_in_blocks_of_whole_lines(store: FileStore) -> None:
    commit(store, [said(n, "x" * 1000) for n in range(1, 101)])
    blocks = list(store.read(BROADCASTS, datetime.min))
    assert len(blocks) > 1
    assert all(block.endswith(b"\n") and len(block) < 0xFFFF for block in blocks)
    assert len(b"".join(blocks).splitlines()) == 100


def test_a_torn_last_line_is_cut_off(directory: Path, store: FileStore) -> None:
    commit(store, [said(1)])
    with (directory / "messagelog.txt").open("a") as log:
        log.write("2; 1 Jun 2022 16:00:00; Yoda; ha")
    history = restart(directory, store)
    assert history.last[0].number == 1
    assert "half-written" in history.warnings[0]
    assert (directory / "messagelog.txt").read_text().count("\n") == 1


def test_an_acknowledged_line_that_lost_its_newline_is_kept(
    directory: Path, store: FileStore
) -> None:
    commit(store, [said(1), said(2)])
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
    commit(store, [said(8, at=AT + timedelta(seconds=1))])
    [block] = store.read(BROADCASTS, AT)
    assert block.startswith(b"8; ")
    store.close()
    assert (directory / "messagelog.txt").read_text().count("\n") == 2


def test_a_log_that_somebody_shortened_stays_so(directory: Path, store: FileStore) -> None:
    commit(store, [said(1), said(2), said(3)])
    log = directory / "messagelog.txt"
    log.write_text(log.read_text().splitlines(keepends=True)[0])
    history = restart(directory, store)
    assert history.last[0].number == 1
    [warning] = history.warnings
    assert "#3 had been acknowledged" in warning
    assert restart(directory, store).warnings == ()


def test_a_log_that_somebody_deleted_stays_so(directory: Path, store: FileStore) -> None:
    commit(store, [room(1), said(1, log=1)])
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
    commit(store, [room(1)])
    with (directory / ".toom" / "rooms").open("a") as rooms:
        rooms.write('{"id": 2, "mem')
    history = restart(directory, store)
    assert set(history.rooms) == {1}
    assert history.warnings
    assert restart(directory, store).warnings == ()


def test_a_log_deleted_under_a_running_server_is_begun_anew(
    directory: Path, store: FileStore
) -> None:
    commit(store, [said(1), said(2)])
    (directory / "messagelog.txt").unlink()
    assert read_numbers(store) == []
    commit(store, [said(3), said(4)])
    assert read_numbers(store) == [3, 4]


def test_a_log_edited_under_a_running_server_is_read_as_it_is(
    directory: Path, store: FileStore
) -> None:
    commit(store, [said(1), said(2)])
    log = directory / "messagelog.txt"
    log.write_text("a note\n" + log.read_text().removesuffix("\n"))
    commit(store, [said(3, at=AT + timedelta(seconds=1))])
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


@pytest.mark.parametrize(
    "line",
    ["[" * 100_000, '{"id": Infinity, "members": ["Yoda"]}', '{"id": 0, "members": ["Yoda"]}', "7"],
)
def test_any_line_at_all_among_the_rooms(directory: Path, store: FileStore, line: str) -> None:
    commit(store, [room(1)])
    with (directory / ".toom" / "rooms").open("a") as rooms:
        rooms.write(line + "\n")
    assert set(restart(directory, store).rooms) == {1}


def test_a_room_whose_line_lost_its_newline_is_kept(directory: Path, store: FileStore) -> None:
    commit(store, [room(1)])
    rooms = directory / ".toom" / "rooms"
    rooms.write_text(rooms.read_text().removesuffix("\n"))
    restart(directory, store)
    commit(store, [RoomEntry(2, ("Yoda", "Luke"))])
    assert set(restart(directory, store).rooms) == {1, 2}


def test_room_that_was_taken_ahead_is_given_back(directory: Path, store: FileStore) -> None:
    for number in range(1, 200):
        commit(store, [said(number, "x" * 3000)])
    log = directory / "messagelog.txt"
    size = log.stat().st_size
    assert log.stat().st_blocks * 512 > size + 8192
    restart(directory, store)
    assert log.stat().st_blocks * 512 < size + 8192


def test_a_place_in_a_log_that_somebody_edits_is_looked_up_again(
    directory: Path, store: FileStore
) -> None:
    commit(store, [said(1), said(2)])
    lines, place = store.read_after(BROADCASTS, 1, None)
    assert lines == b"2; 1 Jun 2022 16:00:00; Yoda; hi\n"
    log = directory / "messagelog.txt"
    log.write_bytes(b"a note by hand, longer than a line of a message\n" + log.read_bytes())
    commit(store, [said(3)])
    lines, _ = store.read_after(BROADCASTS, 2, place)
    assert lines == b"3; 1 Jun 2022 16:00:00; Yoda; hi\n"


def test_a_log_that_is_cut_off_has_no_more_blocks(directory: Path, store: FileStore) -> None:
    commit(store, [said(1), said(2)])
    (directory / "messagelog.txt").write_bytes(b"")
    looks = []
    real = store._logs[BROADCASTS].block_from

    def look(offset: int) -> tuple[bytes, int]:
        looks.append(offset)
        return real(offset)

    store._logs[BROADCASTS].block_from = look  # type: ignore[method-assign]
    assert store.read_after(BROADCASTS, 0, None)[0] == b""
    assert len(looks) == 1  # and not one for each byte that is gone


def test_who_reads_slowly_keeps_no_descriptor(directory: Path, store: FileStore) -> None:
    commit(store, [said(number, "x" * 8000) for number in range(1, 21)])
    before = len(os.listdir("/proc/self/fd"))
    readers = [store.read(BROADCASTS, datetime.min) for _ in range(50)]
    for reader in readers:
        next(reader)
    assert len(os.listdir("/proc/self/fd")) == before
