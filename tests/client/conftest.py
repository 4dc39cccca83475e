"""A table with two users, for all tests of transfers over real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.table import Client, Table


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    table = Table(tmp_path)
    yield table
    for client in table.clients:
        client.transfers.close()


@pytest.fixture
def yoda(table: Table) -> Client:
    return table.seat("Yoda")


@pytest.fixture
def han(table: Table) -> Client:
    return table.seat("Han")
