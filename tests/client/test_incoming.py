"""SPEC S12, PROTOCOL 5.7: what becomes of unfinished data."""

from __future__ import annotations

import errno
import os
import random
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from toom_client.berths import Berths
from toom_client.files import (
    HIDDEN,
    KEPT,
    FileFault,
    sweep,
)
from toom_client.incoming import IncomingFile
from toom_client.place import SYNC_EVERY, Place, Then
from toom_client.resuming import Record
from toom_client.rules import Rules
from toom_protocol.transfer.frames import Offer
from toom_protocol.transfer.reasons import Reason
from toom_protocol.transfer.tree import leaf_of

CHUNK = 10  # bytes; a block has 450


def prepared(directory: Path, size: int = 4) -> IncomingFile:
    file = IncomingFile(directory, "Yoda_a.mp4", size, CHUNK)
    file.prepare()
    return file


def test_unfinished_data_is_hidden_until_it_is_committed(tmp_path: Path) -> None:
    file = prepared(tmp_path)
    assert os.listdir(tmp_path) == [HIDDEN]
    assert len(list((tmp_path / HIDDEN).glob("*.part"))) == 1
    file.write(memoryview(b"abcd"), 0)
    assert file.read(1, 2) == b"bc"
    file.commit()
    assert (tmp_path / "Yoda_a.mp4").read_bytes() == b"abcd"
    file.discard()
    assert (tmp_path / "Yoda_a.mp4").read_bytes() == b"abcd"
    assert os.listdir(tmp_path / HIDDEN) == []


def test_the_disk_takes_what_has_come_while_more_comes_once_at_a_time(tmp_path: Path) -> None:
    """PROTOCOL 5.7: so that at the end there is little to wait for."""
    jobs: list[tuple[Callable[[], None], Then]] = []
    told: list[FileFault | None] = []

    def work(job: Callable[[], None], then: Then) -> None:
        jobs.append((job, then))

    def run_one() -> None:
        job, then = jobs.pop(0)
        job()
        then(None)

    place = Place("Yoda", tmp_path, berths=Berths(), work=work, sync=work, rules=Rules())
    assert place.take(Offer(4 * SYNC_EVERY, "a.mp4"), CHUNK, told.append) is None
    run_one()
    assert place.file is not None
    piece = memoryview(bytes(SYNC_EVERY - 1))
    place.file.write(piece, 0)
    place.keep_up(told.append)
    assert not jobs
    place.file.write(piece[:1], len(piece))
    place.keep_up(told.append)
    assert [job for job, _ in jobs] == [place.file.sync]
    place.file.write(piece, SYNC_EVERY)
    place.file.write(piece[:1], 2 * SYNC_EVERY - 1)
    place.keep_up(told.append)  # the disk is at it
    assert len(jobs) == 1
    run_one()
    place.keep_up(told.append)
    assert len(jobs) == 1
    assert told == [None, None]
    place.leave(keep=False)


@pytest.mark.parametrize(
    ("number", "reason"), [(errno.EIO, Reason.CANNOT_WRITE), (errno.ENOSPC, Reason.NO_SPACE)]
)
def test_what_a_disk_has_lost_is_neither_put_in_its_place_nor_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, reason: Reason
) -> None:
    """A disk tells once: the next sync finds nothing wrong, and may have been asked for already."""

    def fail(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    file = prepared(tmp_path)
    file.write(memoryview(b"abcd"), 0)
    file.note(leaf_of(b"abcd"))
    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", fail)
        with pytest.raises(FileFault) as fault:
            file.sync()
    assert fault.value.reason is reason
    with pytest.raises(FileFault) as fault:
        file.commit()
    assert fault.value.reason is reason
    file.discard(keep=True)  # the user has cancelled before the fault was heard of
    assert os.listdir(tmp_path) == [HIDDEN]
    assert os.listdir(tmp_path / HIDDEN) == []


def test_a_disk_that_is_at_it_keeps_nobody_from_letting_go_and_trying_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, goes_on = threading.Event(), threading.Event()

    def wait(_descriptor: int) -> None:
        begun.set()
        assert goes_on.wait(20)

    file = prepared(tmp_path, len(CONTENT))
    file.write(memoryview(CONTENT[:450]), 0)
    file.note(leaf_of(CONTENT[:450]))
    monkeypatch.setattr(os, "fdatasync", wait)
    with ThreadPoolExecutor(1) as disk:
        synced = disk.submit(file.sync)
        assert begun.wait(20)
        file.discard(keep=True)
        part = next((tmp_path / HIDDEN).glob("*.part"))
        assert part.stat().st_size == 450
        again = prepared(tmp_path, len(CONTENT))
        assert again.leaves == leaf_of(CONTENT[:450])
        goes_on.set()
        synced.result(20)
    again.discard()
    assert os.listdir(tmp_path / HIDDEN) == []


def test_the_end_waits_for_the_disk_that_is_at_it_and_may_yet_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, goes_on = threading.Event(), threading.Event()

    def fail(_descriptor: int) -> None:
        begun.set()
        assert goes_on.wait(20)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    file = prepared(tmp_path)
    file.write(memoryview(b"abcd"), 0)
    monkeypatch.setattr(os, "fdatasync", fail)
    with ThreadPoolExecutor(2) as disk:
        synced = disk.submit(file.sync)
        assert begun.wait(20)
        stored = disk.submit(file.commit)
        goes_on.set()
        for each in (synced, stored):
            with pytest.raises(FileFault) as fault:
                each.result(20)
            assert fault.value.reason is Reason.CANNOT_WRITE
    file.discard()
    assert os.listdir(tmp_path) == [HIDDEN]


def test_after_discard_nothing_appears(tmp_path: Path) -> None:
    file = prepared(tmp_path)
    file.discard()
    for step in (file.prepare, file.sync, file.commit):
        with pytest.raises(FileFault) as fault:
            step()
        assert fault.value.reason is Reason.GIVEN_UP
    assert os.listdir(tmp_path / HIDDEN) == []
    with pytest.raises(FileFault) as fault:
        file.write(memoryview(b"a"), 0)
    assert fault.value.reason is Reason.CANNOT_WRITE
    with pytest.raises(FileFault) as fault:
        file.read(0, 1)
    assert fault.value.reason is Reason.CANNOT_READ


def test_a_directory_that_takes_the_name_meanwhile_is_kept(tmp_path: Path) -> None:
    file = prepared(tmp_path)
    (tmp_path / "Yoda_a.mp4").mkdir()
    with pytest.raises(FileFault) as fault:
        file.commit()
    assert fault.value.reason is Reason.NAME_IS_DIRECTORY
    file.discard()


def test_unfinished_data_that_somebody_has_cut_is_not_committed(tmp_path: Path) -> None:
    file = prepared(tmp_path)
    os.truncate(next((tmp_path / HIDDEN).iterdir()), 2)
    with pytest.raises(FileFault) as fault:
        file.commit()
    assert fault.value.reason is Reason.CANNOT_WRITE
    file.discard()
    assert os.listdir(tmp_path) == [HIDDEN]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small file system")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a tmpfs is not allowed here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_is_known_before_the_first_byte(small_disk: Path) -> None:
    file = IncomingFile(small_disk, "Yoda_a.mp4", 2_000_000, CHUNK)
    with pytest.raises(FileFault) as fault:
        file.prepare()
    assert fault.value.reason is Reason.NO_SPACE
    file.discard()
    assert os.listdir(small_disk / HIDDEN) == []
    prepared(small_disk, 500_000).discard()


def left_behind(directory: Path, content: bytes, blocks: int) -> None:
    """An earlier try of which so many blocks have come."""
    file = prepared(directory, len(content))
    for block in range(blocks):
        part = content[block * 450 : (block + 1) * 450]
        file.write(memoryview(part), block * 450)
        file.note(leaf_of(part))
    file.discard(keep=True)


CONTENT = random.Random(7).randbytes(450 * 40 + 7)


@pytest.mark.parametrize("blocks", [1, 16, 39, 41])
def test_what_has_come_is_there_for_another_try(tmp_path: Path, blocks: int) -> None:
    left_behind(tmp_path, CONTENT, blocks)
    (part,) = (tmp_path / HIDDEN).glob("*.part")
    assert part.stat().st_size == min(blocks * 450, len(CONTENT)), "the rest of the room is free"
    file = prepared(tmp_path, len(CONTENT))
    assert len(file.leaves) == blocks * 32
    for block in range(blocks, 41):
        file.write(memoryview(CONTENT[block * 450 : (block + 1) * 450]), block * 450)
    file.commit()
    file.discard()
    assert (tmp_path / "Yoda_a.mp4").read_bytes() == CONTENT
    assert os.listdir(tmp_path / HIDDEN) == []


def test_without_a_whole_block_nothing_is_kept(tmp_path: Path) -> None:
    left_behind(tmp_path, CONTENT, 0)
    assert os.listdir(tmp_path / HIDDEN) == []


def test_what_is_not_kept_is_gone(tmp_path: Path) -> None:
    left_behind(tmp_path, CONTENT, 5)
    prepared(tmp_path, len(CONTENT)).discard()
    assert os.listdir(tmp_path / HIDDEN) == []


def test_of_another_size_nothing_is_taken_over(tmp_path: Path) -> None:
    left_behind(tmp_path, CONTENT, 5)
    file = prepared(tmp_path, len(CONTENT) + 1)
    assert file.leaves == b""
    file.discard()


@pytest.mark.parametrize("what", ["data", "leaf", "shorter", "torn", "nothing"])
def test_only_blocks_that_are_still_so_are_taken_over(tmp_path: Path, what: str) -> None:
    """After a loss of power anything may stand there."""
    left_behind(tmp_path, CONTENT, 20)
    (part,), (record,) = (list((tmp_path / HIDDEN).glob(f"*.{end}")) for end in ("part", "leaves"))
    head = record.read_bytes().index(b"\n") + 1
    match what:
        case "data":
            with part.open("r+b") as file:
                file.seek(7 * 450 + 449)
                file.write(b"?")
        case "leaf":
            with record.open("r+b") as file:
                file.seek(head + 7 * 32)
                file.write(b"?")
        case "shorter":
            os.truncate(part, 8 * 450 - 1)
        case "torn":
            os.truncate(record, head + 8 * 32 - 1)
        case _:
            os.truncate(record, head - 1)
    again = prepared(tmp_path, len(CONTENT))
    assert len(again.leaves) // 32 == (0 if what == "nothing" else 7)
    again.discard(keep=True)


def test_the_record_of_a_killed_client_tells_most_of_its_blocks(tmp_path: Path) -> None:
    file = prepared(tmp_path, len(CONTENT))
    for block in range(20):
        part = CONTENT[block * 450 : (block + 1) * 450]
        file.write(memoryview(part), block * 450)
        file.note(leaf_of(part))
    script = tmp_path / HIDDEN  # as it lies there at this moment
    for path in list(script.iterdir()):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    file.discard()
    for path in list(tmp_path.glob("*.part")) + list(tmp_path.glob("*.leaves")):
        path.rename(script / path.name)
    assert len(prepared(tmp_path, len(CONTENT)).leaves) == 16 * 32


def test_two_clients_in_one_directory_do_not_share_what_is_unfinished(tmp_path: Path) -> None:
    left_behind(tmp_path, CONTENT, 5)
    one, other = prepared(tmp_path, len(CONTENT)), prepared(tmp_path, len(CONTENT))
    assert len(one.leaves) == 5 * 32
    assert other.leaves == b""
    other.write(memoryview(b"other"), 0)
    assert one.read(0, 5) == CONTENT[:5]
    one.discard()
    other.commit()
    other.discard()
    assert (tmp_path / "Yoda_a.mp4").read_bytes()[:5] == b"other"


def test_another_try_needs_no_more_room_than_what_is_missing(small_disk: Path) -> None:
    content = random.Random(7).randbytes(450 * 1800)  # most of the disk
    left_behind(small_disk, content, 1500)
    file = prepared(small_disk, len(content))
    assert len(file.leaves) == 1500 * 32
    file.discard()


def test_a_full_disk_ends_the_record_and_not_the_transfer(small_disk: Path) -> None:
    """The room for the file is taken; what is known of it only saves time."""
    content = random.Random(7).randbytes(450 * 1800)
    file = prepared(small_disk, len(content))
    with suppress(OSError), (small_disk / "full").open("wb", buffering=0) as other:
        while True:
            other.write(bytes(4096))
    for block in range(1800):
        part = content[block * 450 : (block + 1) * 450]
        file.write(memoryview(part), block * 450)
        file.note(leaf_of(part))
    file.discard(keep=True)
    again = prepared(small_disk, len(content))
    assert again.leaves == b"".join(
        leaf_of(content[at : at + 450]) for at in range(0, len(again.leaves) // 32 * 450, 450)
    )
    again.write(memoryview(content), 0)
    again.commit()
    again.discard()
    assert (small_disk / "Yoda_a.mp4").read_bytes() == content


def test_who_leaves_while_it_is_looked_at_finds_it_another_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large file takes a while to compare with its leaves."""
    left_behind(tmp_path, CONTENT, 20)
    file = IncomingFile(tmp_path, "Yoda_a.mp4", len(CONTENT), CHUNK)
    load = Record.load

    def leave(record: Record, data: int) -> bytes:
        file.discard(keep=True)
        return load(record, data)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Record, "load", leave)
        file.prepare()
    again = prepared(tmp_path, len(CONTENT))
    assert len(again.leaves) == 20 * 32
    again.discard()


def test_what_is_older_than_a_day_is_not_gone_on_with(tmp_path: Path) -> None:
    left_behind(tmp_path, CONTENT, 5)
    for path in (tmp_path / HIDDEN).iterdir():
        os.utime(path, (time.time() - KEPT - 60,) * 2)
    file = prepared(tmp_path, len(CONTENT))
    assert file.leaves == b""
    file.discard()


def test_records_are_swept_too(tmp_path: Path) -> None:
    left_behind(tmp_path, CONTENT, 5)
    sweep(tmp_path, now=time.time() + KEPT + 1)
    assert os.listdir(tmp_path / HIDDEN) == []
