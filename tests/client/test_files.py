"""SPEC S12: what is opened to be sent, and the hidden folder."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from toom_client.files import (
    HIDDEN,
    KEPT,
    FileFault,
    OpenedFile,
    hidden_folder,
    open_for_sending,
    sweep,
)
from toom_protocol.transfer.reasons import Reason


def test_a_regular_file_is_opened(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"abc")
    file = open_for_sending(tmp_path, "a.mp4")
    assert isinstance(file, OpenedFile)
    assert (file.filename, file.size) == ("a.mp4", 3)
    content = bytearray(2)
    file.read_into(memoryview(content), 1)
    assert content == b"bc"
    file.check_unchanged()
    with pytest.raises(FileFault) as fault:
        file.read_into(memoryview(bytearray(4)), 0)
    assert fault.value.reason is Reason.FILE_CHANGED
    os.utime(tmp_path / "a.mp4", ns=(1, 1))
    with pytest.raises(FileFault):
        file.check_unchanged()
    file.close()
    with pytest.raises(FileFault) as fault:
        file.read_into(memoryview(bytearray(1)), 0)
    assert fault.value.reason is Reason.CANNOT_READ


@pytest.mark.parametrize(
    ("filename", "why"),
    [
        ("missing.mp4", "missing.mp4 does not exist"),
        ("folder", "folder is a directory"),
        ("fifo", "fifo is not a regular file"),
        ("loop", "loop cannot be read: Too many levels of symbolic links"),
        ("../a.mp4", "../a.mp4 cannot be sent: the name holds a /"),
        (".hidden", ".hidden cannot be sent: the name begins with a dot"),
        ("a\n", "a\\n cannot be sent: the name holds a control character or is no valid UTF-8"),
    ],
)
def test_what_cannot_be_sent_is_said_in_one_line(tmp_path: Path, filename: str, why: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")  # opening it must not hang
    (tmp_path / "loop").symlink_to("loop")
    assert open_for_sending(tmp_path, filename) == why


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch(mode=0)
    assert open_for_sending(tmp_path, "a.mp4") == "a.mp4 cannot be read: Permission denied"


def test_what_the_kernel_makes_up_is_no_film_of_no_bytes(tmp_path: Path) -> None:
    (tmp_path / "version").symlink_to("/proc/version")
    told = open_for_sending(tmp_path, "version")
    assert told == "version is not a regular file: it has no size"


def test_an_empty_file_is_opened(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    file = open_for_sending(tmp_path, "a.mp4")
    assert isinstance(file, OpenedFile)
    file.close()


def test_the_hidden_folder_is_private_and_real(tmp_path: Path) -> None:
    folder = hidden_folder(tmp_path)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert hidden_folder(tmp_path) == folder
    folder.rmdir()
    folder.write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        hidden_folder(tmp_path)


def test_what_is_older_than_a_day_is_swept(tmp_path: Path) -> None:
    """«where unfinished data may wait at most 24 h»"""
    folder = hidden_folder(tmp_path)
    now = time.time()
    for name, age in (("old.part", KEPT + 60), ("new.part", KEPT - 60), ("rooms", KEPT + 60)):
        (folder / name).touch()
        os.utime(folder / name, (now - age, now - age))
    sweep(tmp_path, now=now)
    assert sorted(os.listdir(folder)) == ["new.part", "rooms"]
    sweep(tmp_path / "nowhere")


def test_a_link_in_place_of_the_folder_is_not_swept(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "old.part").touch()
    (tmp_path / HIDDEN).symlink_to(elsewhere)
    sweep(tmp_path, now=time.time() + 2 * KEPT)
    assert (elsewhere / "old.part").exists()
