"""A store in a directory of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from toom_server.file_store import FileStore


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def store(directory: Path) -> Iterator[FileStore]:
    store = FileStore(directory)
    store.load()
    yield store
    store.close()
