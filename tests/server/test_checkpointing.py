"""Checkpoints that the disk refuses are made up for (PROTOCOL 6.2, 6.3)."""

import os
import shutil
from pathlib import Path

import pytest

from tests.server.storing import commit, said
from toom_server.file_store import FileStore


def test_a_folder_that_is_made_anew_at_the_second_try_syncs_all_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal that had their lines is gone: nothing else keeps them from a loss of power."""
    store = FileStore(tmp_path)
    store.load()
    commit(store, [said(1)])
    shutil.rmtree(tmp_path / ".toom")
    synced: list[str] = []
    real = os.fdatasync

    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    def note(handle: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{handle}"))
        real(handle)

    monkeypatch.setattr(os, "fdatasync", refuse)
    store.keep_hold()
    monkeypatch.setattr(os, "fdatasync", note)
    store.keep_hold()
    assert str(tmp_path / "messagelog.txt") in synced
    store.close()
